"""Turns at decoding: never more at once than there are, and nobody waits for ever."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from service.core.errors import AbandonedError, DeadlineExceededError, OverloadedError
from service.pipeline.decoding import Decoding
from service.pipeline.terms import Terms

PATIENCE_SECONDS = 20


def test_no_more_are_inside_than_there_are_turns() -> None:
    decoding = Decoding(3, wait_seconds=PATIENCE_SECONDS)
    lock, full = threading.Lock(), threading.Barrier(3)
    inside, most = 0, 0

    def work(_: int) -> None:
        nonlocal inside, most
        with decoding.turn():
            with lock:
                inside += 1
                most = max(most, inside)
            full.wait(PATIENCE_SECONDS)  # three are inside together, or this breaks
            with lock:
                inside -= 1

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(work, range(12)))
    assert most == 3


def test_who_gets_no_turn_in_time_is_told_so() -> None:
    decoding = Decoding(1, wait_seconds=0.01)
    with decoding.turn(), pytest.raises(OverloadedError, match="waiting"), decoding.turn():
        pytest.fail("there is but one turn")


def test_a_nearer_deadline_counts() -> None:
    decoding = Decoding(1, wait_seconds=PATIENCE_SECONDS)
    start = time.monotonic()
    soon = Terms(deadline=start + 0.01)
    with decoding.turn(), pytest.raises(DeadlineExceededError), decoding.turn(soon):
        pytest.fail("there is but one turn")
    assert time.monotonic() - start < PATIENCE_SECONDS / 2


def test_what_is_of_no_use_is_not_begun_and_gives_its_turn_back() -> None:
    decoding, gone = Decoding(1, wait_seconds=0.01), Event()
    gone.set()
    for terms, error in (
        (Terms(deadline=time.monotonic() - 1), DeadlineExceededError),
        (Terms(gone=gone), AbandonedError),
    ):
        with pytest.raises(error), decoding.turn(terms):
            pytest.fail("nobody waits for it")
    with decoding.turn():
        pass


def test_a_turn_comes_back_after_a_failure() -> None:
    decoding = Decoding(1, wait_seconds=0.01)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), decoding.turn():
            raise ZeroDivisionError
    with decoding.turn():
        pass
