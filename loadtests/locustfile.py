"""A shop's visitors; `python -m loadtests.run` starts everything they need.

Each asks again as soon as it is answered, so that requests a second are what the machine does with
that many at once, and times include the wait for each other.
"""

import base64
import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

# locust patches the sockets, so it comes before every other library.
from locust import FastHttpUser, constant, events, task
from locust.env import Environment
from locust.exception import StopTest
from locust.stats import StatsEntry

from loadtests import checks
from loadtests.checks import Reply, WrongAnswerError
from loadtests.loopback import RemoteHostError, require_loopback
from loadtests.summary import Figures, Group
from loadtests.workload import FIGURES_VARIABLE, WORKLOAD_VARIABLE, Query, Traffic, Workload

_LIMIT = 10
_NO_PICTURE = b"id,title\n1,this is a catalogue, not a picture\n"


@events.init.add_listener
def prepare(environment: Environment, **_: object) -> None:
    """Refuse other machines before anything is sent, then read what there is to ask for."""
    try:
        require_loopback(environment.host)
    except RemoteHostError as exc:
        raise SystemExit(str(exc)) from exc
    if not {WORKLOAD_VARIABLE, FIGURES_VARIABLE} <= os.environ.keys():
        raise SystemExit("nothing to ask for: start with `python -m loadtests.run`")
    Shopper.workload = Workload.read(Path(os.environ[WORKLOAD_VARIABLE]))


@events.quitting.add_listener
def finish(environment: Environment, **_: object) -> None:
    """Write the figures; locust's own CSV lacks what its last second brought."""
    stats = environment.stats
    Figures(
        groups=tuple(_group(entry) for _, entry in sorted(stats.entries.items())),
        total=_group(stats.total),
        errors={f"{e.name}: {e.error}": e.occurrences for e in stats.errors.values()},
    ).write(Path(os.environ[FIGURES_VARIABLE]))


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


class Shopper(FastHttpUser):
    """Searches, looks at the pictures found, opens a product."""

    wait_time = constant(0)
    workload: ClassVar[Workload]
    _seeds = count()

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        try:
            # Once more: the page of an interactive run lets the host be changed.
            require_loopback(self.host)
        except RemoteHostError as exc:
            raise StopTest(str(exc)) from exc
        self.traffic = Traffic(self.workload, seed=next(self._seeds))

    def on_start(self) -> None:
        """Ask for one of everything first, so that the shortest run has checked it all."""
        self.page()
        own = self.traffic.own_query()
        self._send_file(*own)
        self._send_json(*own)
        self.image()
        self.product()
        self.no_picture()

    @task(10)
    def search_file(self) -> None:
        """Upload a picture."""
        self._send_file(*self.traffic.query())

    @task(3)
    def search_json(self) -> None:
        """Send a picture as base64."""
        self._send_json(*self.traffic.query())

    @task(8)
    def image(self) -> None:
        """Fetch a result's picture."""
        path = f"/v1/images/{self.traffic.image_id()}"
        self._ask("GET", path, "image", checks.check_image)

    @task(4)
    def product(self) -> None:
        """Open a product."""
        product_id = self.traffic.product_id()

        def check(reply: Reply) -> None:
            checks.check_product(reply, product_id)

        self._ask("GET", f"/v1/products/{product_id}", "product", check)

    @task(1)
    def page(self) -> None:
        """Open the search page."""
        self._ask("GET", "/", "page", checks.check_page)

    @task(1)
    def no_picture(self) -> None:
        """Upload what is no picture; the refusal is the success."""
        files = {"file": ("catalogue.jpg", _NO_PICTURE, "image/jpeg")}
        self._ask("POST", "/v1/search", "search, no picture", checks.check_refusal, files=files)

    def _send_file(self, query: Query, data: bytes) -> None:
        def check(reply: Reply) -> None:
            checks.check_search(reply, query, data, _LIMIT)

        files = {"file": (f"{query.product_id}.jpg", data, "image/jpeg")}
        fields = {"limit": str(_LIMIT)}
        self._ask("POST", "/v1/search", "search, multipart", check, files=files, data=fields)

    def _send_json(self, query: Query, data: bytes) -> None:
        def check(reply: Reply) -> None:
            checks.check_search(reply, query, data, _LIMIT)

        body = {"image_base64": base64.b64encode(data).decode(), "limit": _LIMIT}
        self._ask("POST", "/v1/search", "search, base64", check, json=body)

    def _ask(
        self, method: str, path: str, name: str, check: Callable[[Reply], None], **body: Any
    ) -> None:
        """Send one request; it counts as failed unless the answer passes the check."""
        request = self.client.request(method, path, name=name, catch_response=True, **body)
        with request as response:
            content = response.content or str(getattr(response, "error", "")).encode()
            try:
                check(Reply(response.status_code, response.headers or {}, content))
            except WrongAnswerError as exc:
                response.failure(str(exc))
            except (LookupError, TypeError) as exc:
                response.failure(f"a field is missing or of another type: {exc!r}")
            else:
                response.success()
