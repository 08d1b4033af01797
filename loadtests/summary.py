"""What a run came to: locust's figures + /metrics + Redis -> Summary -> table, JSON and CSV."""

import csv
import json
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path

import httpx
import redis
from rich.console import Console
from rich.table import Table

from loadtests.exposition import counter
from loadtests.shapes import Shape


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
    """What locust counted.

    Attributes:
        groups: Requests by name.
        total: All but the refused ones.
        searches: All searches.
        refused: Requests that were told to come back, where the shape may overload.
        errors: What was wrong with how many answers.
    """

    groups: tuple[Group, ...]
    total: Group
    searches: Group
    refused: int
    errors: dict[str, int]

    def write(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> "Figures":
        """Read what `write` wrote."""
        body = json.loads(path.read_text())
        return cls(
            groups=tuple(Group(**group) for group in body["groups"]),
            total=Group(**body["total"]),
            searches=Group(**body["searches"]),
            refused=body["refused"],
            errors=body["errors"],
        )


@dataclass(frozen=True, slots=True)
class Aims:
    """What a run must reach to pass; milliseconds are of searches, None is not asked.

    Attributes:
        failures: Share of requests that may fail.
    """

    p95_ms: float | None = None
    p99_ms: float | None = None
    failures: float = 0.0

    def missed(self, figures: Figures) -> list[str]:
        """Say what was not reached."""
        total, searches = figures.total, figures.searches
        said = []
        if total.failures > self.failures * total.requests or not total.requests:
            said.append(f"{total.failures:,} of {total.requests:,} requests failed")
        for name, most, reached in (
            ("p95", self.p95_ms, searches.p95),
            ("p99", self.p99_ms, searches.p99),
        ):
            if most is not None and reached > most:
                said.append(f"{name} of searches is {reached:g} ms, over {most:g}")
        return said


@dataclass(frozen=True, slots=True)
class Summary:
    """A whole run.

    Attributes:
        shape: As `Shape.told`.
        sure: Share of fresh views whose product must be, and was, among the first results.
        figures: Of locust.
        cache_hits: Searches whose vector or answer was in a cache.
        cache_misses: Searches whose picture was embedded.
        redis_hits: Of the hits, those that Redis had and the process had not.
        redis_keys: Vectors in Redis at the end.
        degraded: Searches answered while something was not working, by what.
    """

    shape: str
    sure: float
    figures: Figures
    cache_hits: int
    cache_misses: int
    redis_hits: int
    redis_keys: int
    degraded: dict[str, int]

    def problems(self, aims: Aims) -> list[str]:
        """Why the run did not pass; empty if it did."""
        unused = [] if self.redis_keys else ["Redis was given nothing to keep"]
        return aims.missed(self.figures) + unused

    def write(self, folder: Path) -> None:
        """Write `summary.json`, and `requests.csv` with a line a name."""
        folder.joinpath("summary.json").write_text(json.dumps(asdict(self), indent=2) + "\n")
        figures = self.figures
        with folder.joinpath("requests.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(field.name for field in fields(Group))
            rows.writerows(astuple(each) for each in (*figures.groups, figures.total))

    def show(self, console: Console) -> None:
        """Print as a table."""
        table = Table("request", "count", "failed", "req/s", "p50 ms", "p95 ms", "p99 ms")
        for column in table.columns[1:]:
            column.justify = "right"
        figures = self.figures
        for group in (*figures.groups, figures.searches, figures.total):
            times = (f"{milliseconds:.0f}" for milliseconds in (group.p50, group.p95, group.p99))
            counts = (f"{group.requests:,}", f"{group.failures:,}", f"{group.per_second:.1f}")
            table.add_row(group.name, *counts, *times)
        console.print(table)
        console.print(
            f"query vectors: {self.cache_hits:,} cached ({self.redis_hits:,} of them in Redis, "
            f"which holds {self.redis_keys:,}), {self.cache_misses:,} embedded; "
            f"answers while something was not working: {self.degraded or 'none'}; "
            f"{figures.refused:,} requests refused for want of room"
        )
        for error, count in figures.errors.items():
            console.print(f"{count:,} x {error}", style="red", markup=False)


def summarise(shape: Shape, sure: float, figures: Figures, address: str, redis_url: str) -> Summary:
    """Add the caches' figures to locust's, while the service and Redis still run."""
    metrics = httpx.get(f"{address}/metrics", timeout=5, trust_env=False).text
    looked_up = counter(metrics, "vitrine_embedding_cache_total", "result")
    answered = counter(metrics, "vitrine_answers_total", "source")
    without_search = sum(count for source, count in answered.items() if source != "search")
    with redis.Redis.from_url(redis_url) as client:
        return Summary(
            shape=shape.told(),
            sure=sure,
            figures=figures,
            cache_hits=looked_up.get("hit", 0) + without_search,
            cache_misses=looked_up.get("miss", 0),
            redis_hits=int(client.info("stats")["keyspace_hits"]),
            redis_keys=int(client.dbsize()),
            degraded=counter(metrics, "vitrine_degraded_total", "part"),
        )
