"""What is made of the settings for pictures is what the settings say."""

import os
from typing import Any

import numpy as np
import pytest

from service.core.errors import OverloadedError, SettingsError
from service.encoders import (
    _lanes,
    for_runs_in_turn,
    make_batcher,
    make_decoding,
    make_encoder,
)
from service.pipeline.outcome import succeeded
from service.settings import Settings


@pytest.mark.parametrize(
    ("threads", "lanes", "together"),
    [(None, 4, None), (None, None, None), (3, 1, 3), (3, None, 3), (1, 2, 2), (2, 8, 4)],
)
def test_runs_in_turn_have_the_threads_of_all_lanes_up_to_the_cores(
    monkeypatch: pytest.MonkeyPatch, threads: int | None, lanes: int | None, together: int | None
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3})

    own = for_runs_in_turn(Settings(threads=threads, lanes=lanes, max_batch=5))

    assert (own.threads, own.lanes, own.spinning, own.max_batch) == (together, 1, False, 5)


@pytest.mark.parametrize(
    ("chosen", "cores", "lanes", "threads"),
    [
        ({}, 1, 1, None),
        ({}, 2, 2, 1),
        ({}, 16, 4, 4),
        ({"lanes": 1}, 2, 1, None),
        ({"threads": 1}, 2, 1, None),
        ({"threads": 2, "lanes": 3}, 16, 3, None),
        ({"provider": "cuda"}, 16, 1, None),
    ],
)
def test_lanes_and_the_threads_of_narrow_runs(
    monkeypatch: pytest.MonkeyPatch,
    chosen: dict[str, Any],
    cores: int,
    lanes: int,
    threads: int | None,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cores)))
    assert _lanes(Settings(**chosen)) == (lanes, threads)


def test_a_narrow_run_sees_what_a_wide_one_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    encoder = make_encoder(Settings())
    size = encoder.manifest.preprocess.size
    pixels = np.random.default_rng(0).integers(0, 256, (5, size, size, 3), np.uint8)
    together = make_batcher(Settings(), encoder).see(pixels)
    alone = encoder.encode(pixels)
    for seen, vector in zip(together, alone, strict=True):
        np.testing.assert_allclose(succeeded(seen).vector, vector, atol=1e-5)


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
