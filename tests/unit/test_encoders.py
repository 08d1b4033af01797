"""What is made of the settings for pictures is what the settings say."""

import os

import pytest

from service.core.errors import OverloadedError, SettingsError
from service.encoders import for_runs_in_turn, make_decoding, make_encoder
from service.settings import Settings


@pytest.mark.parametrize(
    ("threads", "lanes", "together"),
    [(None, 4, None), (3, 1, 3), (1, 2, 2), (2, 8, 4)],
)
def test_runs_in_turn_have_the_threads_of_all_lanes_up_to_the_cores(
    monkeypatch: pytest.MonkeyPatch, threads: int | None, lanes: int, together: int | None
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3})

    own = for_runs_in_turn(Settings(threads=threads, lanes=lanes, max_batch=5))

    assert (own.threads, own.lanes, own.spinning, own.max_batch) == (together, 1, False, 5)


def test_a_tier_that_is_no_variant_of_the_first_cannot_be_the_best() -> None:
    with pytest.raises(SettingsError, match="fast"):
        make_encoder(Settings(best_tier="fast"))


def test_as_many_decode_as_the_settings_say() -> None:
    decoding = make_decoding(Settings(decode_threads=1, decode_wait_seconds=0.01))
    with (
        decoding.turn(),
        pytest.raises(OverloadedError, match="waiting to be decoded"),
        decoding.turn(),
    ):
        pass
