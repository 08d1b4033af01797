"""The load generator against known servers: what it counts, and what it does not excuse."""

import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from bench.client import client
from bench.query import answer_in
from support.pictures import encoded, photo

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
PICTURES = [encoded(photo(16, 16, seed=seed), "JPEG") for seed in (1, 2)]
Respond = Callable[[list[socket.socket], list[bytes]], None]


@contextmanager
def serving(connections: int, respond: Respond, every: float = 0.0) -> Iterator[tuple[str, int]]:
    """Listen; those who have asked by the end of each period are answered together."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            every_one = [listener.accept()[0] for _ in range(connections)]
            left = list(every_one)
            with suppress(ConnectionError):
                while left:
                    select.select(left, [], [])
                    time.sleep(every)
                    asking = [(each, _search(each)) for each in select.select(left, [], [])[0]]
                    left = [each for each in left if (each, b"") not in asking]
                    answered = [(each, search) for each, search in asking if search]
                    if answered:
                        respond(*map(list, zip(*answered, strict=True)))
            for each in every_one:
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
    bursts: list[tuple[float, int]] = []
    sent: list[bytes] = []

    def respond(connections: list[socket.socket], searches: list[bytes]) -> None:
        bursts.append((time.perf_counter(), len(searches)))
        sent.extend(searches)
        for each in connections:
            each.sendall(ANSWER)

    with client(PICTURES) as load, serving(4, respond, every=0.05) as address:
        found = load.load(address, 4, seconds=0.4, warm_up=0.1)

    moments, counts = zip(*bursts, strict=True)
    assert found.rate == pytest.approx(sum(counts[1:]) / (moments[-1] - moments[0]), rel=0.3)
    assert found.percentile(50) >= 50
    assert found.percentile(50) <= found.percentile(99)
    assert found.answer_bytes == 5
    assert 0 < found.client_share < 1
    # Every picture in bytes that nobody sent before.
    assert len(set(sent)) == len(sent) >= 12


def test_a_slow_service_is_waited_for_until_there_is_a_rate() -> None:
    def respond(connections: list[socket.socket], searches: list[bytes]) -> None:
        connections[0].sendall(ANSWER)

    with client(PICTURES) as load, serving(1, respond, every=0.1) as address:
        found = load.load(address, 1, seconds=0.01, warm_up=0.0)

    assert len(found.milliseconds) == 3
    assert 0 < found.rate <= 10


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
