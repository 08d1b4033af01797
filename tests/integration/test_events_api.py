"""Events over REST and out again: kept once, bounded, counted, exported, and outliving a kill."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

from service.api.event_schemas import MAX_EVENTS
from service.core.access import Scope, new_key
from support.live_server import Server, serving, vitrine_here

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
SHOP, SHOP_KEY = new_key("shop", [Scope.SEARCH])
APP, APP_KEY = new_key("app", [Scope.SEARCH])
FEED, FEED_KEY = new_key("feed", [Scope.WRITE])
US, OUR_KEY = new_key("us", [Scope.ADMIN])
KEYS = f"{SHOP_KEY} {APP_KEY} {FEED_KEY} {OUR_KEY}"
MOST = 1000
CLICK = {"id": "c1", "type": "click", "request_id": "r1", "product_id": "süß/1", "position": 2}
REPEATED = (CLICK | {"id": f"n{i}", "position": i + 1} for i in range(7))


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("events") / "data"


@pytest.fixture(scope="module")
def running(data_dir: Path) -> Iterator[Server]:
    """A server with nothing indexed: a shop may report before that."""
    settings = {"VITRINE_API_KEYS": KEYS, "VITRINE_MAX_EVENTS": str(MOST)}
    with serving(data_dir, data_dir.parent, **settings) as server:
        yield server


@pytest.fixture
def http(running: Server) -> Iterator[httpx.Client]:
    with running.client() as client:
        client.headers["X-API-Key"] = SHOP
        yield client


def report(http: httpx.Client, body: object, **headers: str) -> dict[str, Any]:
    answer = http.post("/v1/events", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    assert said.pop("request_id") == answer.headers["X-Request-ID"]
    return said


def export(data_dir: Path, *options: object) -> list[dict[str, Any]]:
    file = data_dir.parent / "events.jsonl"
    done = vitrine_here("events", "export", file, "--data-dir", data_dir, *options)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert done.stdout == f"{len(rows):,} events in {file}\n"
    return rows


def counted(http: httpx.Client) -> dict[str, float]:
    text = http.get("/metrics", headers={"X-API-Key": US}).text
    rows = re.findall(r'^vitrine_events_total\{type="(\w+)"\} (\S+)$', text, re.MULTILINE)
    return {kind: float(count) for kind, count in rows}


def test_an_event_is_kept_once_counted_once_and_exported(
    http: httpx.Client, data_dir: Path
) -> None:
    image = "ab" * 32
    bought = CLICK | {"id": "b1", "type": "purchase", "position": None, "image_id": image}
    assert report(http, CLICK) == {"kept": 1, "repeated": 0}
    assert report(http, [CLICK, bought]) == {"kept": 1, "repeated": 1}
    assert report(http, CLICK, **{"X-API-Key": APP}) == {"kept": 1, "repeated": 0}
    assert counted(http) == {"click": 2.0, "purchase": 1.0}

    rows = export(data_dir)
    assert [(row["reporter"], row["id"]) for row in rows] == [
        ("shop", "c1"), ("shop", "b1"), ("app", "c1"),
    ]  # fmt: skip
    for row in rows:
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", row.pop("at"))
    assert rows[0] == {**CLICK, "image_id": None, "reporter": "shop"}
    assert rows[1] == {**bought, "reporter": "shop"}


def test_many_at_once_that_say_the_same_are_kept_once(http: httpx.Client, data_dir: Path) -> None:
    several = [CLICK | {"id": f"same-{i}", "type": "impression"} for i in range(50)]
    with ThreadPoolExecutor(6) as pool:
        told = list(pool.map(lambda _: report(http, several), range(6)))
    assert sum(each["kept"] for each in told) == 50
    assert sum(row["id"].startswith("same-") for row in export(data_dir)) == 50


def test_parquet_has_what_the_lines_have(http: httpx.Client, data_dir: Path) -> None:
    report(http, [CLICK | {"id": "p1"}, CLICK | {"id": "p2", "position": None}])
    file = data_dir.parent / "events.parquet"
    done = vitrine_here("events", "export", file, "--data-dir", data_dir)
    assert done.returncode == 0, done.stderr
    table = pq.read_table(file)
    assert [str(kind) for kind in table.schema.types[:1]] == ["timestamp[ms, tz=UTC]"]
    rows = table.to_pylist()
    for row in rows:
        row["at"] = row["at"].isoformat(timespec="milliseconds")
    assert rows == export(data_dir)


def test_only_what_came_since(http: httpx.Client, data_dir: Path) -> None:
    report(http, CLICK | {"id": "since"})
    rows = export(data_dir)
    last = rows[-1]["at"]
    assert export(data_dir, "--since", last) == [row for row in rows if row["at"] >= last]
    assert export(data_dir, "--since", "2020-01-01") == rows
    assert export(data_dir, "--since", "2120-01-01T00:00+02:00") == []


@pytest.mark.parametrize(
    ("file", "options", "words"),
    [
        ("events.csv", [], "ends in neither .parquet nor .jsonl"),
        ("no/such/folder/events.jsonl", [], "cannot be written"),
        ("no/such/folder/events.parquet", [], "cannot be written"),
        ("events.jsonl", ["--since", "yesterday"], "'yesterday'"),
    ],
)
def test_what_cannot_be_exported_is_one_line_and_leaves_nothing(
    tmp_path: Path, file: str, options: list[str], words: str
) -> None:
    done = vitrine_here("events", "export", tmp_path / file, "--data-dir", tmp_path, *options)
    assert done.returncode == 2
    assert words in " ".join(done.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_the_oldest_go_and_the_export_is_what_is_left(http: httpx.Client, data_dir: Path) -> None:
    for group in range(3):
        reported = [CLICK | {"id": f"{group}-{i}"} for i in range(MAX_EVENTS)]
        assert report(http, reported)["kept"] == MAX_EVENTS
    ids = [row["id"] for row in export(data_dir)]
    assert ids == [f"{group}-{i}" for group in (1, 2) for i in range(MAX_EVENTS)]


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"type": "view"}, "0.type"),
        ({"id": ""}, "0.id"),
        ({"id": "a b"}, "0.id"),
        ({"id": "a" * 129}, "0.id"),
        ({"request_id": "a/b"}, "0.request_id"),
        ({"product_id": ""}, "0.product_id"),
        ({"product_id": "a\nb"}, "0.product_id"),
        ({"position": 0}, "0.position"),
        ({"position": "1"}, "0.position"),
        ({"position": True}, "0.position"),
        ({"position": 10_001}, "0.position"),
        ({"image_id": "photo.jpg"}, "0.image_id"),
        ({"customer": "Ada"}, "0.customer"),
        ({"product_id": "\ud800"}, "product_id"),
    ],
)
def test_an_event_that_is_not_sound_is_named_and_none_of_its_list_is_kept(
    http: httpx.Client, data_dir: Path, wrong: dict[str, object], where: str
) -> None:
    before = export(data_dir)
    sound = CLICK | {"id": "beside-one-that-is-not"}
    text = json.dumps([CLICK | {"id": "wrong"} | wrong, sound])
    answer = http.post("/v1/events", content=text, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_query"), answer.text
    assert where in answer.json()["detail"]
    assert export(data_dir) == before


@pytest.mark.parametrize(
    "body", ["[]", "{}", "null", "7", '"click"', "[[]]", "nonsense", "[" * 5000]
)
def test_a_body_that_is_no_event_is_refused(http: httpx.Client, body: str) -> None:
    answer = http.post("/v1/events", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_query"), answer.text


def test_too_many_are_refused(http: httpx.Client) -> None:
    several = [CLICK | {"id": f"many-{i}"} for i in range(MAX_EVENTS + 1)]
    assert http.post("/v1/events", json=several).status_code == 422
    assert http.post("/v1/events", json=CLICK | {"id": "a" * 2_000_000}).status_code == 413
    assert http.post("/v1/events", data={"id": "x"}).status_code == 415


@pytest.mark.parametrize("secret", [FEED, US], ids=["write", "admin"])
def test_another_scope_does_not_open_it(http: httpx.Client, secret: str) -> None:
    answer = http.post("/v1/events", json=CLICK, headers={"X-API-Key": secret})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_what_was_answered_outlives_a_kill(tmp_path: Path) -> None:
    """And without keys everyone reports, under no name."""
    data_dir = tmp_path / "data"
    with serving(data_dir, tmp_path) as server, server.client() as http:
        assert report(http, list(REPEATED))["kept"] == 7
        server.process.kill()
    rows = export(data_dir)
    assert [(row["reporter"], row["position"]) for row in rows] == [("", i + 1) for i in range(7)]


def test_the_example_of_the_page_gives_clicks_by_position(
    http: httpx.Client, data_dir: Path, tmp_path: Path
) -> None:
    shown = [
        CLICK | {"id": f"{kind}-{i}-{position}", "type": kind, "position": position}
        for kind, rounds in (("impression", 4), ("click", 1))
        for i in range(rounds)
        for position in (1, 2)
        if (kind, position) != ("click", 2)
    ]
    report(http, [each | {"id": f"page-{each['id']}"} for each in shown])
    file = tmp_path / "events.parquet"
    done = vitrine_here("events", "export", file, "--data-dir", data_dir)
    assert done.returncode == 0
    table = pq.read_table(file)
    pq.write_table(table.slice(len(table) - len(shown)), file)
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/events.md").read_text(), re.DOTALL)
    told = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path, env={**os.environ}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (told.returncode, told.stderr, told.stdout) == (0, "", "1 0.25\n2 0.0\n")
