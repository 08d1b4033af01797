"""What schemathesis cannot know of this API: loaded by it, in its own process.

description -> no `default`: every answer has to be named
            -> formats: ids, words and models of the shop that is served
request     -> where it is meant to be answered: made sound (`schema_values`)
failure     -> let pass where no schema can promise better
"""

import json
import os
from typing import Any

import schemathesis
from hypothesis import strategies as st

from support.schema_values import KNOWN, go_one_way, mend, mend_headers

_OF_THE_SHOP = ("image_base64", "image_id", "product_id", "model", "text", "image_url")
_STATES = (
    b"has no picture in the index to be like",  # a write before took its pictures
    b'"code":"idempotency_conflict"',  # the key came before
)

for _name in _OF_THE_SHOP:
    schemathesis.openapi.format(f"vitrine-{_name}", st.sampled_from(KNOWN[_name]))


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: dict[str, Any]) -> None:
    """Tighten the description: no answer hides behind `default`, and values are of the shop."""
    paths = raw_schema["paths"]
    for operations in paths.values():
        for operation in operations.values():
            operation["responses"].pop("default", None)
            for parameter in operation.get("parameters", ()):
                _name_format(parameter["name"], parameter["schema"])
    _name_formats(raw_schema)
    bodies = paths["/v1/search"]["post"]["requestBody"]["content"]
    # With it schemathesis leaves out forms that break the schema.
    del bodies["multipart/form-data"]["encoding"]
    bulk = paths["/v1/products:bulk"]["post"]
    for lines in (bulk["requestBody"], bulk["responses"]["200"]):
        described = lines["content"]["application/x-ndjson"]
        described["schema"] = {"type": "array", "items": described["schema"]}
        described.pop("examples", None)  # which are lines, not a list of them


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Make a request sound that shall be answered; come to open doors with a key too."""
    if case.meta is not None and case.meta.generation.mode.is_positive:
        mend(case.body)
        mend(case.query)
        mend_headers(case.headers)
        if isinstance(case.body, dict) and "product_id" in case.path_parameters:
            case.body.pop("id", None)  # which is that of the address, or left out
        if case.media_type == "multipart/form-data":
            go_one_way(case.body)
    if not case.operation.definition.raw.get("security"):
        # Else a method that is none is a 401 there, not the 405 that schemathesis looks for.
        case.headers["Authorization"] = f"Bearer {os.environ['VITRINE_TEST_KEY']}"


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Let pass what is refused for the state of the shop, which no schema can promise."""
    if "Invalid component: positive test case" in failure.message:
        return False  # schemathesis counts it among the others, and says itself that it is sound
    refused = response.content if response.status_code == 422 else b""
    return not any(state in refused for state in _STATES)


@schemathesis.serializer("application/x-ndjson")
def as_lines(context: Any, value: Any) -> bytes:
    """Write objects as lines."""
    if isinstance(value, bytes):
        return value
    lines = value if isinstance(value, list) else [value]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


@schemathesis.deserializer("application/x-ndjson")
def from_lines(context: Any, response: Any) -> list[Any]:
    """Read lines as objects."""
    return [json.loads(line) for line in response.content.splitlines()]


def _name_formats(node: object) -> None:
    if isinstance(node, list):
        for each in node:
            _name_formats(each)
    elif isinstance(node, dict):
        for name, schema in node.get("properties", {}).items():
            _name_format(name, schema)
        for each in node.values():
            _name_formats(each)


def _name_format(name: str, schema: Any) -> None:
    if name in _OF_THE_SHOP and isinstance(schema, dict):
        for each in (schema, *schema.get("anyOf", ())):
            if each.get("type") == "string":
                each["format"] = f"vitrine-{name}"
