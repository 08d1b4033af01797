"""docs/api.md: every example is run against a server with keys; nothing of the API is missing."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from service import client
from service.api import (
    batch_schemas,
    embedding_schemas,
    event_schemas,
    product_schemas,
    search_request,
    source_request,
)
from service.api.auth import needed_scope
from service.api.errors import HTTP_CODES, STATUS
from service.api.schemas import MAX_LIMIT
from service.core.access import Scope, new_key
from service.core.filter_json import MAX_CONDITIONS, MAX_VALUES
from service.core.product_patch import MAX_ATTRIBUTES
from support.live_server import Server, Shop, serving

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "api.md").read_text()
BLOCKS = re.findall(r"```(sh|python|js)\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = {
    "sh": ["bash", "-euo", "pipefail", "-c"],
    "python": [sys.executable, "-W", "error", "-c"],
    "js": ["node", "--input-type=module", "-e"],
}
NEEDS = {"sh": "curl", "js": "node", "python": sys.executable}
SECRET, KEY = new_key("reader", list(Scope))
SAYS = {
    "asyncio.gather": r"^demo-\d{6} demo-\d{6}$",
    "image_url=": r"^invalid_query$",
    "print({each.": r"^\{'demo-000003'\}$",
    "search_batch": r"^about:blank Not Found 404 product_not_found$",
    "only_new=True": r"^True \"\d+\" 20\d\d-.*\n412 revision_conflict\nNone\n"
    r"1 sku-1 201 \d+ None None\n2 sku-1 200 \d+ None None\n3 sku-1 204 \d+ None None$",
    "Idempotency-Key": r"^(\{.*\})\1$",
    "limit=0": r'"code":"invalid_query"',
    "randomUUID": r"^3\n1$",
    "report_events": r"^1 0 \w+\n0 1 \w+$",
    "match, results": r"^null \[ 'demo-\d{6}', 'demo-\d{6}', 'demo-\d{6}' \]$",
    "v1/index/versions": r'^\{"versions":\[\{"version":1,"state":"serves".*"version_not_found"',
    '"serves"': r"^serves 1 null$",
    "index_versions": r"^1 serves True \d+ 20\d\d-\S+ [0-9a-f]{64}\n180 60 Flat 1.0\n1\n"
    r"404 version_not_found$",
    '"dimensions": 256': r'"object":"list"',
}
"""What a block that has this must print."""


def bound(model: type[BaseModel], field: str, name: str) -> int:
    """The bound that a field of a request declares."""
    (value,) = (
        value
        for each in model.model_fields[field].metadata
        if (value := getattr(each, name, None)) is not None
    )
    return value


@pytest.fixture(scope="module")
def guarded(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of its own catalogue, that asks for a key."""
    folder = tmp_path_factory.mktemp("docs")
    data_dir = Path(shutil.copytree(shop.data_dir, folder / "data"))
    with serving(data_dir, folder, VITRINE_API_KEYS=str(KEY)) as running:
        yield running


@pytest.mark.parametrize(
    ("language", "block"), BLOCKS, ids=[f"{kind}-{i}" for i, (kind, _) in enumerate(BLOCKS)]
)
def test_an_example_does_what_it_says(
    language: str, block: str, guarded: Server, shop: Shop, tmp_path: Path
) -> None:
    if shutil.which(NEEDS[language]) is None:
        pytest.skip(f"no {NEEDS[language]} on the PATH")
    (tmp_path / "photo.jpg").write_bytes(shop.picture(3))
    assert "http://127.0.0.1:8000" in block
    script = block.replace("http://127.0.0.1:8000", guarded.url)
    done = subprocess.run(
        [*COMMANDS[language], script],
        cwd=tmp_path,
        env={**os.environ, "KEY": SECRET, "NO_PROXY": "*", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout
    for part, said in SAYS.items():
        if part in block:
            assert re.search(said, done.stdout, re.MULTILINE), done.stdout


def test_what_the_examples_must_say_is_said_by_some() -> None:
    assert [part for part in SAYS if not any(part in block for _, block in BLOCKS)] == []


def test_every_address_is_listed_with_the_key_it_needs() -> None:
    described = json.loads((ROOT / "tests" / "integration" / "openapi.json").read_text())
    served = {
        (method.upper(), path, needed_scope(method.upper(), path) or "none")
        for path, methods in described["paths"].items()
        for method in methods
    }
    rows = re.findall(r"^\| ([A-Z]+) \| `(/\S+)` \| .* \| `?(\w+)`? \|$", PAGE, re.MULTILINE)
    assert set(rows) == served
    assert len(rows) == len(served)


def test_every_field_that_can_be_sent_is_in_an_example() -> None:
    code = "\n".join(block for _, block in BLOCKS)
    models = (
        search_request.SearchRequest, source_request.PartIn, batch_schemas.BatchRequest,
        embedding_schemas.EmbeddingsRequest, event_schemas.EventIn, product_schemas.ProductIn,
        product_schemas.ImageIn,
    )  # fmt: skip
    fields = {name for model in models for name in model.model_fields} | {"file", "op", "id"}
    ignored = {"updated_at"}
    sent = set(re.findall(r"\b(\w+)=|\"(\w+)\":|^ +(\w+): ", code, re.MULTILINE))
    assert fields - ignored <= {name for names in sent for name in names}


def test_every_field_that_is_answered_is_in_an_example() -> None:
    code = "\n".join(block for kind, block in BLOCKS if kind == "python")
    kinds = [kind for kind in vars(client).values() if dataclasses.is_dataclass(kind)]
    fields = {field.name for kind in kinds for field in dataclasses.fields(kind)}
    assert len(fields) > 60
    assert fields - set(re.findall(r"\.(\w+)\b", code)) == set()


def test_every_error_is_listed_with_its_status() -> None:
    made = {(int(status), error.code) for error, status in STATUS.items()}
    made |= {(int(status), code) for status, code in HTTP_CODES.items()} | {
        (400, "invalid_request")
    }
    rows = re.findall(r"^\| (\d{3}) \| `(\w+)` \| .+ \|$", PAGE, re.MULTILINE)
    assert {(int(status), code) for status, code in rows} == made
    assert len(rows) == len(made)


def test_the_problem_that_is_shown_is_what_is_answered(guarded: Server) -> None:
    (shown,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    with guarded.client() as http:
        answer = http.post(
            "/v1/search",
            headers={"Authorization": f"Bearer {SECRET}"},
            json={"text": "bag", "limit": 0},
        )
    for problem in (expected := json.loads(shown), said := answer.json()):
        del problem["request_id"], problem["title"]
    assert said == expected


@pytest.mark.parametrize(
    ("what", "most"),
    [
        ("`limit`", f"{MAX_LIMIT}"),
        ("inputs of a mix", f"{source_request.MAX_PARTS}"),
        ("searches of a batch", f"{batch_schemas.MAX_QUERIES}"),
        ("inputs of `/v1/embeddings`", f"{embedding_schemas.MAX_INPUTS}"),
        ("events of a request", f"{event_schemas.MAX_EVENTS}"),
        ("`text`", f"{source_request.MAX_TEXT:,} characters"),
        ("`filter`", f"{MAX_CONDITIONS} conditions, {MAX_VALUES:,} values in one of them"),
        ("pictures of a product", f"{product_schemas.MAX_IMAGES}"),
        (
            "attributes of a product",
            f"{MAX_ATTRIBUTES}, {product_schemas.MAX_VALUES} values in one of them",
        ),
        ("`offset`", f"{bound(search_request.OptionsIn, 'offset', 'le'):,}"),
        ("`facets`", f"{bound(search_request.OptionsIn, 'facets', 'max_length')} fields"),
        ("`exclude_ids`", f"{bound(search_request.OptionsIn, 'exclude_ids', 'max_length'):,}"),
    ],
)
def test_a_limit_is_the_one_in_force(what: str, most: str) -> None:
    assert f"| {what} | {most} |" in PAGE
