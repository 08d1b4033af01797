"""What the service says of itself: complete, sound, and not changed without notice."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.openapi.models import OpenAPI
from pydantic import BaseModel, TypeAdapter
from starlette.testclient import TestClient

from service.api.app import create_app
from service.api.batch_schemas import BatchRequest
from service.api.bulk_schemas import BulkLineIn, BulkStatusOut
from service.api.embedding_schemas import EmbeddingsRequest
from service.api.event_schemas import EventsRequest
from service.api.index_schemas import PromoteRequest
from service.api.product_schemas import ProductIn, ProductPatchIn
from service.api.schemas import Problem, SearchResponse
from service.api.search_request import OptionsIn, SearchRequest
from service.settings import Settings
from service.wiring import serving

pytestmark = pytest.mark.integration

SNAPSHOT = Path(__file__).with_name("openapi.json")
REFRESH = "VITRINE_TEST_REFRESH=1 pytest tests/integration/test_openapi.py"
PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with serving(Settings(data_dir=tmp_path_factory.mktemp("nothing"))) as parts:
        app = create_app(parts, max_image_bytes=20_000_000)
        return TestClient(app).get("/openapi.json").json()


def operations(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from references(child)


def test_it_is_openapi_and_every_reference_leads_somewhere(described: dict[str, Any]):
    OpenAPI.model_validate(described)

    targets = {f"#/components/schemas/{name}" for name in described["components"]["schemas"]}
    assert set(references(described)) == targets


def test_every_route_says_what_it_does_and_how_it_fails(described: dict[str, Any]):
    for name, operation in operations(described):
        if name in ("GET /livez", "GET /metrics"):
            continue
        assert operation["summary"], name
        assert "default" in operation["responses"], name
        for status, response in operation["responses"].items():
            assert response["description"], (name, status)
            if status not in ("200", "201", "204", "304"):
                assert response["content"] == PROBLEM, (name, status)


def test_the_statuses_of_a_search_are_documented(described: dict[str, Any]):
    responses = described["paths"]["/v1/search"]["post"]["responses"]

    statuses = (200, 400, 401, 403, 404, 413, 415, 422, 429, 503, 504)
    assert responses.keys() == {*map(str, statuses), "default"}


def test_both_bodies_of_a_search_have_examples_that_fit(described: dict[str, Any]):
    content = described["paths"]["/v1/search"]["post"]["requestBody"]["content"]

    assert content.keys() == {"multipart/form-data", "application/json"}
    for example in content["application/json"]["examples"].values():
        SearchRequest.model_validate(example["value"])
    form = content["multipart/form-data"]
    assert form["schema"]["properties"].keys() == {"file", *SearchRequest.model_fields}
    for example in form["examples"].values():
        assert example["value"].keys() <= form["schema"]["properties"].keys()


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1/search:batch", BatchRequest),
        ("/v1/embeddings", EmbeddingsRequest),
        ("/v1/index:promote", PromoteRequest),
    ],
)
def test_other_bodies_have_examples_that_fit(
    described: dict[str, Any], path: str, model: type[BaseModel]
):
    body = described["paths"][path]["post"]["requestBody"]["content"]["application/json"]

    assert body["schema"] == {"$ref": f"#/components/schemas/{model.__name__}"}
    assert body["examples"]
    for example in body["examples"].values():
        model.model_validate(example["value"])
        for query in example["value"].get("queries", []):
            SearchRequest.model_validate(query)


def test_the_events_have_examples_that_fit(described: dict[str, Any]):
    content = described["paths"]["/v1/events"]["post"]["requestBody"]["content"]
    body = content["application/json"]

    assert body["schema"] == {"$ref": "#/components/schemas/EventsRequest"}
    assert {type(example["value"]) for example in body["examples"].values()} == {dict, list}
    for example in body["examples"].values():
        EventsRequest.model_validate(example["value"])


def test_similar_products_take_the_options_of_a_search(described: dict[str, Any]):
    parameters = described["paths"]["/v1/products/{product_id}/similar"]["get"]["parameters"]
    names = {parameter["name"]: parameter["in"] for parameter in parameters}

    options = dict.fromkeys(OptionsIn.model_fields, "query")
    assert names == {"product_id": "path", **options, "X-Timeout-Ms": "header"}
    assert all(parameter["description"] for parameter in parameters)


@pytest.mark.parametrize(
    ("method", "media_type", "model"),
    [
        ("put", "application/json", ProductIn),
        ("patch", "application/merge-patch+json", ProductPatchIn),
    ],
)
def test_the_bodies_of_a_write_have_examples_that_fit(
    described: dict[str, Any], method: str, media_type: str, model: type[BaseModel]
):
    operation = described["paths"]["/v1/products/{product_id}"][method]
    content = operation["requestBody"]["content"][media_type]

    assert content["schema"] == {"$ref": f"#/components/schemas/{model.__name__}"}
    for example in content["examples"].values():
        model.model_validate(example["value"])


def test_the_lines_of_a_bulk_have_examples_that_fit(described: dict[str, Any]):
    operation = described["paths"]["/v1/products:bulk"]["post"]
    for content, model in [
        (operation["requestBody"]["content"], BulkLineIn),
        (operation["responses"]["200"]["content"], BulkStatusOut),
    ]:
        described_lines = content["application/x-ndjson"]
        assert described_lines["schema"] == {"$ref": f"#/components/schemas/{model.__name__}"}
        lines = described_lines["examples"]["lines"]["value"].splitlines()
        assert len(lines) == 3
        for line in lines:
            model.model_validate_json(line)


@pytest.mark.parametrize("model", [SearchResponse, Problem])
def test_answers_have_examples_that_fit(described: dict[str, Any], model: type):
    examples = described["components"]["schemas"][model.__name__]["examples"]

    assert examples
    for example in examples:
        kind = TypeAdapter(model)
        assert kind.dump_python(kind.validate_python(example)) == example


def test_nothing_changed_without_notice(described: dict[str, Any]):
    if os.environ.get("VITRINE_TEST_REFRESH"):
        SNAPSHOT.write_text(json.dumps(described, indent=2, sort_keys=True) + "\n")

    assert described == json.loads(SNAPSHOT.read_text()), (
        f"the REST interface changed; if that is meant, run `{REFRESH}`, look at the difference "
        "in openapi.json and say it in CHANGELOG.md"
    )
