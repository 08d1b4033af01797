"""A client that costs little: HTTP/1.1 over kept connections on one event loop.

request bytes -> Client.ask -> an idle connection, or one more -> Answer

It stands in for many callers on the cores of the service that it loads, where the work of a whole
library for each request would be taken from what is measured.
"""

import asyncio
import re
import time
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
# The service hangs up after five seconds without a request.
_IDLE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; status 0, with the reason as body, where nothing whole did."""

    status: int
    head: bytes = b""
    body: bytes = b""

    @property
    def headers(self) -> dict[str, str]:
        """By names in lower case; read only where somebody wants them."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        pairs = (line.split(":", 1) for line in lines)
        return {name.strip().lower(): value.strip() for name, value in pairs}


class Client:
    """Asks one service; opens as many connections as there are requests at once."""

    def __init__(self, address: str, timeout_seconds: float = 60.0) -> None:
        """Open nothing yet.

        Args:
            address: As `http://127.0.0.1:8000`.
            timeout_seconds: Of a whole request; then there is no answer.
        """
        parts = urlsplit(address)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._timeout = timeout_seconds
        self._idle: list[_Connection] = []
        self.opened = 0

    async def ask(self, request: bytes) -> Answer:
        """Send a request; never raises."""
        try:
            async with asyncio.timeout(self._timeout):
                connection = await self._connection()
                answer = await connection.exchange(request)
        except (OSError, ValueError) as exc:  # TimeoutError is an OSError
            return Answer(0, body=(str(exc) or type(exc).__name__).encode())
        if connection.reusable:
            self._idle.append(connection)
        return answer

    def close(self) -> None:
        """Hang up."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    async def _connection(self) -> "_Connection":
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable and time.monotonic() - connection.used < _IDLE_SECONDS:
                return connection
            connection.close()
        self.opened += 1
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, self._host, self._port)
        return connection


class _Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._received = bytearray()
        self._head: tuple[int, bytes, int] | None = None
        self.used = 0.0
        self.reusable = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are not of that class
        self.reusable = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.reusable = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionError("the service hung up"))

    async def exchange(self, request: bytes) -> Answer:
        """Send and wait; raises OSError, or ValueError where no HTTP came back."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            return await self._answer
        except BaseException:
            self.close()
            raise
        finally:
            self.used = time.monotonic()

    def close(self) -> None:
        """Hang up."""
        self.reusable = False
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._received += data
        try:
            self._read()
        except ValueError as exc:
            self.reusable = False
            if self._answer is not None and not self._answer.done():
                self._answer.set_exception(exc)

    def _read(self) -> None:
        if self._head is None:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            self._head = _parsed(bytes(self._received[:end]))
            del self._received[: end + 4]
        status, head, length = self._head
        if len(self._received) < length:
            return
        body = bytes(self._received[:length])
        del self._received[:length]
        self._head = None
        if _CLOSES.search(head):
            self.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(Answer(status, head, body))


def _parsed(head: bytes) -> tuple[int, bytes, int]:
    """Return status, the head itself and the body's length; raises ValueError."""
    status = int(head[9:12])
    if length := _LENGTH.search(head):
        return status, head, int(length[1])
    if status in (204, 304):
        return status, head, 0
    raise ValueError(f"an answer of status {status} without a length")
