import sys

import pytest

from bench.child import run

HOLD = "held = bytearray({megabytes} * 1_000_000); print(len(held))"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_memory_is_the_childs_peak_and_not_that_of_an_earlier_one() -> None:
    large = run(python(HOLD.format(megabytes=400)))
    small = run(python(HOLD.format(megabytes=1)))
    assert large.megabytes - small.megabytes > 200
    assert large.megabytes > 400
    assert 0 < small.seconds < 60


def test_a_command_that_fails_says_why() -> None:
    with pytest.raises(RuntimeError, match="no such model here"):
        run(python("raise SystemExit('no such model here')"))
