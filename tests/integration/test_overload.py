"""More than a service can do: what is taken on is done in time, the rest is told when to come."""

import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from support.live_server import Server, Shop, eventually, serving, vitrine_here

pytestmark = pytest.mark.integration
CALLERS, EACH = 64, 4


@pytest.fixture(scope="module")
def hurried(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service that wants to answer sooner than it can with so many callers."""
    settings = {
        "VITRINE_LATENCY_TARGET_SECONDS": "0.1",
        "VITRINE_THREADS": "1",
        "VITRINE_DECODE_THREADS": "1",
    }
    with serving(shop.data_dir, tmp_path_factory.mktemp("hurried"), **settings) as running:
        yield running


def figure(client: httpx.Client, series: str) -> float:
    found = re.search(rf"^{re.escape(series)} (\S+)$", client.get("/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_beyond_capacity_all_is_answered_or_refused_and_then_it_is_as_before(
    hurried: Server, shop: Shop
) -> None:
    data = shop.picture(7)

    def call(caller: int) -> list[httpx.Response]:
        with hurried.client() as client:
            # Bytes behind the picture make it another, so that no cache answers.
            pictures = [data + bytes((caller, number)) for number in range(EACH)]
            return [client.post("/v1/search", files={"file": each}) for each in pictures]

    with hurried.client() as client, ThreadPoolExecutor(CALLERS) as pool:
        assert client.post("/v1/search", files={"file": data}).status_code == 200
        answers = [answer for some in pool.map(call, range(CALLERS)) for answer in some]
        statuses = Counter(answer.status_code for answer in answers)
        assert statuses.keys() == {200, 429}
        for refusal in (answer for answer in answers if answer.status_code == 429):
            assert refusal.json()["code"] == "overloaded"
            assert 1 <= int(refusal.headers["Retry-After"]) <= 60
        found = [answer.json() for answer in answers if answer.status_code == 200]
        assert {answer["results"][0]["product_id"] for answer in found} == {"demo-000007"}
        lowered = [answer for answer in found if answer["tier"] == "fast"]
        assert lowered
        assert all(("tier" in each["degraded"]) is (each["tier"] == "fast") for each in found)

        eventually(lambda: figure(client, "vitrine_expected_wait_seconds") == 0)
        assert figure(client, "vitrine_queue_images") == 0
        assert figure(client, 'vitrine_tier_total{tier="fast"}') == len(lowered)
        assert figure(client, 'vitrine_degraded_total{part="tier"}') == len(lowered)
        after = {"file": data + b"after"}
        eventually(lambda: client.post("/v1/search", files=after).status_code == 200)


def test_auto_steps_back_once_it_is_calm(hurried: Server, shop: Shop) -> None:
    numbers = iter(range(1_000_000))

    def tier(client: httpx.Client) -> str:
        fresh = shop.picture(8) + next(numbers).to_bytes(4, "big")
        return client.post("/v1/search", files={"file": fresh}).json().get("tier", "")

    with hurried.client() as client:
        eventually(lambda: tier(client) == "best")


def test_the_tier_that_is_asked_for_looks(server: Server, shop: Shop) -> None:
    with server.client() as client:
        fresh = shop.picture(9) + b"tiers"
        form = client.post("/v1/search", files={"file": fresh}, data={"tier": "fast"}).json()
        assert (form["tier"], form["degraded"], form["match"]) == ("fast", [], form["match"])
        assert form["results"][0]["product_id"] == "demo-000009"
        id_ = form["image_id"]
        best = client.post("/v1/search", json={"image_id": id_, "tier": "best"}).json()
        assert best["tier"] == "best"
        assert best["results"][0]["product_id"] == "demo-000009"
        assert best["results"][0]["similarity"] != form["results"][0]["similarity"]
        auto = client.post("/v1/search", json={"image_id": id_}).json()
        assert auto["tier"] == "best"
        similar = client.get("/v1/products/demo-000009/similar", params={"tier": "fast"})
        assert (similar.status_code, similar.json()["tier"]) == (200, None)
        wrong = client.post("/v1/search", json={"image_id": id_, "tier": "cheap"})
        assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_query")
        batch = client.post(
            "/v1/search:batch",
            json={"queries": [{"image_id": id_, "tier": tier} for tier in ("fast", "best")]},
        ).json()
        assert [item["answer"]["tier"] for item in batch["answers"]] == ["fast", "best"]


def test_the_index_says_what_the_tiers_are(server: Server) -> None:
    with server.client() as client:
        tiers = client.get("/v1/index").json()["bundle"]["tiers"]
    assert tiers["best"]["name"] == "best"
    assert (tiers["fast"]["name"], tiers["fast"]["precision"]) == ("fast-int8", "int8")
    assert tiers["fast"]["gflops"] < tiers["best"]["gflops"]


@pytest.mark.usefixtures("plain_terminal")
def test_a_tier_that_cannot_be_the_best_ends_the_start(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(shop.picture(1))
    for name, said in (("fast", "cannot be the best"), ("none", "best, best-int8")):
        monkeypatch.setenv("VITRINE_BEST_TIER", name)
        done = vitrine_here("search", photo, "--data-dir", shop.data_dir)
        assert done.returncode == 2, done.stderr
        assert said in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
