"""A bounded queue in front of everything: what is let in, what is refused, and how."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from service.api.admission import Admit, retry_after
from service.api.schemas import Problem
from service.pipeline.load import Load, Ticket

TARGET_SECONDS = 0.5
PATIENCE_SECONDS = 5  # no test waits this long unless it fails
POSTS = (
    "/v1/search",
    "/v1/search:batch",
    "/v1/embeddings",
    "/v1/products:bulk",
    "/v1/events",
)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Door:
    """An app behind `Admit` that holds every request until `open` is set."""

    def __init__(self, max_in_flight: int = 100) -> None:
        self.clock = Clock()
        self.queries, self.many = Load(clock=self.clock), Load(clock=self.clock)
        self.tickets: list[Ticket] = []
        self.asked: list[asyncio.Task[list[dict[str, Any]]]] = []
        self.silent = False
        self.open, self.came = asyncio.Event(), asyncio.Event()
        serving: Any = SimpleNamespace(
            searchers=SimpleNamespace(load=self.queries), batchers=SimpleNamespace(load=self.many)
        )
        self.admit = Admit(self._app, serving, max_in_flight, TARGET_SECONDS)

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        self.came.set()
        self.tickets.append(scope["state"].get("ticket"))
        if self.silent:
            await receive()
        await self.open.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def ask(self, method: str, path: str, **headers: str) -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        named = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
        scope = {"type": "http", "method": method, "path": path, "headers": named}
        scope["raw_path"] = path.encode()
        receive = never if self.silent else unread
        await self.admit(scope | {"state": {"request_id": "a-b"}}, receive, send)
        return sent

    async def let_in(self, method: str, path: str) -> "asyncio.Task[list[dict[str, Any]]]":
        self.came.clear()
        task = asyncio.create_task(self.ask(method, path))
        self.asked.append(task)  # nobody else holds one that waits for ever
        await self.came.wait()
        return task


async def never() -> dict[str, Any]:
    await asyncio.Event().wait()
    raise AssertionError


async def unread() -> dict[str, Any]:
    pytest.fail("nothing of a refused request is read")


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def in_time() -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await test()

    asyncio.run(in_time())


def test_requests_beyond_the_limit_are_refused_until_one_has_ended() -> None:
    async def test() -> None:
        door = Door(max_in_flight=2)
        tasks = [
            await door.let_in("POST", "/v1/search"),
            await door.let_in("PUT", "/v1/products/a/b"),
        ]
        for method, path in [
            *[("POST", path) for path in POSTS],
            ("GET", "/v1/products/a/similar"),
            ("PATCH", "/v1/products/a"),
            ("DELETE", "/v1/products/a"),
        ]:
            (start, _) = await door.ask(method, path)
            assert start["status"] == 429, path
        door.open.set()
        for task in tasks:
            ((start,)) = await task
            assert start["status"] == 200
        ((start,)) = await door.ask("POST", "/v1/search")
        assert start["status"] == 200

    run(test)


def test_a_request_that_fails_gives_its_place_back() -> None:
    async def test() -> None:
        door = Door(max_in_flight=1)

        async def fails(scope: Any, receive: Any, send: Any) -> None:
            raise ValueError("bad")

        door.admit._app = fails
        for _ in range(2):
            with pytest.raises(ValueError, match="bad"):
                await door.ask("POST", "/v1/search")
        assert door.queries.waiting == 0

    run(test)


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/v1/index", "/v1/products/a"])
def test_what_neither_searches_nor_writes_is_let_in_whatever_waits(path: str) -> None:
    async def test() -> None:
        door = Door(max_in_flight=0)
        door.open.set()
        ((start,)) = await door.ask("GET", path)
        assert start["status"] == 200

    run(test)


def work_through(door: Door, load: Load, requests: int, seconds: float) -> None:
    """Let the load do so many, one after the other."""
    for _ in range(requests):
        with load.admit().working():
            door.clock.now += seconds


def test_who_would_wait_too_long_is_told_when_to_come_back() -> None:
    async def test() -> None:
        door = Door()
        work_through(door, door.queries, 100, 0.1)  # ten a second
        tasks = []
        while (waiting := len(tasks)) < 6:  # of 0.55 s
            tasks.append(await door.let_in("POST", "/v1/search"))
            assert door.queries.waiting == waiting + 1
        (start, body) = await door.ask("POST", "/v1/search")
        assert (start["status"], dict(start["headers"])[b"retry-after"]) == (429, b"1")
        problem = Problem.model_validate_json(body["body"])
        assert problem.model_dump() == json.loads(body["body"])
        assert (problem.code, problem.request_id) == ("overloaded", "a-b")
        assert "1 s" in problem.detail
        await door.let_in("PUT", "/v1/products/a")  # which waits for something else
        await door.let_in("POST", "/v1/search:batch")

        work_through(door, door.many, 40, 4.1)
        tasks += [await door.let_in("POST", "/v1/embeddings") for _ in range(2)]
        (start, _) = await door.ask("POST", "/v1/search:batch")
        assert (start["status"], dict(start["headers"])[b"retry-after"]) == (429, b"12")

        door.open.set()
        for task in tasks:
            ((start,)) = await task
            assert start["status"] == 200
        await door.let_in("POST", "/v1/search")

    run(test)


def test_callers_who_send_nothing_are_no_queue_for_long() -> None:
    async def test() -> None:
        door = Door()
        door.silent = True
        work_through(door, door.queries, 100, 0.1)
        for _ in range(6):
            await door.let_in("POST", "/v1/search")
        (start, _) = await door.ask("POST", "/v1/search")
        assert start["status"] == 429
        door.clock.now += 1.5
        await door.let_in("POST", "/v1/search")

    run(test)


@pytest.mark.parametrize(
    ("headers", "closes"),
    [
        ({}, False),
        ({"content_length": "0"}, False),
        ({"content_length": "20000000"}, False),
        ({"transfer_encoding": "chunked"}, True),
        ({"content_length": "10", "expect": "100-continue"}, True),
    ],
    ids=str,
)
def test_a_connection_is_kept_unless_nobody_knows_what_is_left_unread(
    headers: dict[str, str], closes: bool
) -> None:
    async def test() -> None:
        start, body = await Door(max_in_flight=0).ask("POST", "/v1/search", **headers)
        given = dict(start["headers"])
        assert (given.get(b"connection") == b"close") is closes
        assert int(given[b"content-length"]) == len(body["body"])

    run(test)


def test_the_wait_is_told_in_whole_seconds_within_reason() -> None:
    assert [retry_after(wait) for wait in (0.0, 0.2, 1.0, 1.01, 11.7)] == [1, 1, 1, 2, 12]
    assert retry_after(float("inf")) == 60
