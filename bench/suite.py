"""The benchmarks of `make bench`, by name, each in its full and its short form."""

from collections.abc import Mapping

from bench import (
    cache,
    cache_table,
    decode,
    decode_table,
    latency,
    overload,
    overload_table,
    redis_outage,
    reindex,
    serving,
    serving_table,
    steps,
)
from bench.plan import Bench

_BLINK = 0.3
"""Seconds of a phase where only its path counts."""

BENCHES: Mapping[str, Bench] = {
    "latency": Bench(latency.measure, serving_table.latency_figures),
    "serving": Bench(serving.measure, serving_table.serving_figures),
    "reindex": Bench(reindex.measure, reindex.figures),
    "decode": Bench(
        lambda plan: decode.measure(1, 2, _BLINK / 10) if plan.short else decode.measure(5, 16),
        decode_table.figures,
    ),
    "cache": Bench(
        lambda plan: cache.measure(
            cache.Plan(1, _BLINK, products=40) if plan.short else cache.Plan()
        ),
        cache_table.figures,
    ),
    "overload": Bench(
        lambda plan: overload.measure(
            overload.Plan(1.0, _BLINK, _BLINK, products=40) if plan.short else overload.Plan()
        ),
        overload_table.figures,
    ),
    "redis_outage": Bench(
        lambda plan: redis_outage.measure(
            redis_outage.Plan(2.0, rounds=1, products=40) if plan.short else redis_outage.Plan()
        ),
        redis_outage.figures,
    ),
    "steps": Bench(steps.measure, steps.figures),
}
