"""One search over a bare socket, and a service to send it to.

Settings -> `server`: a process of its own, on a free port -> address -> `post` -> the whole answer
"""

import re
import socket
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from loadtests.stack import service
from service.settings import Settings

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Side:
    """Something that answers searches: where it listens, and the first of its processes.

    Attributes:
        session: Id of that process and of the session that all of them are in.
    """

    address: tuple[str, int]
    session: int


def request(data: bytes, fields: Mapping[str, str] | None = None) -> bytes:
    """Return a search by an encoded picture as the bytes to send, kept alive."""
    boundary = uuid.uuid4().hex
    part = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (fields or {}).items()
    )
    part += (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="q.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    body = part.encode() + data + f"\r\n--{boundary}--\r\n".encode()
    head = (
        "POST /v1/search HTTP/1.1\r\nHost: bench\r\n"
        f"Content-Type: multipart/form-data; boundary={boundary}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def answer_in(received: bytes | bytearray) -> bytes | None:
    """Return the body of an answer; None while it has not come in whole.

    Raises:
        RuntimeError: It is anything but a 200 with a length.
    """
    end = received.find(_HEAD_END)
    if end < 0:
        return None
    length = _LENGTH.search(received, 0, end + 2)
    if not received.startswith(b"HTTP/1.1 200") or length is None:
        raise RuntimeError(f"the service answered {bytes(received[:300])!r}")
    body = received[end + len(_HEAD_END) :]
    return bytes(body) if len(body) >= int(length[1]) else None


def connect(address: tuple[str, int]) -> socket.socket:
    """Return a connection that sends at once and gives up after a minute; raises OSError."""
    connection = socket.create_connection(address, timeout=60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def receive(connection: socket.socket) -> bytes:
    """Return what came in, at least a byte; raises RuntimeError once nothing more can."""
    if chunk := connection.recv(1 << 18):
        return chunk
    raise RuntimeError("the service closed the connection")


def post(connection: socket.socket, data: bytes, fields: Mapping[str, str] | None = None) -> bytes:
    """Send one search and return the whole answer, with as little of our own work as can be.

    Raises:
        RuntimeError: The service answered anything but 200, or nothing.
    """
    connection.sendall(request(data, fields))
    received = bytearray()
    while (answer := answer_in(received)) is None:
        received += receive(connection)
    return answer


@contextmanager
def server(settings: Settings) -> Iterator[tuple[str, int]]:
    """Serve in a process of its own on a free port, with all that `settings` were given."""
    with side(settings) as started:
        yield started.address


@contextmanager
def side(settings: Settings) -> Iterator[Side]:
    """Serve as `server` does; lends the process besides."""
    given = {n: getattr(settings, n) for n in settings.model_fields_set - {"data_dir"}}
    with service(settings.data_dir, settings.data_dir / "service.log", given) as served:
        host, _, port = served.address.removeprefix("http://").partition(":")
        yield Side((host, int(port)), served.pid)
