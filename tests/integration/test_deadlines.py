"""What nobody waits for any more is answered at once, dropped where it waits, and counted."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from typing import Any

import httpx
import pytest
import uvicorn

from service.api.app import create_app
from service.api.serving import Serving, Workers
from service.client.queries import base64_of
from service.pipeline.batching import Batcher
from service.pipeline.load import Load
from service.pipeline.tiering import Tiers
from support.fakes import FakeThumbnails
from support.gated import PATIENCE_SECONDS, GatedEncoder
from support.live_server import eventually
from support.query_shop import make_shop, picture

pytestmark = pytest.mark.integration


@dataclass
class Service:
    """A real server over a shop of fakes, whose encoder is gated for queries."""

    url: str
    encoder: GatedEncoder
    load: Load
    pool: ThreadPoolExecutor

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=PATIENCE_SECONDS, trust_env=False)

    def ask(self, seed: int, **headers: str) -> "Future[httpx.Response]":
        """Search by a picture, in a thread."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}

        def post() -> httpx.Response:
            with self.client() as client:
                return client.post("/v1/search", files={"file": picture(seed)}, headers=named)

        return self.pool.submit(post)

    def counted(self, status: int) -> float:
        series = f'vitrine_requests_total{{method="POST",route="/v1/search",status="{status}"}} '
        with self.client() as client:
            lines = client.get("/metrics").text.splitlines()
        return sum(float(line.removeprefix(series)) for line in lines if line.startswith(series))


@contextmanager
def running(threads: int = 8, max_in_flight: int = 100) -> Iterator[Service]:
    shop, encoder = make_shop(), GatedEncoder()
    shop.index({"p1": [1], "p2": [2]})
    embedder = shop.search.embedder
    looking = replace(embedder.looking, tiers=Tiers(encoder), batcher=Batcher(encoder))
    search = replace(shop.search, embedder=replace(embedder, looking=looking))
    load, nothing = Load(few=100), dict.fromkeys(("writing", "versions", "events"))
    with ThreadPoolExecutor(threads) as workers, ThreadPoolExecutor(16) as callers:
        parts: dict[str, Any] = {
            "search": search,
            "live": shop.live,
            "store": shop.store,
            "thumbnails": FakeThumbnails(),
            "encoder": encoder,
            "searchers": Workers(workers, load),
            "batchers": Workers(workers, Load()),
            "writers": workers,
            **nothing,
        }
        app = create_app(Serving(**parts), max_image_bytes=2_000_000, max_in_flight=max_in_flight)
        config = uvicorn.Config(app, port=0, log_level="error", access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            eventually(lambda: server.started)
            port = server.servers[0].sockets[0].getsockname()[1]
            yield Service(f"http://127.0.0.1:{port}", encoder, load, callers)
        finally:
            encoder.let_all()
            server.should_exit = True
            thread.join(PATIENCE_SECONDS)


def test_an_answer_that_is_late_is_a_504_at_once_and_its_work_is_dropped() -> None:
    with running() as service:
        first = service.ask(11)
        service.encoder.wait_until_busy()
        answer = service.ask(12, X_Timeout_Ms="60").result(PATIENCE_SECONDS)
        assert not first.done(), "the encoder is still busy"
        assert answer.status_code == 504
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "deadline_exceeded"
        service.encoder.let_all()
        assert first.result(PATIENCE_SECONDS).status_code == 200
        patient = service.ask(13, X_Timeout_Ms="20000").result(PATIENCE_SECONDS)
        assert patient.status_code == 200
        assert service.encoder.batches == [1, 1], "the late one was never encoded"
        assert service.load.waiting == 0


def test_what_waits_for_a_thread_is_dropped_before_it_has_one() -> None:
    with running(threads=1) as service:
        first = service.ask(11)
        service.encoder.wait_until_busy()
        late = [service.ask(seed, X_Timeout_Ms="60") for seed in (12, 13)]
        assert [each.result(PATIENCE_SECONDS).status_code for each in late] == [504, 504]
        service.encoder.let_all()
        assert first.result(PATIENCE_SECONDS).status_code == 200
        assert service.ask(14).result(PATIENCE_SECONDS).status_code == 200
        assert service.encoder.batches == [1, 1]


def test_a_caller_that_hangs_up_is_counted_and_its_work_dropped() -> None:
    with running() as service:
        first = service.ask(11)
        service.encoder.wait_until_busy()
        host, port = service.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as caller:
            request = httpx.Request("POST", service.url, files={"file": picture(12)})
            body = request.read()
            kind, length = request.headers["content-type"], len(body)
            head = f"POST /v1/search HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\n"
            caller.sendall(f"{head}Content-Length: {length}\r\n\r\n".encode() + body)
            eventually(lambda: service.load.waiting == 2)
        eventually(lambda: service.counted(499) == 1)
        assert service.load.waiting == 1
        service.encoder.let_all()
        assert first.result(PATIENCE_SECONDS).status_code == 200
        assert service.ask(13).result(PATIENCE_SECONDS).status_code == 200
        assert service.encoder.batches == [1, 1]


@pytest.mark.parametrize("given", ["0", "-1", "soon", "1.5", "600001", "9" * 400, ""])
def test_a_time_that_is_none_is_refused(given: str) -> None:
    with running() as service, service.client() as client:
        for answer in (
            client.post("/v1/search", json={"text": "a"}, headers={"X-Timeout-Ms": given}),
            client.get("/v1/products/p1/similar", headers={"X-Timeout-Ms": given}),
        ):
            assert answer.status_code == 422
            assert "X-Timeout-Ms" in answer.json()["detail"]


def test_every_way_to_search_keeps_to_the_time() -> None:
    with running() as service, service.client() as client:
        first = service.ask(11)
        service.encoder.wait_until_busy()
        uri = "data:image/png;base64," + base64_of(picture(12))
        limit = {"X-Timeout-Ms": "60"}
        batch = {"queries": [{"image_base64": uri}]}
        inputs = {"input": uri, "model": "fake-0"}
        assert client.post("/v1/search:batch", json=batch, headers=limit).status_code == 504
        assert client.post("/v1/embeddings", json=inputs, headers=limit).status_code == 504
        service.encoder.let_all()
        assert first.result(PATIENCE_SECONDS).status_code == 200


def test_a_refusal_keeps_the_connection_however_much_is_still_sent() -> None:
    with running(max_in_flight=1) as service:
        first = service.ask(11)
        service.encoder.wait_until_busy()
        caller = HTTPConnection(service.url.removeprefix("http://"), timeout=PATIENCE_SECONDS)
        caller.connect()
        first_socket = caller.sock
        for size in (0, 100_000, 2_500_000):
            caller.request("POST", "/v1/search", body=bytes(size))
            refusal = caller.getresponse()
            assert (refusal.status, refusal.read()[:1]) == (429, b"{")
            assert refusal.headers["Retry-After"] == "1"
        assert caller.sock is first_socket
        caller.close()
        assert service.counted(429) == 3
        service.encoder.let_all()
        assert first.result(PATIENCE_SECONDS).status_code == 200
        assert service.ask(12).result(PATIENCE_SECONDS).status_code == 200
