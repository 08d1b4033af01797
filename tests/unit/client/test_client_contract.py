"""The client knows what the service answers and takes, field for field, and imports none of it."""

import dataclasses
import subprocess
import sys

import pytest
from pydantic import BaseModel, TypeAdapter

from service import client
from service.api import (
    answer_schemas,
    batch_schemas,
    bulk_schemas,
    event_schemas,
    index_schemas,
    product_schemas,
    schemas,
)
from service.api.search_request import OptionsIn
from service.api.source_request import PartIn, QueriesIn, SourceIn
from service.client.answers import IndexVersions
from service.client.parsing import parsed
from service.client.products import Products

ANSWERS = {
    client.Batch: batch_schemas.BatchResponse,
    client.BatchItem: batch_schemas.BatchItem,
    client.BulkStatus: bulk_schemas.BulkStatusOut,
    client.Bundle: index_schemas.BundleOut,
    client.Category: answer_schemas.CategoryOut,
    client.Detected: answer_schemas.DetectedOut,
    client.Explanation: schemas.ExplainOut,
    client.Facet: schemas.FacetOut,
    client.FacetValue: schemas.FacetValueOut,
    client.Image: schemas.ImageOut,
    client.Index: index_schemas.IndexOut,
    client.IndexRef: schemas.IndexRef,
    client.IndexVersion: index_schemas.VersionOut,
    IndexVersions: index_schemas.VersionsOut,
    client.Problem: schemas.Problem,
    client.Product: schemas.ProductOut,
    client.Reported: event_schemas.EventsOut,
    client.Result: schemas.ResultOut,
    client.SearchAnswer: schemas.SearchResponse,
    client.Tier: answer_schemas.TierOut,
    Products: schemas.ProductsOut,
}
IGNORED = {"updated_at", "id"}
"""What a product as it was read may say of itself, and a write does not look at."""


def described(kind: type) -> set[str]:
    return set(TypeAdapter(kind).json_schema()["properties"])


@pytest.mark.parametrize("kind", ANSWERS, ids=lambda kind: kind.__name__)
def test_every_field_of_an_answer_is_there(kind: type) -> None:
    assert {field.name for field in dataclasses.fields(kind)} == described(ANSWERS[kind])


@pytest.mark.parametrize(
    ("asked", "models", "beside"),
    [
        (client.Source, [SourceIn], {"file"}),
        (client.Part, [PartIn], {"file"}),
        (client.Options, [OptionsIn], set()),
        (client.Query, [QueriesIn, OptionsIn], {"file"}),
    ],
)
def test_every_field_of_a_query_can_be_asked(
    asked: type, models: list[type[BaseModel]], beside: set[str]
) -> None:
    assert set(asked.__annotations__) == set().union(*(m.model_fields for m in models)) | beside


def test_every_field_of_an_event_can_be_reported() -> None:
    assert set(client.EventIn.__annotations__) == set(event_schemas.EventIn.model_fields)


def test_every_field_of_a_product_can_be_written() -> None:
    for model in (product_schemas.ProductIn, product_schemas.ProductPatchIn):
        assert set(client.ProductIn.__annotations__) == set(model.model_fields) - IGNORED
    pictures = set(product_schemas.ImageIn.model_fields) - {"url"} | {"file"}
    assert set(client.ImageIn.__annotations__) == pictures
    line = set(bulk_schemas.BulkPutIn.model_fields) - {"updated_at"}
    assert set(client.BulkLine.__annotations__) == line


def test_the_example_of_an_answer_is_read() -> None:
    (example,) = TypeAdapter(schemas.SearchResponse).json_schema()["examples"]
    answer = parsed(client.SearchAnswer, example)
    assert (
        dataclasses.asdict(answer)["results"][0]["product"]["id"]
        == (example["results"][0]["product"]["id"])
    )


def test_both_clients_have_the_same_methods() -> None:
    def methods(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    assert methods(client.Vitrine) == methods(client.AsyncVitrine)


def test_a_caller_imports_none_of_what_the_service_runs_on() -> None:
    script = "import sys, service.client; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(done.stdout.split())
    assert "service.client" in loaded
    heavy = {"faiss", "fastapi", "numpy", "onnxruntime", "PIL", "pyarrow", "pydantic", "redis"}
    assert not heavy & loaded
    ours = {name for name in loaded if name.startswith("service.")}
    assert all(name.startswith("service.client") for name in ours), ours
