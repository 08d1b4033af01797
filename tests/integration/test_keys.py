"""Keys against a running server: no key, the wrong one, one that opens something else."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.live_server import Server, Shop, serving, vitrine_here

pytestmark = pytest.mark.integration


def make_key(*options: str) -> tuple[str, str]:
    """Have `vitrine keys new` make one; return its secret and its line."""
    done = vitrine_here("keys", "new", *options)
    assert done.returncode == 0, done.stderr
    found = re.fullmatch(r"secret: (\S+)\nline:   (\S+)\n", done.stdout)
    assert found, done.stdout
    return found[1], found[2]


KEYS = {
    "search": make_key("--name", "shop", "--scopes", "search"),
    "old": make_key("--name", "shop", "--scopes", "search"),
    "write": make_key("--name", "feed", "--scopes", "write"),
    "admin": make_key("--name", "us", "--scopes", "search,write,admin"),
}


@pytest.fixture(scope="module")
def shut(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with two keys in its environment and two in a file."""
    folder = tmp_path_factory.mktemp("shut")
    kept = folder / "keys.txt"
    kept.write_text(f"# the feed\n{KEYS['write'][1]}\n{KEYS['admin'][1]}\n")
    listed = f"{KEYS['search'][1]} {KEYS['old'][1]}"
    settings = {"VITRINE_API_KEYS": listed, "VITRINE_API_KEYS_FILE": str(kept)}
    with serving(shop.data_dir, folder, **settings) as running:
        yield running


@pytest.fixture
def client(shut: Server) -> Iterator[httpx.Client]:
    with shut.client() as client:
        yield client


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {KEYS[key][0]}"}


def search(client: httpx.Client, shop: Shop, **headers: str) -> httpx.Response:
    return client.post("/v1/search", files={"file": ("a.jpg", shop.picture(1))}, headers=headers)


@pytest.mark.parametrize("path", ["/", "/livez", "/readyz", "/openapi.json", "/static/index.html"])
def test_what_is_open_needs_no_key(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    ("headers", "detail"),
    [
        ({}, "the key is missing"),
        ({"Authorization": "Bearer"}, "the key is missing"),
        ({"Authorization": "Bearer vk_guessed"}, "the key is not known"),
        ({"Authorization": "Basic dXNlcjpwYXNz"}, "the key is missing"),
        ({"X-API-Key": "vk_guessed"}, "the key is not known"),
        ({"X-API-Key": KEYS["search"][1].rpartition(":")[2]}, "the key is not known"),
    ],
    ids=["none", "empty", "guessed", "basic", "guessed, x-api-key", "its hash"],
)
def test_without_a_known_key_it_stays_shut(
    client: httpx.Client, shop: Shop, headers: dict[str, str], detail: str
) -> None:
    answer = search(client, shop, **headers)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (401, "unauthorized")
    assert problem["detail"].startswith(detail)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert problem["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("key", ["search", "old", "admin"])
def test_a_key_opens_its_scope(client: httpx.Client, shop: Shop, key: str) -> None:
    assert search(client, shop, **bearer(key)).status_code == 200
    assert search(client, shop, **{"X-API-Key": KEYS[key][0]}).status_code == 200


@pytest.mark.parametrize(
    ("key", "method", "path", "status"),
    [
        ("write", "POST", "/v1/search", 403),
        ("write", "POST", "/v1/search:batch", 403),
        ("write", "POST", "/v1/embeddings", 403),
        ("write", "GET", "/v1/products/demo-000001/similar", 403),
        ("write", "GET", "/v1/products", 403),
        ("search", "GET", "/v1/products/demo-000001/similar", 200),
        ("search", "PUT", "/v1/products/a", 403),
        ("search", "DELETE", "/v1/products/a", 403),
        ("search", "GET", "/metrics", 403),
        ("search", "GET", "/no-such-thing", 403),
        ("search", "GET", "/v1/products", 200),
        ("search", "GET", "/v1/index", 200),
        ("admin", "GET", "/metrics", 200),
        ("admin", "GET", "/no-such-thing", 404),
    ],
)
def test_a_key_opens_nothing_else(
    client: httpx.Client, key: str, method: str, path: str, status: int
) -> None:
    answer = client.request(method, path, headers=bearer(key))
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["code"] == "forbidden"


def test_no_secret_is_logged(shut: Server, client: httpx.Client, shop: Shop) -> None:
    search(client, shop, **bearer("search"))
    search(client, shop, Authorization="Bearer vk_guessed")
    log = shut.log.read_text()
    assert not any(secret in log for secret, _ in KEYS.values())
    assert "vk_guessed" not in log


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "shop.example"])
def test_without_keys_nobody_else_is_listened_to(host: str, tmp_path: Path) -> None:
    done = vitrine_here("serve", "--host", host, "--data-dir", tmp_path)
    assert done.returncode == 2
    assert "--insecure" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("settings", "detail"),
    [
        ({"VITRINE_API_KEYS": "shop:search:abc"}, "key 'shop' is not of the form"),
        ({"VITRINE_API_KEYS_FILE": "/no/such/file"}, "cannot read /no/such/file"),
    ],
)
def test_keys_that_cannot_be_read_stop_the_start(
    settings: dict[str, str], detail: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    done = vitrine_here("serve", "--data-dir", tmp_path)
    assert done.returncode == 2
    assert detail in done.stderr


def test_a_scope_that_is_none_is_refused() -> None:
    done = vitrine_here("keys", "new", "--scopes", "search,read")
    assert done.returncode == 2
    assert "known are search, write, admin" in done.stderr
