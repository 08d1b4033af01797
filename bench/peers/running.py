"""A peer in processes of its own, from its start to its first answer and to its end.

Given -> python -m bench.peers.NAME, a session of its own -> answers a picture -> lent -> ended
"""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.peers.parts import Given
from bench.query import connect, post

_START_SECONDS, _STOP_SECONDS = 60.0, 10.0


@dataclass(frozen=True, slots=True)
class Peer:
    """One of the peers.

    Attributes:
        module: Its command.
        needs: The package it stands for, which may not be installed.
    """

    name: str
    module: str
    needs: str

    @property
    def missing(self) -> str | None:
        """Say why it is left out; None where it can be started."""
        if importlib.util.find_spec(self.needs):
            return None
        return f"{self.name} is left out: {self.needs} is not installed here ('.[peers]' has it)"


PEERS = (
    Peer("fastapi", "bench.peers.naive", "fastapi"),
    Peer("litserve", "bench.peers.batched", "litserve"),
)


@contextmanager
def running(
    peer: Peer, data_dir: Path, bundle: Path, answer_bytes: int, picture: bytes
) -> Iterator[tuple[str, int]]:
    """Start a peer and lend its address once it has answered a picture.

    Raises:
        RuntimeError: It ended, or answered nothing, or not a 200; with what it said.
    """
    given = Given(data_dir, bundle, answer_bytes, _free_port())
    address, log = ("127.0.0.1", given.port), data_dir / f"{peer.name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", peer.module, *given.arguments()],
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # LitServe's workers end with it
        )
    try:
        _await(address, peer, process, log)
        with connect(address) as connection:
            post(connection, picture)
        yield address
    finally:
        _end(process)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _await(
    address: tuple[str, int], peer: Peer, process: subprocess.Popen[bytes], log: Path
) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(ConnectionRefusedError):
            connect(address).close()
            return
        time.sleep(0.05)
    raise RuntimeError(f"{peer.module} did not start:\n{log.read_text()[-2000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End all its processes, of which some may be left after the first."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
