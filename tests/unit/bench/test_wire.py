"""The cheap client against real sockets that answer whole, in pieces, badly or not at all."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from bench.wire import Answer, Client

Handler: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Kind: a: b\r\n\r\nhello"


def test_a_connection_is_kept_and_an_answer_may_come_in_pieces() -> None:
    async def pieces(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            for start in range(0, len(WHOLE), 7):
                writer.write(WHOLE[start : start + 7])
                await writer.drain()
                await asyncio.sleep(0)

    answers, opened = _asked(pieces, 3)
    assert [answer.status for answer in answers] == [200] * 3
    assert [answer.body for answer in answers] == [b"hello"] * 3
    assert answers[0].headers == {"content-length": "5", "x-kind": "a: b"}
    assert opened == 1


def test_an_answer_without_a_body_needs_no_length() -> None:
    async def empty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    answers, opened = _asked(empty, 2)
    assert [answer.status for answer in answers] == [204, 204]
    assert opened == 1


def test_a_connection_that_is_to_be_closed_is_not_asked_again() -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(WHOLE.replace(b"X-Kind: a: b", b"Connection: close"))

    answers, opened = _asked(once, 2)
    assert [answer.status for answer in answers] == [200, 200]
    assert opened == 2


def test_what_is_no_answer_has_no_status_and_a_reason() -> None:
    async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(WHOLE[:-1])
        writer.close()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nno length")

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    for handler, reason in ((hangs_up, b"hung up"), (endless, b"length"), (silent, b"Timeout")):
        (answer,), _ = _asked(handler, 1, timeout_seconds=0.3)
        assert answer.status == 0
        assert reason in answer.body


def test_a_port_where_nobody_listens() -> None:
    async def ask() -> Answer:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        return await Client(f"http://127.0.0.1:{port}").ask(REQUEST)

    assert asyncio.run(ask()).status == 0


def _asked(handler: Handler, count: int, timeout_seconds: float = 10) -> tuple[list[Answer], int]:
    """Ask a server one after the other; return the answers, and how many connections it took."""

    async def quiet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        except asyncio.IncompleteReadError:
            pass  # the client hung up between two requests
        finally:
            writer.close()

    async def ask() -> tuple[list[Answer], int]:
        server = await asyncio.start_server(quiet, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        client = Client(f"http://127.0.0.1:{port}", timeout_seconds)
        answers = [await client.ask(REQUEST) for _ in range(count)]
        client.close()
        server.close()
        return answers, client.opened

    return asyncio.run(ask())
