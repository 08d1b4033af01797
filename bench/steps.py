"""What the steps of a search take right after a run of the encoder, and what they take once more.

    shop -> the service's parts, in this process -> encode, a step, the step again -> medians

A run of the encoder reads all its weights, which push out of the processor's caches what else was
there. Each step of a lone search comes once between two runs, never as quick as a loop tells.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.kept_shop import Shop, models, shop
from bench.plan import Plan
from bench.report import Figure
from service.api.serving import Serving
from service.api.showing import json_of, show_answer
from service.core.preprocess import decode_for, preprocess
from service.pipeline.querying import Picture, Query
from service.pipeline.search import Ask
from service.pipeline.selecting import select
from service.wiring import serving

_RESULTS = 10
_FULL, _SHORT = 200, 4


@dataclass(frozen=True, slots=True)
class _Step:
    """A part of a search, by the number of the picture that is searched by."""

    name: str
    call: Callable[[int], object]


def measure(plan: Plan) -> dict[str, Any]:
    """Return, by model and step, microseconds after a run of the encoder and once more."""
    count = _SHORT if plan.short else _FULL
    return {name: _model(shop(plan, name), count) for name in models(plan)}


def figures(report: Mapping[str, Any]) -> list[Figure]:
    """Tell them; nothing is asked of a step alone."""
    told = []
    for model, steps in report.items():
        for step, spent in steps.items():
            after, again = (round(spent[f"{when}_us"]) for when in ("after_run", "again"))
            told.append(Figure(f"{step}, {model}", f"{after} us after a run, {again} us once more"))
    return told


def _model(stand: Shop, count: int) -> dict[str, dict[str, float]]:
    with serving(stand.settings) as parts:
        pictures = stand.pictures[: count + 1]
        spec = parts.encoder.manifest.preprocess
        pixels = [preprocess(spec, decode_for(spec, data))[np.newaxis] for data in pictures]
        return {
            step.name: _timed(step, lambda i: parts.encoder.classify(pixels[i]), count)
            for step in _steps(parts, pictures)
        }


def _steps(parts: Serving, pictures: Sequence[bytes]) -> list[_Step]:
    """Return the steps, with what each begins from made ready."""
    spec = parts.encoder.manifest.preprocess
    view, store = parts.live.snapshot(), parts.store
    decoded = [decode_for(spec, data) for data in pictures]
    asks = [Ask(Query.of(Picture(data)), _RESULTS) for data in pictures]
    answers = [parts.search.answer(ask) for ask in asks]
    ids = [[found.hit.product_id for found in answer.results] for answer in answers]
    vectors = [parts.encoder.encode(preprocess(spec, one)[np.newaxis])[0] for one in decoded]
    return [
        _Step("decode", lambda i: decode_for(spec, pictures[i])),
        _Step("resize", lambda i: preprocess(spec, decoded[i])),
        _Step("nearest products", lambda i: select(view, vectors[i], _RESULTS)),
        _Step("what the store says of them", lambda i: store.get_many(ids[i])),
        _Step(
            "JSON",
            lambda i: json_of(show_answer(answers[i], explain=False, with_product=True)),
        ),
    ]


def _timed(step: _Step, encode: Callable[[int], object], count: int) -> dict[str, float]:
    """Time a step on pictures in turn; once more with the next, so that no result is at hand."""
    after, again = [], []
    for i in range(count):
        encode(i)
        after.append(_seconds(step.call, i))
        again.append(_seconds(step.call, i + 1))
    return {
        "after_run_us": round(1e6 * statistics.median(after), 1),
        "again_us": round(1e6 * statistics.median(again), 1),
    }


def _seconds(call: Callable[[int], object], i: int) -> float:
    start = time.perf_counter()
    call(i)
    return time.perf_counter() - start
