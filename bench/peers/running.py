"""A peer in processes of its own, from its start to its first answer and to its end.

Given -> python -m bench.peers.NAME, a session of its own -> answers a picture -> lent -> ended
"""

import importlib.util
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.peers.parts import Given
from bench.query import Side, connect, post
from loadtests import stack
from loadtests.stack import free_port, wait_until


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
) -> Iterator[Side]:
    """Start a peer and lend it once it has answered a picture.

    Raises:
        LoadTestError: It ended, or did not listen; with what it said.
        RuntimeError: It answered nothing, or not a 200.
    """
    given = Given(data_dir, bundle, answer_bytes, free_port())
    address, log = ("127.0.0.1", given.port), data_dir / f"{peer.name}.log"
    command = [sys.executable, "-m", peer.module, *given.arguments()]
    with stack.running(command, log) as process, _all_ended(process.pid):
        wait_until(peer.name, lambda: _listens(address), process, log)
        with connect(address) as connection:
            post(connection, picture)
        yield Side(address, process.pid)


def _listens(address: tuple[str, int]) -> bool:
    with suppress(ConnectionRefusedError), connect(address):
        return True
    return False


@contextmanager
def _all_ended(session: int) -> Iterator[None]:
    """End all processes of a session: LitServe leaves its workers behind."""
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(session, signal.SIGTERM)
