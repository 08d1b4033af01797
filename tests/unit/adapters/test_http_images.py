"""The fetcher against a real server on this machine: limits, retries, and one kind of error."""

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from service.adapters.http_images import HttpImageFetcher
from service.core.errors import FetchError

PICTURE = bytes(range(256)) * 40
MAX_BYTES = 20_000


class Shop(ThreadingHTTPServer):
    """Serve one picture, in every way a server can fail to."""

    daemon_threads = True

    def __init__(self) -> None:
        self.visits: Counter[str] = Counter()
        self.ended = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


class Handler(BaseHTTPRequestHandler):
    server: Shop

    def do_GET(self) -> None:
        self.server.visits[self.path] += 1
        with suppress(OSError):  # a client that has seen enough hangs up
            getattr(self, "get_" + self.path.split("/")[1])()

    def get_picture(self) -> None:
        self.answer(200, PICTURE)

    def get_status(self) -> None:
        self.answer(int(self.path.split("/")[2]))

    def get_third(self) -> None:
        self.answer(200 if self.server.visits[self.path] == 3 else 503, PICTURE)

    def get_hop(self) -> None:
        hops_left = int(self.path.split("/")[2])
        self.answer(302, Location=f"/hop/{hops_left - 1}" if hops_left > 1 else "/picture")

    def get_elsewhere(self) -> None:
        self.answer(302, Location="ftp://127.0.0.1/picture")

    def get_broken(self) -> None:
        self.answer(200, b"only this", Content_Length="1000")

    def get_garbled(self) -> None:
        self.answer(200, b"not gzip", Content_Encoding="gzip")

    def get_size(self) -> None:
        self.answer(200, bytes(int(self.path.split("/")[2])))

    def get_endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        while not self.server.ended.is_set():
            self.wfile.write(bytes(1000))

    def get_silence(self) -> None:
        self.server.ended.wait()

    def get_drip(self) -> None:
        self.send_response(200)
        self.end_headers()
        while not self.server.ended.wait(0.01):
            self.wfile.write(b".")

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.ended.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def fetcher() -> Iterator[HttpImageFetcher]:
    with HttpImageFetcher(max_bytes=MAX_BYTES, backoff_seconds=0) as fetcher:
        yield fetcher


def reason(fetcher: HttpImageFetcher, url: str) -> str:
    with pytest.raises(FetchError) as failure:
        fetcher.fetch(url)
    assert type(failure.value) is FetchError
    return str(failure.value)


def test_a_picture_arrives_as_it_was_sent(shop: Shop, fetcher: HttpImageFetcher) -> None:
    assert fetcher.fetch(shop.url("/picture")) == PICTURE


@pytest.mark.parametrize("status", [301, 401, 404, 410])
def test_an_answer_without_a_picture_names_its_status(
    shop: Shop, fetcher: HttpImageFetcher, status: int
) -> None:
    path = f"/status/{status}"
    assert reason(fetcher, shop.url(path)) == f"HTTP {status}"
    assert shop.visits[path] == 1


def test_a_server_error_is_tried_three_times(shop: Shop, fetcher: HttpImageFetcher) -> None:
    assert reason(fetcher, shop.url("/status/500")) == "HTTP 500"
    assert shop.visits["/status/500"] == 3


def test_a_server_that_recovers_is_forgiven(shop: Shop, fetcher: HttpImageFetcher) -> None:
    assert fetcher.fetch(shop.url("/third")) == PICTURE


def test_a_broken_connection_is_tried_again(shop: Shop, fetcher: HttpImageFetcher) -> None:
    assert reason(fetcher, shop.url("/broken")).startswith("connection broke")
    assert shop.visits["/broken"] == 3


def test_an_answer_that_cannot_be_decoded(shop: Shop, fetcher: HttpImageFetcher) -> None:
    assert reason(fetcher, shop.url("/garbled")).startswith("DecodingError")


def test_three_redirects_are_followed_and_a_fourth_is_not(
    shop: Shop, fetcher: HttpImageFetcher
) -> None:
    assert fetcher.fetch(shop.url("/hop/3")) == PICTURE
    assert reason(fetcher, shop.url("/hop/4")) == "more than 3 redirects"


def test_a_redirect_cannot_leave_http(shop: Shop, fetcher: HttpImageFetcher) -> None:
    assert reason(fetcher, shop.url("/elsewhere")) == "neither http nor https"


def test_the_cap_is_the_last_size_accepted(shop: Shop, fetcher: HttpImageFetcher) -> None:
    assert len(fetcher.fetch(shop.url(f"/size/{MAX_BYTES}"))) == MAX_BYTES
    assert reason(fetcher, shop.url(f"/size/{MAX_BYTES + 1}")) == "more than 20,000 bytes"


def test_an_endless_answer_is_cut_off(shop: Shop, fetcher: HttpImageFetcher) -> None:
    assert reason(fetcher, shop.url("/endless")) == "more than 20,000 bytes"


@pytest.mark.parametrize("path", ["/silence", "/drip"])
def test_neither_silence_nor_a_trickle_outlasts_the_timeout(shop: Shop, path: str) -> None:
    with HttpImageFetcher(max_bytes=MAX_BYTES, timeout_seconds=0.1) as fetcher:
        assert reason(fetcher, shop.url(path)) == "timed out"
    assert shop.visits[path] == 1


def test_nobody_listening_is_a_connection_that_failed(fetcher: HttpImageFetcher) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, so that nobody else takes it, and not listening
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        assert reason(fetcher, url).startswith("could not connect")


@pytest.mark.parametrize("url", ["ftp://shop.example/a.jpg", "file:///etc/hosts", "a.jpg", ""])
def test_only_http_is_spoken(fetcher: HttpImageFetcher, url: str) -> None:
    assert reason(fetcher, url) == "neither http nor https"


@pytest.mark.parametrize(
    "url", ["http://[::1", "http://127.0.0.1/\0", "http://127.0.0.1/\ud800", "http://a..b/"]
)
def test_what_is_no_url_fails_alike(fetcher: HttpImageFetcher, url: str) -> None:
    assert reason(fetcher, url).startswith("not a valid URL")


def test_proxies_of_the_environment_are_not_used(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    with HttpImageFetcher(max_bytes=MAX_BYTES) as fetcher:
        assert fetcher.fetch(shop.url("/picture")) == PICTURE
