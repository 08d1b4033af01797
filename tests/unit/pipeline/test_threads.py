"""Threads: the last idle goes next, the queue is in order, what is shut down ends."""

import gc
import weakref
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from threading import Event, get_ident

import pytest

from service.pipeline.threads import Threads
from support.live_server import eventually

PATIENCE_SECONDS = 20


class Held:
    """Work that begins, and ends when it is let."""

    def __init__(self, threads: Threads) -> None:
        self.begun, self.let = Event(), Event()
        self.future: Future[int] = threads.submit(self._hold)

    def _hold(self) -> int:
        self.begun.set()
        assert self.let.wait(PATIENCE_SECONDS)
        return get_ident()

    def end(self) -> int:
        self.let.set()
        return self.future.result(PATIENCE_SECONDS)


@pytest.fixture
def threads() -> Iterator[Threads]:
    made = Threads(3, "test")
    yield made
    made.shutdown(cancel_futures=True)


def idle(threads: Threads, count: int) -> None:
    eventually(lambda: len(threads._idle) == count)


def test_the_thread_that_worked_last_goes_next(threads: Threads) -> None:
    held = [Held(threads) for _ in range(3)]
    ran = []
    for number, each in enumerate(held):
        ran.append(each.end())
        idle(threads, number + 1)
    assert len(set(ran)) == 3
    for _ in range(5):
        assert threads.submit(get_ident).result(PATIENCE_SECONDS) == ran[-1]
        idle(threads, 3)
    last = Held(threads)
    assert last.begun.wait(PATIENCE_SECONDS)
    assert threads.submit(get_ident).result(PATIENCE_SECONDS) == ran[-2]
    assert last.end() == ran[-1]


def test_no_more_run_than_there_are_threads_and_the_rest_in_order(threads: Threads) -> None:
    held = [Held(threads) for _ in range(3)]
    order: list[int] = []
    rest = [threads.submit(order.append, number) for number in range(20)]
    assert order == []
    held[0].end()
    for future in rest:
        future.result(PATIENCE_SECONDS)
    assert order == list(range(20))
    for each in held:
        each.end()


def test_what_fails_says_so_and_the_thread_goes_on(threads: Threads) -> None:
    with pytest.raises(ZeroDivisionError):
        threads.submit(divmod, 1, 0).result(PATIENCE_SECONDS)
    assert threads.submit(divmod, 7, 2).result(PATIENCE_SECONDS) == (3, 1)


def test_what_is_cancelled_before_it_began_is_not_done(threads: Threads) -> None:
    held = [Held(threads) for _ in range(3)]
    done: list[int] = []
    queued = threads.submit(done.append, 1)
    assert queued.cancel()
    for each in held:
        each.end()
    threads.submit(done.append, 2).result(PATIENCE_SECONDS)
    assert done == [2]


def test_nothing_of_what_was_done_is_held_while_idle(threads: Threads) -> None:
    class Picture:
        pass

    picture = Picture()
    gone = weakref.ref(picture)
    threads.submit(lambda seen: None, picture).result(PATIENCE_SECONDS)
    idle(threads, 1)
    del picture
    gc.collect()
    assert gone() is None


def test_shutting_down_finishes_what_has_begun_and_drops_the_rest_if_told() -> None:
    threads = Threads(1, "test")
    held = Held(threads)
    assert held.begun.wait(PATIENCE_SECONDS)
    queued = threads.submit(get_ident)
    threads.shutdown(wait=False, cancel_futures=True)
    with pytest.raises(CancelledError):
        queued.result(PATIENCE_SECONDS)
    with pytest.raises(RuntimeError, match="the test threads were shut down"):
        threads.submit(get_ident)
    held.end()
    threads.shutdown()
    assert not any(thread.is_alive() for thread in threads._threads)


def test_shutting_down_otherwise_finishes_all() -> None:
    threads = Threads(1, "test")
    done: list[int] = []
    for number in range(50):
        threads.submit(done.append, number)
    threads.shutdown()
    assert done == list(range(50))
