"""A shop's visitors; `python -m loadtests.run` starts everything they need.

Each asks again as soon as it is answered, so that requests a second are what the machine does with
that many at once, and times include the wait for each other. Who is refused comes back when he is
told to.
"""

import os
import random
from itertools import count
from pathlib import Path
from typing import ClassVar

import gevent

# locust patches the sockets, so it comes before every other library.
from locust import FastHttpUser, LoadTestShape, constant, events, task
from locust.env import Environment
from locust.exception import StopTest
from locust.stats import RequestStats, StatsEntry

from loadtests import checks
from loadtests.asks import Ask
from loadtests.checks import Reply, WrongAnswerError
from loadtests.ledger import Ledger
from loadtests.loopback import RemoteHostError, require_loopback
from loadtests.shapes import SHAPE_VARIABLE, Shape
from loadtests.shopper import Shopper
from loadtests.summary import Figures, Group
from loadtests.workload import FIGURES_VARIABLE, WORKLOAD_VARIABLE, Workload

_NEEDED = {WORKLOAD_VARIABLE, FIGURES_VARIABLE, SHAPE_VARIABLE}
REFUSED = "refused"


@events.init.add_listener
def prepare(environment: Environment, **_: object) -> None:
    """Refuse other machines before anything is sent, then read what there is to ask for."""
    try:
        require_loopback(environment.host)
    except RemoteHostError as exc:
        raise SystemExit(str(exc)) from exc
    if not os.environ.keys() >= _NEEDED:
        raise SystemExit("nothing to ask for: start with `python -m loadtests.run`")
    Visitor.workload = Workload.read(Path(os.environ[WORKLOAD_VARIABLE]))
    Visitor.shape = Shape.read(os.environ[SHAPE_VARIABLE])


@events.quitting.add_listener
def finish(environment: Environment, **_: object) -> None:
    """Write the figures; locust's own CSV lacks what its last second brought."""
    stats = environment.stats
    entries = {name: entry for (name, _), entry in sorted(stats.entries.items())}
    refused = entries.pop(REFUSED, None)
    searches = {name: entry for name, entry in entries.items() if name.startswith("search")}
    Figures(
        groups=tuple(_group(entry) for entry in entries.values()),
        total=_group(_sum(stats, "total", entries)),
        searches=_group(_sum(stats, "searches", searches)),
        refused=refused.num_requests if refused else 0,
        errors={f"{e.name}: {e.error}": e.occurrences for e in stats.errors.values()},
    ).write(Path(os.environ[FIGURES_VARIABLE]))


def _sum(stats: RequestStats, name: str, entries: dict[str, StatsEntry]) -> StatsEntry:
    whole = StatsEntry(stats, name, "")
    for entry in entries.values():
        whole.extend(entry)
    return whole


def _group(entry: StatsEntry) -> Group:
    return Group(
        name=entry.name,
        requests=entry.num_requests,
        failures=entry.num_failures,
        per_second=entry.total_rps,
        p50=entry.get_response_time_percentile(0.50),
        p95=entry.get_response_time_percentile(0.95),
        p99=entry.get_response_time_percentile(0.99),
    )


class Plan(LoadTestShape):
    """As many visitors as the shape that was asked for has."""

    def tick(self) -> tuple[int, float] | None:
        """Return how many there are now, and how fast they come; None at the end."""
        users = Visitor.shape.at(self.get_run_time())
        return None if users is None else (users, max(Visitor.shape.most, 1.0))


class Visitor(FastHttpUser):
    """Sends what a shopper asks for."""

    wait_time = constant(0)
    workload: ClassVar[Workload]
    shape: ClassVar[Shape]
    _ledger: ClassVar[Ledger] = Ledger()
    _seeds = count()

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        try:
            # Once more: the page of an interactive run lets the host be changed.
            require_loopback(self.host)
        except RemoteHostError as exc:
            raise StopTest(str(exc)) from exc
        self._seed = next(self._seeds)
        self._shopper = Shopper(self.workload, self._ledger, self._seed)

    def on_start(self) -> None:
        """Let the first one ask for one of everything."""
        if self._seed == 0:
            for ask in self._shopper.tour():
                self._send(ask)

    @task
    def visit(self) -> None:
        """Ask for the next thing."""
        self._send(self._shopper.next())

    def _send(self, ask: Ask) -> None:
        """Send one request; it counts as failed unless the answer passes the check."""
        request = self.client.request(
            ask.method,
            ask.path,
            name=ask.name,
            data=ask.body or None,
            headers=ask.headers,
            catch_response=True,
        )
        wait_seconds = 0.0
        with request as response:
            content = response.content or str(getattr(response, "error", "")).encode()
            reply = Reply(response.status_code, response.headers or {}, content)
            try:
                if reply.status == checks.REFUSED and self.shape.overloads:
                    wait_seconds = checks.check_overloaded(reply)
                    response.request_meta["name"] = REFUSED
                else:
                    ask.check(reply)
            except WrongAnswerError as exc:
                response.failure(str(exc))
            except (LookupError, TypeError) as exc:
                response.failure(f"a field is missing or of another type: {exc!r}")
            else:
                response.success()
        if wait_seconds:
            # Not all of them at the same moment.
            gevent.sleep(wait_seconds * random.uniform(1.0, 1.5))
