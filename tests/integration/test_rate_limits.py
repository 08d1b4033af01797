"""Limits against a running server: so many requests a key, said in every answer."""

from collections.abc import Iterator

import pytest

from service.core.access import Scope, new_key
from support.live_server import Server, Shop, serving

pytestmark = pytest.mark.integration

BURST = 5
KEYS = {name: new_key(name, [Scope.SEARCH]) for name in ("one", "two")}


@pytest.fixture(scope="module")
def limited(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {
        "VITRINE_API_KEYS": " ".join(str(key) for _, key in KEYS.values()),
        "VITRINE_RATE_LIMIT": "0.01",
        "VITRINE_RATE_BURST": str(BURST),
    }
    with serving(shop.data_dir, tmp_path_factory.mktemp("limited"), **settings) as running:
        yield running


def test_a_key_is_told_what_is_left_and_then_refused(limited: Server, shop: Shop) -> None:
    with limited.client() as client:
        client.headers["Authorization"] = f"Bearer {KEYS['one'][0]}"
        answers = [client.get("/v1/products?limit=1") for _ in range(BURST + 1)]
        assert [answer.status_code for answer in answers] == [200] * BURST + [429]
        assert [a.headers["ratelimit"].split(";")[1] for a in answers] == [
            f"r={left}" for left in (4, 3, 2, 1, 0, 0)
        ]
        refused = answers[-1]
        assert refused.headers["ratelimit-policy"] == f'"default";q={BURST};w=500'
        assert refused.json()["code"] == "rate_limited"
        assert 90 <= int(refused.headers["retry-after"]) <= 100
        assert refused.headers["x-request-id"] == refused.json()["request_id"]

        upload = client.post("/v1/search", files={"file": ("a.jpg", shop.picture(1))})
        assert upload.status_code == 429
        open_to_all = client.get("/livez")
        assert open_to_all.status_code == 200
        assert "ratelimit" not in open_to_all.headers

        client.headers["Authorization"] = f"Bearer {KEYS['two'][0]}"
        assert client.get("/v1/products?limit=1").status_code == 200


def test_who_has_no_key_uses_up_nobodys_limit(limited: Server) -> None:
    with limited.client() as client:
        answers = [client.get("/v1/products") for _ in range(2 * BURST)]
    assert {answer.status_code for answer in answers} == {401}
