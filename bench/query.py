"""One search over a bare socket, and a service to send it to.

Settings -> `server`: a process of its own, on a free port -> address -> `post` -> the whole answer
"""

import os
import re
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from service.settings import Settings

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_HEAD_END = b"\r\n\r\n"


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
    with process(settings) as (address, _):
        yield address


@contextmanager
def process(settings: Settings) -> Iterator[tuple[tuple[str, int], int]]:
    """Serve as `server` does; lends the process's id besides."""
    given = {
        f"VITRINE_{name.upper()}": getattr(settings, name) for name in settings.model_fields_set
    }
    command = [sys.executable, "-m", "service", "serve", "--port", "0"]
    environment = {**os.environ, **{name: str(value) for name, value in given.items()}}
    running = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None  # a pipe was asked for
    try:
        for line in running.stderr:
            if found := re.search(r"http://([\d.]+):(\d+)", line):
                yield (found[1], int(found[2])), running.pid
                return
        raise RuntimeError("the service did not start")
    finally:
        running.terminate()
        running.wait()
        running.stderr.close()
