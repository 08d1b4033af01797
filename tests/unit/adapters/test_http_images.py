"""The fetcher against a real server on this machine: limits, retries, and one kind of error."""

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email.utils import formatdate
from http.server import ThreadingHTTPServer

import pytest

from service.adapters.host_turns import HostTurns
from service.adapters.http_images import AT_ONCE_A_HOST, HttpImageFetcher
from service.core.errors import FetchError
from service.core.types import Download, Validators
from support.http_server import Answers, served

PICTURE = bytes(range(256)) * 40
MAX_BYTES = 20_000
ETAG, CHANGED = '"v1"', "Wed, 21 Oct 2015 07:28:00 GMT"


class Shop(ThreadingHTTPServer):
    """Serve one picture, in every way a server can fail to."""

    daemon_threads = True

    def __init__(self) -> None:
        self.visits: Counter[str] = Counter()
        self.ended = threading.Event()
        self.seen: list[tuple[str | None, str | None]] = []
        self.crowd = threading.Barrier(AT_ONCE_A_HOST)
        self.inside = self.most = 0
        self.counting = threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


class Handler(Answers):
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

    def get_versioned(self) -> None:
        """A picture with validators, which answers 304 to whoever has it."""
        asked = (self.headers["If-None-Match"], self.headers["If-Modified-Since"])
        self.server.seen.append(asked)
        known = asked[0] == ETAG if asked[0] else asked[1] == CHANGED
        body = b"" if known else PICTURE
        self.answer(304 if known else 200, body, ETag=ETAG, Last_Modified=CHANGED)

    def get_moved(self) -> None:
        self.answer(302, Location="/versioned")

    def get_bare304(self) -> None:
        self.answer(304)

    def get_odd(self) -> None:
        self.answer(200, PICTURE, ETag='"' + "x" * 2000 + '"', Last_Modified="caf\xe9")

    def get_later(self) -> None:
        """STATUS and Retry-After of the path, but a picture from the third visit on."""
        _, _, status, after = self.path.split("/")
        if self.server.visits[self.path] >= 3:
            return self.answer(200, PICTURE)
        return self.answer(int(status), Retry_After=after)

    def get_soon(self) -> None:
        """A date that is over as soon as it is read; the status of the path."""
        passed = formatdate(time.time() - 5, usegmt=True)
        if self.server.visits[self.path] >= 3:
            return self.answer(200, PICTURE)
        return self.answer(503, Retry_After=passed)

    def get_never(self) -> None:
        self.answer(503, Retry_After="1")

    def get_crowded(self) -> None:
        """Answer when as many are here as may be at once, and count them."""
        with self.server.counting:
            self.server.inside += 1
            self.server.most = max(self.server.most, self.server.inside)
        self.server.crowd.wait(timeout=20)
        with self.server.counting:
            self.server.inside -= 1
        self.answer(200, PICTURE)

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


@pytest.fixture
def shop() -> Iterator[Shop]:
    server = Shop()
    with served(server, server.ended):
        yield server


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
    assert fetcher.fetch(shop.url("/picture")) == Download(PICTURE, Validators())


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
    assert fetcher.fetch(shop.url("/third")).data == PICTURE


def test_a_broken_connection_is_tried_again(shop: Shop, fetcher: HttpImageFetcher) -> None:
    assert reason(fetcher, shop.url("/broken")).startswith("connection broke")
    assert shop.visits["/broken"] == 3


def test_an_answer_that_cannot_be_decoded(shop: Shop, fetcher: HttpImageFetcher) -> None:
    assert reason(fetcher, shop.url("/garbled")).startswith("DecodingError")


def test_three_redirects_are_followed_and_a_fourth_is_not(
    shop: Shop, fetcher: HttpImageFetcher
) -> None:
    assert fetcher.fetch(shop.url("/hop/3")).data == PICTURE
    assert reason(fetcher, shop.url("/hop/4")) == "more than 3 redirects"


def test_a_redirect_cannot_leave_http(shop: Shop, fetcher: HttpImageFetcher) -> None:
    assert reason(fetcher, shop.url("/elsewhere")) == "neither http nor https"


def test_the_cap_is_the_last_size_accepted(shop: Shop, fetcher: HttpImageFetcher) -> None:
    assert fetcher.fetch(shop.url(f"/size/{MAX_BYTES}")).data == bytes(MAX_BYTES)
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


def test_cloud_storage_says_what_to_name_instead(fetcher: HttpImageFetcher) -> None:
    assert reason(fetcher, "GS://bucket/a.jpg") == (
        "gs:// cannot be downloaded: name an https:// URL, or the path of a copy, instead"
    )


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
        assert fetcher.fetch(shop.url("/picture")) == Download(PICTURE, Validators())


# Asking whether anything changed


def test_a_picture_comes_with_what_tells_its_versions_apart(
    shop: Shop, fetcher: HttpImageFetcher
) -> None:
    expected = Download(PICTURE, Validators(ETAG, CHANGED))
    assert fetcher.fetch(shop.url("/versioned")) == expected
    assert fetcher.fetch(shop.url("/moved")) == expected
    assert shop.seen == [(None, None)] * 2


@pytest.mark.parametrize("path", ["/versioned", "/moved"])
@pytest.mark.parametrize(
    "known", [Validators(ETAG, CHANGED), Validators(etag=ETAG), Validators(last_modified=CHANGED)]
)
def test_what_did_not_change_is_not_sent(
    shop: Shop, fetcher: HttpImageFetcher, path: str, known: Validators
) -> None:
    unchanged = Download(None, Validators(ETAG, CHANGED))
    assert fetcher.fetch(shop.url(path), known) == unchanged
    assert shop.seen == [(known.etag or None, known.last_modified or None)]


def test_what_changed_is_sent(shop: Shop, fetcher: HttpImageFetcher) -> None:
    download = fetcher.fetch(shop.url("/versioned"), Validators('"v0"', CHANGED))
    assert download == Download(PICTURE, Validators(ETAG, CHANGED))


def test_a_304_without_validators_keeps_those_that_were_known(
    shop: Shop, fetcher: HttpImageFetcher
) -> None:
    known = Validators(ETAG, CHANGED)
    assert fetcher.fetch(shop.url("/bare304"), known) == Download(None, known)


@pytest.mark.parametrize("known", [None, Validators()])
def test_a_304_that_nobody_asked_for_is_no_picture(
    shop: Shop, fetcher: HttpImageFetcher, known: Validators | None
) -> None:
    with pytest.raises(FetchError, match="HTTP 304"):
        fetcher.fetch(shop.url("/bare304"), known)


def test_validators_that_could_not_be_sent_back_are_dropped(
    shop: Shop, fetcher: HttpImageFetcher
) -> None:
    assert fetcher.fetch(shop.url("/odd")) == Download(PICTURE, Validators())


# Being a good guest


@pytest.mark.parametrize("status", [429, 503])
def test_a_host_that_says_when_to_come_again_is_obeyed(
    shop: Shop, fetcher: HttpImageFetcher, status: int
) -> None:
    start = time.monotonic()
    assert fetcher.fetch(shop.url(f"/later/{status}/1")).data == PICTURE
    assert time.monotonic() - start >= 2


def test_a_date_to_come_again_that_is_over_is_an_ordinary_retry(
    shop: Shop, fetcher: HttpImageFetcher
) -> None:
    assert fetcher.fetch(shop.url("/soon")).data == PICTURE


@pytest.mark.parametrize("after", ["", "soon", "-1", "1.5", "Wed, 99 Oct 2015 07:28:00 GMT"])
def test_a_retry_after_that_says_nothing_is_ignored(
    shop: Shop, fetcher: HttpImageFetcher, after: str
) -> None:
    assert fetcher.fetch(shop.url(f"/later/429/{after.replace(' ', '%20')}")).data == PICTURE


@pytest.mark.parametrize("after", ["3600", "9" * 400])
def test_a_host_that_asks_for_longer_than_an_attempt_is_left_alone(
    shop: Shop, fetcher: HttpImageFetcher, after: str
) -> None:
    path = f"/later/429/{after}"
    assert reason(fetcher, shop.url(path)).startswith("HTTP 429, to be asked again in ")
    assert shop.visits[path] == 1


def test_a_host_that_only_puts_off_is_given_up_and_then_asked_once_a_picture(shop: Shop) -> None:
    with HttpImageFetcher(max_bytes=MAX_BYTES, patience_seconds=1.5) as fetcher:
        start = time.monotonic()
        assert reason(fetcher, shop.url("/never/first")) == "HTTP 503"
        assert 1.4 <= time.monotonic() - start < 10
        assert shop.visits["/never/first"] == 2
        assert reason(fetcher, shop.url("/never/second")) == "HTTP 503"
        start = time.monotonic()
        assert reason(fetcher, shop.url("/never/third")) == "HTTP 503"
        assert time.monotonic() - start < 1
        assert shop.visits["/never/third"] == 1
        assert fetcher.fetch(shop.url("/picture")).data == PICTURE
        reason(fetcher, shop.url("/never/fourth"))
        assert shop.visits["/never/fourth"] == 2, "its account was clear again"


def test_a_host_is_sent_so_many_requests_at_once_and_no_more(
    shop: Shop, fetcher: HttpImageFetcher
) -> None:
    """The server answers only when all its places are taken: fewer would wait for ever."""
    urls = [shop.url(f"/crowded/{number}") for number in range(4 * AT_ONCE_A_HOST)]
    with ThreadPoolExecutor(len(urls)) as pool:
        downloads = list(pool.map(fetcher.fetch, urls))
    assert {download.data for download in downloads} == {PICTURE}
    assert shop.most == AT_ONCE_A_HOST


def test_one_host_s_queue_is_not_another_s() -> None:
    turns = HostTurns(1)
    end = time.monotonic() + 20
    with (
        turns.turn("a", end),
        turns.turn("b", end),
        pytest.raises(TimeoutError),
        turns.turn("a", time.monotonic() + 0.01),
    ):
        pytest.fail("a has one place")
    with turns.turn("a", end):
        pass


def test_idle_hosts_are_forgotten() -> None:
    turns = HostTurns(1)
    end = time.monotonic() + 20
    with turns.turn("busy", end):
        turns.pause("paused", 30, 60)
        for number in range(1000):
            with turns.turn(f"host-{number}", end):
                pass
        assert len(turns._hosts) <= 256
        for host in ("busy", "paused"):
            with pytest.raises(TimeoutError), turns.turn(host, time.monotonic()):
                pytest.fail(f"{host} may not be asked")
