"""`/docs`: Swagger UI out of this process, under the policy of the page, and of no other host."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.core.access import Scope, new_key
from support.live_server import Server, serving

pytest.importorskip("fastapi_offline", reason="fastapi-offline is not installed")
pytestmark = pytest.mark.integration

_, KEY = new_key("shop", [Scope.SEARCH])
WEB = Path(__file__).parents[2] / "service" / "web"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that asks for a key, and has nothing indexed."""
    folder = tmp_path_factory.mktemp("docs-page")
    with serving(folder / "data", folder, VITRINE_API_KEYS=str(KEY)) as server:
        yield server


@pytest.fixture
def client(guarded: Server) -> Iterator[httpx.Client]:
    with guarded.client() as client:
        yield client


def test_the_page_and_all_it_names_come_from_this_process_without_a_key(client: httpx.Client):
    page = client.get("/docs")

    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert {name for name in named if not name.startswith("data:")} == {
        "/static/swagger/swagger-ui.css",
        "/static/swagger/swagger-ui-bundle.js",
        "/static/docs.js",
        "/openapi.json",
    }
    assert "//" not in re.sub(r"<!doctype.*?>", "", page.text)
    for name in named:
        if name.startswith("/"):
            answer = client.get(name)
            assert answer.status_code == 200, name
            assert len(answer.content) > 100, name
    assert client.get("/static/swagger/..%2Fcore.py").status_code == 404


def test_it_is_under_the_policy_of_the_page(client: httpx.Client):
    page = client.get("/docs")

    policy = page.headers["Content-Security-Policy"]
    assert policy == client.get("/").headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]* src=)|<style|\bstyle=|\bon\w+=", page.text)
    for name in ("/static/swagger/swagger-ui-bundle.js", "/static/docs.js"):
        assert client.get(name).headers["X-Content-Type-Options"] == "nosniff"
        assert "javascript" in client.get(name).headers["Content-Type"]


def test_the_description_is_sent_to_no_validator():
    assert re.search(r"validatorUrl: null", (WEB / "docs.js").read_text())


@pytest.mark.parametrize("path", ["/redoc", "/docs/oauth2-redirect"])
def test_what_fastapi_makes_of_files_of_other_hosts_is_off(client: httpx.Client, path: str):
    assert client.get(path).status_code in (401, 404)
    assert "//cdn" not in client.get(path).text
