"""The load test itself: a short one passes, and what must not pass does not."""

import csv
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from loadtests.loopback import RemoteHostError, require_loopback
from loadtests.shapes import SHAPE_VARIABLE, Shape
from loadtests.summary import Aims, Figures
from loadtests.workload import (
    FIGURES_VARIABLE,
    WORKLOAD_VARIABLE,
    Choices,
    Item,
    Query,
    Workload,
    with_comment,
    zipf,
)
from service.core.image import decode
from support.pictures import encoded, photo

ROOT = Path(__file__).parents[2]
LOAD = [sys.executable, "-m", "loadtests.run"]
LOCUST = [sys.executable, "-m", "locust", "--locustfile", "loadtests/locustfile.py", "--headless"]
# What the first visitor asks for, whatever came back before.
NAMES = {
    "image",
    "no picture",
    "page",
    "product",
    "product, PUT",
    "search, base64",
    "search, batch",
    "search, filter and facets",
    "search, multipart",
    "search, similar",
    "search, text",
}
# And what follows from an answer.
FOLLOWING = {
    "search, crop",
    "search, just written",
    "product, PATCH",
    "search, just repriced",
    "product, DELETE",
    "search, just deleted",
    "product, deleted",
}


@pytest.mark.integration
def test_a_short_run_passes_and_leaves_a_report(tmp_path: Path) -> None:
    options = ["--seconds", "5", "--users", "4", "--products", "40", "--report", str(tmp_path)]
    run = subprocess.run(
        [*LOAD, *options], check=False, cwd=ROOT, capture_output=True, text=True, timeout=240
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert "<html" in (tmp_path / "report.html").read_text()
    summary = json.loads((tmp_path / "summary.json").read_text())
    requests = {group["name"]: group["requests"] for group in summary["figures"]["groups"]}
    assert requests.keys() == NAMES | FOLLOWING
    assert summary["figures"]["total"]["failures"] == 0
    assert summary["figures"]["total"]["requests"] == sum(requests.values())
    assert summary["figures"]["total"]["per_second"] > 0
    assert summary["figures"]["refused"] == 0
    assert summary["cache_hits"] > 0
    assert summary["cache_misses"] > 0
    assert summary["redis_keys"] > 0
    with (tmp_path / "requests.csv").open() as file:
        told = {row["name"]: int(row["requests"]) for row in csv.DictReader(file)}
    assert told == requests | {"total": sum(requests.values())}


@pytest.mark.integration
def test_an_open_loop_reports_every_rate_and_checks_every_answer(tmp_path: Path) -> None:
    options = ["--rate", "10", "--rate", "20", "--seconds", "2", "--products", "16"]
    run = subprocess.run(
        [sys.executable, "-m", "loadtests.open", *options, "--report", str(tmp_path)],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    found = json.loads((tmp_path / "open.json").read_text())
    assert [point["rate"] for point in found["rates"]] == [10, 20]
    for point in found["rates"]:
        assert 0 < point["p50_ms"] <= point["p99.9_ms"]
        assert point["failed"] == 0
    assert found["errors"] == {}
    assert found["names"].keys() >= NAMES | FOLLOWING
    assert len(run.stdout.strip().splitlines()) == 4  # a table of two rates


@pytest.mark.integration
def test_interrupting_stops_everything_that_was_started(tmp_path: Path) -> None:
    options = ["--seconds", "600", "--users", "1", "--products", "16", "--report", str(tmp_path)]
    with subprocess.Popen(
        [*LOAD, *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        announced = next(line for line in process.stdout if line.startswith("loading "))
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) != 0

    ports = [int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", announced)]
    assert len(ports) == 2
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()


@pytest.mark.integration
def test_a_wrong_answer_fails_the_run(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    with _answers_an_empty_object() as address:
        run = _locust(address, _workload(tmp_path), figures)

    assert run.returncode == 0, run.stderr
    seen = Figures.read(figures)
    assert seen.total.failures == seen.total.requests > 0
    assert Aims().missed(seen)
    assert {error.partition(":")[0] for error in seen.errors} == NAMES


@pytest.mark.integration
def test_another_machine_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    run = _locust("http://192.0.2.1:8000", _workload(tmp_path), figures)

    assert run.returncode == 1
    assert "'http://192.0.2.1:8000' is refused" in run.stderr
    assert not figures.exists()


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "127.0.0.1:8000",
        "http://shop.example",
        "http://10.0.0.1",
        "http://[2001:db8::1]",
        "http://127.0.0.1@shop.example/",
        "http://localhost.shop.example",
        "http://0.0.0.0:8000",
    ],
)
def test_hosts_that_are_refused(url: str | None) -> None:
    with pytest.raises(RemoteHostError, match="only localhost"):
        require_loopback(url)


@pytest.mark.parametrize("url", ["http://localhost:8000", "http://127.0.0.2", "http://[::1]:80"])
def test_hosts_that_are_loaded(url: str) -> None:
    assert require_loopback(url) == url


def test_a_copy_has_other_bytes_and_the_same_pixels() -> None:
    jpeg = encoded(photo(64, 48), "JPEG")
    copy = with_comment(jpeg, "shopper 1, copy 2")

    assert copy != jpeg
    assert decode(copy, least_side=32).tobytes() == decode(jpeg, least_side=32).tobytes()


def test_choices_follow_zipf_and_repeat_with_the_seed(tmp_path: Path) -> None:
    items = tuple(Item(f"p{rank}", "Shoes", 10.0, "Boots") for rank in range(1, 101))
    workload = Workload((), items, (), ())
    chosen = [Choices(workload, seed=1).item() for _ in range(3)]
    assert chosen == [Choices(workload, seed=1).item() for _ in range(3)]

    choices = Choices(workload, seed=0)
    counts = Counter(choices.item().id for _ in range(20_000))
    expected = 20_000 / zipf(100)[-1]
    for rank in (1, 2, 10):
        # Four standard deviations of a Poisson count.
        deviation = abs(counts[f"p{rank}"] - expected / rank)
        assert deviation < 4 * (expected / rank) ** 0.5


def _workload(folder: Path) -> Path:
    picture = folder / "query.jpg"
    picture.write_bytes(encoded(photo(64, 64), "JPEG"))
    path = folder / "workload.json"
    query, item = Query(str(picture), "p1", within=1), Item("p1", "Shoes", 10.0, "Boots")
    Workload((query,), (item,), ("0" * 64,), (str(picture),)).write(path)
    return path


def _locust(address: str, workload: Path, figures: Path) -> subprocess.CompletedProcess[str]:
    options = ["--host", address, "--only-summary", "--exit-code-on-error", "0"]
    return subprocess.run(
        [*LOCUST, *options],
        check=False,
        cwd=ROOT,
        env={
            **os.environ,
            WORKLOAD_VARIABLE: str(workload),
            FIGURES_VARIABLE: str(figures),
            SHAPE_VARIABLE: Shape("steady", users=1, seconds=1).told(),
        },
        capture_output=True,
        text=True,
        timeout=120,
    )


class _EmptyObject(BaseHTTPRequestHandler):
    """Takes everything and answers 200 `{}`."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    do_PUT = do_PATCH = do_DELETE = do_POST

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


@contextmanager
def _answers_an_empty_object() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _EmptyObject) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
