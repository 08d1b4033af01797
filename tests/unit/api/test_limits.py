"""What does not say its length is counted: a body up to the limit is read, one byte more is not."""

import asyncio
from collections.abc import Iterator

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from service.api.limits import BodyLimit


def read_through(path: str, *chunks: bytes) -> bytes:
    """Send a body in chunks to an app that reads it whole, behind a limit of 10 bytes."""
    messages: Iterator[Message] = (
        {"type": "http.request", "body": chunk, "more_body": number < len(chunks)}
        for number, chunk in enumerate(chunks, 1)
    )
    read = bytearray()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        read.extend(await Request(scope, receive).body())

    async def receive() -> Message:
        return next(messages)

    async def send(message: Message) -> None:
        raise AssertionError("the app answers nothing")

    scope = {"type": "http", "path": path, "headers": [(b"transfer-encoding", b"chunked")]}
    asyncio.run(BodyLimit(app, 10, {"/endless": None})(scope, receive, send))
    return bytes(read)


def test_as_much_as_the_limit_is_read() -> None:
    assert read_through("/", b"12345", b"", b"67890") == b"1234567890"


def test_a_byte_more_is_refused() -> None:
    with pytest.raises(HTTPException) as refused:
        read_through("/", b"12345", b"678901")
    assert refused.value.status_code == 413


def test_what_has_no_limit_is_read_however_long() -> None:
    assert read_through("/endless", b"12345", b"678901") == b"12345678901"
