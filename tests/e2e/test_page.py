"""The page in a real browser over a real server: what a person sees, read from the DOM."""

import hashlib
import re
import shutil
import subprocess
from html import unescape
from importlib.util import find_spec
from pathlib import Path

import pytest

from support.live_server import PRODUCTS, Server, Shop, serving

CHROMIUM = shutil.which("chromium")
RESULTS = 24
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(CHROMIUM is None, reason="no `chromium` on the PATH"),
]


def browse(url: str, folder: Path, window: str = "1280,900", *options: str) -> str:
    """Open a page, let it finish, keep a screenshot in `folder`, and return its DOM."""
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--disable-dev-shm-usage", "--hide-scrollbars", f"--user-data-dir={folder / 'profile'}",
        f"--window-size={window}", "--virtual-time-budget=20000",
        f"--screenshot={folder / 'page.png'}", *options, "--dump-dom", url,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert (folder / "page.png").stat().st_size > 5_000
    return done.stdout


def view(dom: str) -> str:
    return re.search(r'<body data-view="(\w+)"', dom)[1]


def texts(dom: str, pattern: str) -> list[str]:
    """What the page shows in each element whose opening tag matches."""
    found = re.findall(rf"<\w+ [^>]*{pattern}[^>]*>(.*?)</", dom, re.DOTALL)
    return [unescape(re.sub(r"<[^>]+>", "", text)).strip() for text in found]


def cards(dom: str) -> str:
    """The list of results alone: the templates bear the same names."""
    return re.search(r'<ol id="cards".*?</ol>', dom, re.DOTALL)[0]


def test_the_start_page_offers_examples_and_names_the_index(server: Server, tmp_path: Path):
    dom = browse(server.url, tmp_path)

    assert view(dom) == "start"
    (line,) = texts(dom, 'id="index-line"')
    assert line.startswith(f"{PRODUCTS} products · vitrine-")
    (examples,) = re.findall(r'<ul id="example-list".*?</ul>', dom, re.DOTALL)
    assert len(re.findall(r'<img [^>]*src="/v1/images/[0-9a-f]{64}"', examples)) == 12
    assert re.search(r'<section id="notice"[^>]* hidden=""', dom)


def test_a_link_to_a_product_shows_what_looks_like_it(server: Server, tmp_path: Path):
    with server.client() as client:
        product = client.get("/v1/products/demo-000007").json()

    dom = browse(f"{server.url}/?product=demo-000007", tmp_path, "1280,1400")

    assert view(dom) == "results"
    assert texts(dom, 'id="results-title"') == [f"{RESULTS} products"]
    assert texts(dom, 'id="match-hint"') == ["This very picture is in the catalogue."]
    assert texts(dom, 'id="query-name"') == [product["title"]]
    shown = cards(dom)
    titles = texts(shown, 'data-slot="title"')
    assert len(titles) == RESULTS
    assert titles[0] == product["title"]
    assert texts(shown, 'data-slot="percent"')[0] == "100%"
    assert f'href="{product["url"]}"' in shown
    assert product["images"][0]["url"] in shown
    assert "€" in texts(shown, 'data-slot="price"')[0]
    assert "without-picture" not in shown


def test_a_product_that_is_not_there_is_said_so_and_the_start_stays(server: Server, tmp_path: Path):
    dom = browse(f"{server.url}/?product=%3Cb%3Enope", tmp_path)

    assert view(dom) == "start"
    assert "no product '<b>nope'" in texts(dom, 'id="notice-detail"')[0]
    assert texts(dom, 'id="notice-code"')[0].startswith("product_not_found · request ")
    assert "<b>nope" not in dom  # as text, never as markup


def test_where_keys_are_set_the_page_asks_for_one(shop: Shop, tmp_path: Path):
    line = f"shop:search:{hashlib.sha256(b'a secret').hexdigest()}"
    with serving(shop.data_dir, tmp_path, VITRINE_API_KEYS=line) as shut:
        dom = browse(f"{shut.url}/?product=demo-000007", tmp_path)

    assert view(dom) == "start"
    assert texts(dom, 'id="notice-title"') == ["This service asks for a key"]
    assert re.search(r'<form id="key-form"(?![^>]* hidden)', dom)


def test_before_any_index_the_page_says_which_command_to_run(empty_server: Server, tmp_path: Path):
    dom = browse(empty_server.url, tmp_path)

    assert view(dom) == "start"
    assert "run `vitrine reindex SOURCE`" in texts(dom, 'id="notice-detail"')[0]
    assert texts(dom, 'id="notice-code"')[0].startswith("index_unavailable")
    assert re.search(r'<section id="examples"[^>]* hidden=""', dom)
    assert re.search(r'<section id="notice"(?![^>]* hidden)', dom)


@pytest.mark.skipif(find_spec("fastapi_offline") is None, reason="fastapi-offline is not installed")
def test_the_description_is_shown_to_a_browser_that_reaches_no_other_host(
    server: Server, tmp_path: Path
):
    alone = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
    dom = browse(f"{server.url}/docs#/default/search_v1_search_post", tmp_path, "1280,1400", alone)

    with server.client() as client:
        described = client.get("/openapi.json").json()["paths"]
    shown = set(re.findall(r'data-path="([^"]+)"', dom))
    assert shown == set(described)
    assert len(re.findall(r'class="opblock opblock-\w+ is-open"', dom)) == 1
    assert "Authorize" in dom
    assert "Unable to render" not in dom
