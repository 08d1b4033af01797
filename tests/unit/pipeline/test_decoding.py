"""Turns at decoding: never more at once than there are, and nobody waits for ever."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.core.errors import OverloadedError
from service.pipeline.decoding import Decoding

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
    with decoding.turn(), pytest.raises(OverloadedError), decoding.turn(deadline=start):
        pytest.fail("there is but one turn")
    assert time.monotonic() - start < PATIENCE_SECONDS / 2


def test_a_deadline_that_passed_does_not_matter_where_nobody_waits() -> None:
    with Decoding(1).turn(deadline=time.monotonic() - 1):
        pass


def test_a_turn_comes_back_after_a_failure() -> None:
    decoding = Decoding(1, wait_seconds=0.01)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), decoding.turn():
            raise ZeroDivisionError
    with decoding.turn():
        pass
