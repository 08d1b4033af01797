"""The load generator against known servers: what it counts, and what it does not excuse."""

import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest

from bench.client import client
from bench.query import answer_in
from support.pictures import encoded, photo

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
PICTURES = [encoded(photo(16, 16, seed=seed), "JPEG") for seed in (1, 2)]
Together = Callable[[list[socket.socket], list[bytes]], None]


@contextmanager
def serving(connections: int, respond: Together) -> Iterator[tuple[str, int]]:
    """Listen; once every connection has sent a search, hand them all over to be answered."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            accepted = [listener.accept()[0] for _ in range(connections)]
            try:
                while all(searches := [_search(each) for each in accepted]):
                    respond(accepted, searches)
            except ConnectionError:
                pass
            for each in accepted:
                each.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()
        thread.join(10)
        assert not thread.is_alive()


def _search(connection: socket.socket) -> bytes:
    """Read one request; nothing where the client has gone."""
    received = bytearray()
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(1 << 16)
        if not chunk:
            return b""
        received += chunk
    head, _, body = bytes(received).partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(1 << 16)
    return body.partition(b"\r\n\r\n")[2]  # behind the boundary and the head of the part


def test_answers_that_come_in_bursts_count_as_they_came() -> None:
    bursts: list[float] = []
    sent: list[bytes] = []

    def respond(connections: list[socket.socket], searches: list[bytes]) -> None:
        time.sleep(0.05)
        bursts.append(time.perf_counter())
        sent.extend(searches)
        for each in connections:
            each.sendall(ANSWER)

    with client(PICTURES) as load, serving(4, respond) as address:
        found = load.load(address, 4, seconds=0.4, warm_up=0.1)

    gap = statistics.mean(b - a for a, b in pairwise(bursts))
    assert found.rate == pytest.approx(4 / gap, rel=0.25)
    assert min(found.milliseconds) >= 50
    assert found.percentile(50) <= found.percentile(99)
    assert found.answer_bytes == 5
    assert 0 < found.client_share < 1
    # Every picture in bytes that nobody sent before.
    assert len(set(sent)) == len(sent) >= 12


def test_a_slow_service_is_waited_for_until_there_is_a_rate() -> None:
    def respond(connections: list[socket.socket], searches: list[bytes]) -> None:
        time.sleep(0.1)
        connections[0].sendall(ANSWER)

    with client(PICTURES) as load, serving(1, respond) as address:
        found = load.load(address, 1, seconds=0.01, warm_up=0.0)

    assert len(found.milliseconds) == 3
    assert found.rate == pytest.approx(10, rel=0.5)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n", "answered b'HTTP/1.1 429"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "answered b'HTTP/1.1 200 OK"),
        (None, "closed the connection"),
    ],
)
def test_anything_but_a_200_fails_the_load(answer: bytes | None, said: str) -> None:
    def respond(connections: list[socket.socket], searches: list[bytes]) -> None:
        if answer is None:
            raise ConnectionError
        connections[0].sendall(answer)

    with (
        client(PICTURES) as load,
        serving(1, respond) as address,
        pytest.raises(RuntimeError, match=said),
    ):
        load.load(address, 1, seconds=0.1, warm_up=0.0)


def test_an_answer_is_one_once_it_is_whole() -> None:
    assert [answer_in(ANSWER[:n]) for n in (0, 10, len(ANSWER) - 1)] == [None] * 3
    assert answer_in(bytearray(ANSWER)) == b"hello"
