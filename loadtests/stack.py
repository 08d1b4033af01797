"""What a load test needs running: an indexed demo shop, the service; redis_process.py has Redis.

Each is a context manager that waits until its process answers, and stops it at the end however
that comes. The processes get sessions of their own: Ctrl-C reaches the runner alone, which then
stops them in order.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).parent.parent
_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.05


_DOORS = ("VITRINE_API_KEYS", "VITRINE_API_KEYS_FILE", "VITRINE_RATE_LIMIT")


class LoadTestError(Exception):
    """The load test could not be carried out."""


@contextmanager
def running(
    command: Sequence[str], log: Path, environment: Mapping[str, str | None] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command from the root of the project, its output in `log`; terminate it at the end.

    Args:
        command: What to run.
        log: Where its output goes.
        environment: Variables over those of this process; None takes one out.
    """
    variables = {**os.environ, **(environment or {})}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={name: value for name, value in variables.items() if value is not None},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def run_to_end(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> int:
    """Run a command and return its exit status."""
    with running(command, log, environment) as process:
        return process.wait()


def index_catalog(catalog: Path, data_dir: Path, log: Path) -> None:
    """Run `vitrine reindex`.

    Raises:
        LoadTestError: It failed.
    """
    command = [sys.executable, "-m", "service", "reindex", str(catalog)]
    if run_to_end([*command, "--data-dir", str(data_dir)], log):
        raise LoadTestError(f"reindex failed:\n{tail(log)}")


@dataclass(frozen=True, slots=True)
class Served:
    """A service that answers."""

    address: str
    pid: int


@contextmanager
def service(data_dir: Path, log: Path, settings: Mapping[str, object]) -> Iterator[Served]:
    """Run `vitrine serve`; yield once it is ready.

    Args:
        data_dir: Of an index.
        log: Where its output goes.
        settings: By name without their prefix; they go before those of the environment, of which
            keys and rate limits are left out.
    """
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    chosen = {"data_dir": data_dir, "host": "127.0.0.1", "port": port, **settings}
    environment: dict[str, str | None] = dict.fromkeys(_DOORS)
    environment |= {f"VITRINE_{name.upper()}": str(value) for name, value in chosen.items()}
    with running([sys.executable, "-m", "service", "serve"], log, environment) as process:
        wait_until("the service", lambda: _answers_ready(address), process, log)
        yield Served(address, process.pid)


def shop_settings(redis_url: str) -> dict[str, object]:
    """Return settings of a service under mixed load: some fifty vectors, and answers, fit into it.

    That is fewer than there are pictures, so that Redis answers too, as it does for a fleet.
    """
    small = {"memory_cache_bytes": 120_000, "result_cache_bytes": 500_000}
    return {"redis_url": redis_url, **small}


def tail(log: Path) -> str:
    """Return the end of what a process wrote."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _answers_ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/readyz", timeout=5, trust_env=False).is_success
    except httpx.TransportError:
        return False


def wait_until(
    what: str, ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path
) -> None:
    """Wait until something answers.

    Raises:
        LoadTestError: Its process ended, or it took a minute.
    """
    deadline = time.monotonic() + _START_SECONDS
    while not ready():
        if process.poll() is not None:
            raise LoadTestError(f"{what} ended with status {process.returncode}:\n{tail(log)}")
        if time.monotonic() > deadline:
            raise LoadTestError(f"{what} was not ready in {_START_SECONDS:g} s:\n{tail(log)}")
        time.sleep(_POLL_SECONDS)
