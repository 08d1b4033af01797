"""Downloads for callers: a few at once, and who gets no turn is told so."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.core.errors import FetchError, OverloadedError
from service.core.types import Download, Validators
from service.pipeline.fetching import Fetching, Together

PATIENCE_SECONDS = 20


class SlowFetcher:
    """Satisfies `ImageFetcher`: each download ends when it is told to."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.may_end = threading.Event()

    def fetch(self, url: str, known: Validators | None = None) -> Download:
        self.begun.release()
        assert self.may_end.wait(PATIENCE_SECONDS)
        if url == "bad":
            raise FetchError("HTTP 404")
        return Download(url.encode(), Validators())


def test_who_gets_no_turn_in_time_is_told_so() -> None:
    slow = SlowFetcher()
    fetching = Fetching(slow, 2, wait_seconds=0.01)
    with ThreadPoolExecutor(2) as pool:
        downloads = [pool.submit(fetching.fetch, url) for url in ("a", "b")]
        for _ in downloads:
            assert slow.begun.acquire(timeout=PATIENCE_SECONDS)
        with pytest.raises(OverloadedError, match="too many pictures are being fetched"):
            fetching.fetch("c")
        slow.may_end.set()

        assert [download.result().data for download in downloads] == [b"a", b"b"]
    assert fetching.fetch("c").data == b"c"


def test_a_turn_comes_back_after_a_failure() -> None:
    slow = SlowFetcher()
    slow.may_end.set()
    fetching = Fetching(slow, 1, wait_seconds=0.01)
    for _ in range(3):
        with pytest.raises(FetchError, match="HTTP 404"):
            fetching.fetch("bad")
    assert fetching.fetch("good").data == b"good"


class Taking:
    """Satisfies `ImageFetcher`: each download takes its time, on a clock of its own."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.now = 1000.0

    def fetch(self, url: str, known: Validators | None = None) -> Download:
        self.now += self.seconds
        return Download(url.encode(), Validators())


def test_the_pictures_of_a_request_have_a_time_together_from_the_first_on() -> None:
    slow = Taking(seconds=4.0)
    together = Together(slow, 10.0, clock=lambda: slow.now)
    slow.now += 100
    assert [together.fetch(url).data for url in "abc"] == [b"a", b"b", b"c"], "12 s by then"
    with pytest.raises(FetchError, match=r"not begun: .* fetched for 10 s"):
        together.fetch("d")
    assert Together(slow, 10.0, clock=lambda: slow.now).fetch("d").data == b"d"
