"""Arrivals fixed ahead: who waits because the service stalls is counted as having waited."""

import asyncio

import numpy as np
import pytest

from bench.open_loop import WRONG, Offered, Sent, closed, moments, offer


def test_moments_are_a_poisson_process_and_repeat_with_the_seed() -> None:
    due = moments(50, 200, seed=1)

    assert (due == moments(50, 200, seed=1)).all()
    assert (np.diff(due) > 0).all()
    assert due[0] > 0
    assert due[-1] < 200
    # Four standard deviations of a Poisson count; gaps of an exponential have the mean's spread.
    assert abs(len(due) - 10_000) < 400
    assert np.diff(due).std() == pytest.approx(1 / 50, rel=0.05)


def test_a_stall_is_charged_to_all_who_came_meanwhile() -> None:
    stall = 0.25

    async def run() -> Offered:
        begun = asyncio.get_running_loop().time()

        async def send(_: int) -> int:
            # Nobody is answered before the stall is over.
            left = begun + stall - asyncio.get_running_loop().time()
            await asyncio.sleep(max(0.0, left))
            return 200

        return await offer(send, rate=200, seconds=0.5)

    offered = asyncio.run(run())
    waited = [each for each in offered.requests if each.due < stall - 0.05]
    assert len(waited) > 20
    for each in waited:
        # Sent all the same, and charged from when it was due; the clocks differ by a little.
        assert each.sent < stall
        assert each.milliseconds >= 1000 * (stall - each.due) - 20
    assert offered.percentile(99) > 200


def test_refusals_and_failures_are_told_apart_and_neither_counts_as_good() -> None:
    statuses = [200, 204, 429, 429, 500, 0, WRONG]
    requests = tuple(Sent(n, n, n + 0.1, status) for n, status in enumerate(statuses))
    offered = Offered(7, requests, client_cpu_seconds=0.7)

    assert offered.failed == 3
    assert offered.goodput == pytest.approx(2 / 7)
    told = offered.told()
    assert told["statuses"] == {"-1": 1, "0": 1, "200": 1, "204": 1, "429": 2, "500": 1}
    assert told["p50_ms"] == pytest.approx(100)
    assert told["client_cores"] == pytest.approx(0.1)


def test_goodput_counts_the_time_until_the_last_good_answer() -> None:
    offered = Offered(1, (Sent(0.5, 0.5, 4, 200),), 0)
    assert offered.goodput == pytest.approx(1 / 4)


def test_a_closed_loop_keeps_so_many_under_way_and_numbers_each_once() -> None:
    now, most, seen = 0, 0, list[int]()

    async def send(number: int) -> int:
        nonlocal now, most
        now += 1
        most = max(most, now)
        seen.append(number)
        await asyncio.sleep(0.001)
        now -= 1
        return 200

    offered = asyncio.run(closed(send, at_once=5, seconds=0.1))
    assert most == 5
    assert len(set(seen)) == len(seen) == len(offered.requests)
