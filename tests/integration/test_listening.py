"""Where a service listens, and what it says where it cannot."""

import asyncio
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest
import uvloop

from service.cli.listening import _bound
from support.live_server import vitrine

pytestmark = pytest.mark.integration
CALLERS = 32


def test_an_address_that_is_taken_ends_the_start_with_a_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = vitrine("serve", "--data-dir", tmp_path, "--port", port)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert f"127.0.0.1:{port}: address already in use" in line
    assert "--port" in line


def test_many_that_connect_at_once_are_taken_in_a_few_rounds_of_the_loop() -> None:
    """However long a round lasts: else most would wait in the kernel, unseen and out of turn."""
    taken_in: list[int] = []
    round_ = 0

    class Connection(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            taken_in.append(round_)
            transport.close()

    async def serve(sockets: list[socket.socket]) -> None:
        nonlocal round_
        loop = asyncio.get_running_loop()
        servers = [await loop.create_server(Connection, sock=each) for each in sockets]
        while len(taken_in) < CALLERS:
            round_ += 1
            await asyncio.sleep(0)
        for server in servers:
            server.close()
            await server.wait_closed()

    with _bound("127.0.0.1", 0) as sockets, ExitStack() as callers:
        address = sockets[0].getsockname()
        for _ in range(CALLERS):  # the kernel lets them in before anybody takes them
            callers.enter_context(socket.create_connection(address))
        uvloop.run(serve(sockets))
    assert len(taken_in) == CALLERS
    assert taken_in[-1] - taken_in[0] < CALLERS / 4
