"""A body, multipart or JSON, or the text after `?`, to what is asked and how to show it.

body -> fields, each once -> SearchRequest -> AskedQuery
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException

from service.api.forms import Upload, read_form
from service.api.search_request import OptionsIn, SearchRequest
from service.api.source_request import TEXTS
from service.core.errors import InvalidQueryError
from service.pipeline.querying import Query
from service.pipeline.search import Ask

_MEMORABLE = 500
"""Characters of fields that are remembered: options are short, vectors are not."""
_FIELDS = {"file", *SearchRequest.model_fields}
_M = TypeVar("_M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class AskedQuery:
    """What is asked, and what of the answer is shown."""

    ask: Ask
    explain: bool = False
    with_product: bool = True

    @classmethod
    def of(cls, options: OptionsIn, query: Query) -> "AskedQuery":
        """Put the options of a request to its query; raises InvalidFilterError."""
        return cls(options.ask(query), options.explain, options.with_product)


async def read_query(request: Request, max_part_bytes: int) -> AskedQuery:
    """Read the body by its content type.

    Args:
        request: Whose body is unread.
        max_part_bytes: Of a form field that is no file.

    Raises:
        InvalidQueryError: There is nothing to look for, or more than one thing, or an unknown
            field.
        InvalidFilterError: The filter is malformed.
        RequestValidationError: A field has a wrong type or value.
        HTTPException: 415, neither multipart nor JSON.
    """
    kind = content_type(request)
    if kind == "application/json":
        return parse_query(await read_json(request))
    if kind == "multipart/form-data":
        return _from_form(_once_each(await read_form(request, max_part_bytes)))
    raise HTTPException(415, "send multipart/form-data with a `file`, or application/json")


def parse_query(fields: Mapping[str, Any]) -> AskedQuery:
    """Read the JSON of one query; raises as `read_query`."""
    parsed = validated(SearchRequest, fields)
    return AskedQuery.of(parsed, parsed.query())


def parse_form(fields: Mapping[str, Any], file: bytes | None) -> AskedQuery:
    """Read the fields of a form, texts all, and its file; raises as `read_query`."""
    texts = [value for value in fields.values() if isinstance(value, str)]
    if len(texts) < len(fields) or sum(map(len, texts)) > _MEMORABLE:
        parsed = validated_texts(SearchRequest, fields)
        return AskedQuery.of(parsed, parsed.query(file))
    parsed, options = _parsed(tuple(fields.items()))
    return replace(options, ask=replace(options.ask, query=parsed.query(file)))


@lru_cache(maxsize=256)
def _parsed(fields: tuple[tuple[str, str], ...]) -> tuple[SearchRequest, AskedQuery]:
    """Read texts, and the options among them, of a query that is yet to come.

    A page sends the same few with every picture; reading them took a sixth of a kept answer.
    """
    parsed = validated_texts(SearchRequest, dict(fields))
    return parsed, AskedQuery.of(parsed, Query(()))


def parse_options(request: Request) -> OptionsIn:
    """Read the options after `?`; raises as `read_query`."""
    return validated_texts(OptionsIn, _once_each(request.query_params.multi_items()))


def validated(model: type[_M], fields: Mapping[str, Any]) -> _M:
    """Read JSON by a model, as its schema says: `"3"` and `true` are no numbers.

    Raises:
        RequestValidationError: A field has a wrong type or value.
    """
    try:
        return model.model_validate(fields, strict=True)
    except ValidationError as exc:
        raise RequestValidationError(exc.errors()) from exc


def validated_texts(model: type[_M], fields: Mapping[str, Any]) -> _M:
    """Read fields that are texts all by a model; raises as `validated`."""
    try:
        return model.model_validate(fields, context=TEXTS)
    except ValidationError as exc:
        raise RequestValidationError(exc.errors()) from exc


def content_type(request: Request) -> str:
    """Return the media type of the body, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_json(request: Request) -> dict[str, Any]:
    """Read a body that is a JSON object; raises InvalidQueryError."""
    body = await read_value(request)
    if not isinstance(body, dict):
        raise InvalidQueryError("the body must be a JSON object")
    return body


async def read_value(request: Request) -> Any:
    """Read a body that is any JSON; raises InvalidQueryError."""
    try:
        return await request.json()
    except (ValueError, RecursionError) as exc:
        raise InvalidQueryError(f"the body is not JSON: {exc}") from exc


def _once_each(items: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in items:
        if name in fields:
            raise InvalidQueryError(f"`{name}` is given twice")
        fields[name] = value
    return fields


def _from_form(form: dict[str, Any]) -> AskedQuery:
    if unknown := sorted(form.keys() - _FIELDS):
        raise InvalidQueryError(
            f"unknown field {', '.join(unknown)}; known are {', '.join(sorted(_FIELDS))}"
        )
    upload = form.pop("file", None)
    if upload is not None and not isinstance(upload, Upload):
        raise InvalidQueryError(
            "`file` must be a file, sent with a filename (curl: -F file=@photo.jpg)"
        )
    return parse_form(form, None if upload is None else upload.data)
