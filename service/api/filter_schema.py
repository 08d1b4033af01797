"""What OpenAPI says of a filter as an object; `core.filter_json` reads it."""

from typing import Any

from service.core.filter_json import MAX_CONDITIONS, MAX_VALUES

_VALUE = {"anyOf": [{"type": "string", "minLength": 1}, {"type": "number"}, {"type": "boolean"}]}
_TESTS: dict[str, dict[str, Any]] = {
    "match": _VALUE,
    "any": {"type": "array", "items": _VALUE, "minItems": 1, "maxItems": MAX_VALUES},
    "range": {
        "type": "object",
        "properties": {bound: {"type": "number"} for bound in ("gt", "gte", "lt", "lte")},
        "minProperties": 1,
        "additionalProperties": False,
    },
    "exists": {"type": "boolean"},
}
_CONDITION = {
    "anyOf": [
        {
            "type": "object",
            "properties": {"key": {"type": "string", "minLength": 1}, name: schema},
            "required": ["key", name],
            "additionalProperties": False,
        }
        for name, schema in _TESTS.items()
    ]
}
_CLAUSE = {"type": "array", "items": _CONDITION, "maxItems": MAX_CONDITIONS}
FILTER_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": dict.fromkeys(("must", "should", "must_not"), _CLAUSE),
    "additionalProperties": False,
}
"""An object with conditions in three clauses."""
