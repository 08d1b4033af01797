"""What a run came to: locust's figures + /metrics + Redis -> Summary -> table and JSON."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import redis
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Group:
    """The requests of one name; times in milliseconds."""

    name: str
    requests: int
    failures: int
    per_second: float
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What locust counted: requests by name, and what was wrong with how many answers."""

    groups: tuple[Group, ...]
    total: Group
    errors: dict[str, int]

    def write(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> "Figures":
        """Read what `write` wrote."""
        body = json.loads(path.read_text())
        groups = tuple(Group(**group) for group in body["groups"])
        return cls(groups, Group(**body["total"]), body["errors"])


@dataclass(frozen=True, slots=True)
class Summary:
    """A whole run.

    Attributes:
        figures: Of locust.
        cache_hits: Searches whose vector was in a cache.
        cache_misses: Searches whose picture was embedded.
        redis_hits: Of the hits, those that Redis had and the process had not.
        redis_keys: Vectors in Redis at the end.
        degraded: Searches answered while Redis was too slow.
    """

    figures: Figures
    cache_hits: int
    cache_misses: int
    redis_hits: int
    redis_keys: int
    degraded: int

    @property
    def problems(self) -> list[str]:
        """Why the run did not pass; empty if it did."""
        total = self.figures.total
        problems = []
        if total.failures or not total.requests:
            problems.append(f"{total.failures:,} of {total.requests:,} requests failed")
        if not self.redis_keys:
            problems.append("Redis was given nothing to keep")
        return problems

    def write(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")

    def show(self, console: Console) -> None:
        """Print as a table."""
        table = Table("request", "count", "failed", "req/s", "p50 ms", "p95 ms", "p99 ms")
        for column in table.columns[1:]:
            column.justify = "right"
        for group in (*self.figures.groups, self.figures.total):
            times = (f"{milliseconds:.0f}" for milliseconds in (group.p50, group.p95, group.p99))
            counts = (f"{group.requests:,}", f"{group.failures:,}", f"{group.per_second:.1f}")
            table.add_row(group.name, *counts, *times)
        console.print(table)
        console.print(
            f"query vectors: {self.cache_hits:,} cached ({self.redis_hits:,} of them in Redis, "
            f"which holds {self.redis_keys:,}), {self.cache_misses:,} embedded; "
            f"{self.degraded:,} answers while Redis was too slow"
        )
        for error, count in self.figures.errors.items():
            console.print(f"{count:,} x {error}", style="red", markup=False)


def summarise(figures: Figures, address: str, redis_url: str) -> Summary:
    """Add the caches' figures to locust's, while the service and Redis still run."""
    metrics = httpx.get(f"{address}/metrics", timeout=5, trust_env=False).text
    looked_up = _counter(metrics, "vitrine_embedding_cache_total", "result")
    with redis.Redis.from_url(redis_url) as client:
        return Summary(
            figures=figures,
            cache_hits=looked_up.get("hit", 0),
            cache_misses=looked_up.get("miss", 0),
            redis_hits=int(client.info("stats")["keyspace_hits"]),
            redis_keys=int(client.dbsize()),
            degraded=_counter(metrics, "vitrine_degraded_total", "part").get("cache", 0),
        )


def _counter(metrics: str, name: str, label: str) -> dict[str, int]:
    """Return a counter's values by one label, from Prometheus's text."""
    return {
        sample.labels[label]: int(sample.value)
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
        if sample.name == name
    }
