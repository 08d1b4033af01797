"""What a process counts, in Prometheus's format; one registry an app."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Literal, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from service.api.cache_metrics import CacheCollector
from service.api.serving import Serving
from service.core.matching import Match
from service.core.tiers import Role

_LOOKED = {"embed", "cached", "joined"}
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Answered(Protocol):
    """What is counted of an answer."""

    @property
    def match(self) -> Match | None:
        """How good the best result is."""
        ...

    @property
    def timings(self) -> Mapping[str, float]:
        """Milliseconds by stage."""
        ...

    @property
    def degraded(self) -> Sequence[str]:
        """What was not working."""
        ...

    @property
    def tier(self) -> Role | None:
        """Of the encoder, that looked at the query's pictures just now."""
        ...


_COUNTERS = {
    "requests": ("HTTP requests.", ("method", "route", "status")),
    "embedding_cache": ("Look-ups of query vectors.", ("result",)),
    "answers": (
        "Answers by where they came from: a search, a cache, an equal request under way.",
        ("source",),
    ),
    "matches": (
        "Answers by how good the best result was: many of `none` are what the shop lacks.",
        ("match",),
    ),
    "tier": ("Answers to pictures by the tier that looked at them.", ("tier",)),
    "bulk_lines": ("Lines of bulk writes.", ("status",)),
    "events": ("Events that shops reported, each once.", ("type",)),
    "degraded": ("Answers given while something was not working.", ("part",)),
}
"""Counters, `vitrine_<name>_total`, and their labels."""
_TIMES = {
    "request": ("Time to the end of the answer.", "route"),
    "stage": ("Time of each stage of a search.", "stage"),
}
"""Histograms, `vitrine_<name>_seconds`, and their label."""
_INDEX = {
    "version": "Version being served; 0 for none.",
    "refused": "1 while the current version is not the one being served, because it was refused.",
    "rows": "Pictures that may be found.",
    "delta_rows": "Pictures written since the snapshot was built, searched beside it.",
    "dead_rows": "Pictures passed over, since their products were changed or deleted.",
    "behind": "1 while writes are not being shown, because the catalogue cannot be read.",
}
"""Gauges of the index, `vitrine_index_<name>`, set whenever they are read."""


def source_of(timings: Mapping[str, float]) -> Literal["search", "cache", "joined"]:
    """Return where an answer came from, which its stages tell."""
    if "search" in timings:
        return "search"
    return "joined" if "joined" in timings else "cache"


class Metrics:
    """Counters and histograms of the API and of the query flow's stages."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._registry = CollectorRegistry()
        self._registry.register(CacheCollector(serving.caches))
        # A child is looked up once, which costs more than counting.
        counters = {
            name: cache(Counter(f"vitrine_{name}", told, [*labels], registry=self._registry).labels)
            for name, (told, labels) in _COUNTERS.items()
        }
        self._requests = counters["requests"]
        self._cache = counters["embedding_cache"]
        self._answers = counters["answers"]
        self._matches = counters["matches"]
        self._tiers = counters["tier"]
        self._bulk = counters["bulk_lines"]
        self._events = counters["events"]
        self._degraded = counters["degraded"]
        self._seconds, self._stages = (
            cache(
                Histogram(
                    f"vitrine_{name}_seconds",
                    told,
                    [label],
                    buckets=_SECONDS,
                    registry=self._registry,
                ).labels
            )
            for name, (told, label) in _TIMES.items()
        )
        self._index = {
            name: Gauge(f"vitrine_index_{name}", told, registry=self._registry)
            for name, told in _INDEX.items()
        }
        self._queue_images = Gauge(
            "vitrine_queue_images",
            "Pictures that wait for a run of the encoder.",
            registry=self._registry,
        )
        self._wait = Gauge(
            "vitrine_expected_wait_seconds",
            "How long one more search would wait; 0 while there is no queue.",
            registry=self._registry,
        )
        info = Gauge(
            "vitrine_encoder_info",
            "The encoder in use.",
            ["bundle", "digest", "provider"],
            registry=self._registry,
        )
        encoder = serving.encoder
        info.labels(encoder.manifest.name, encoder.bundle_digest[:12], encoder.provider).set(1)

    def count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one HTTP request; `route` is the template, never the path as asked."""
        self._requests(method, route, str(status)).inc()
        self._seconds(route).observe(seconds)

    def count_answer(self, answer: Answered) -> None:
        """Count one search."""
        for stage, milliseconds in answer.timings.items():
            self._stages(stage).observe(milliseconds / 1000)
        source = source_of(answer.timings)
        self._answers(source).inc()
        if source == "search" and not _LOOKED.isdisjoint(answer.timings):
            self._cache("miss" if "embed" in answer.timings else "hit").inc()
        if answer.match:
            self._matches(answer.match).inc()
        if answer.tier:
            self._tiers(answer.tier).inc()
        for part in answer.degraded:
            self._degraded(part).inc()

    def count_bulk_line(self, status: int) -> None:
        """Count one line of a bulk write."""
        self._bulk(str(status)).inc()

    def count_events(self, new: Mapping[str, int]) -> None:
        """Count events by their type."""
        for kind, count in new.items():
            self._events(kind).inc(count)

    def render(self) -> bytes:
        """Return the exposition text."""
        live = self._serving.live
        view = live.served
        now = {
            "version": view.manifest.version if view else 0,
            "refused": live.refusal is not None,
            "rows": view.rows if view else 0,
            "delta_rows": view.delta_rows if view else 0,
            "dead_rows": view.dead_rows if view else 0,
            "behind": live.lag is not None,
        }
        for name, value in now.items():
            self._index[name].set(value)
        self._queue_images.set(self._serving.search.embedder.looking.batcher.waiting)
        self._wait.set(self._serving.searchers.load.wait_seconds)
        return generate_latest(self._registry)
