"""The body of a search, multipart or JSON, to a picture and what is asked of it."""

from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from service.api.base64_text import decode_base64
from service.api.search_request import SearchRequest
from service.core.errors import InvalidQueryError
from service.pipeline.selecting import SearchOptions

_FIELDS = {"file", *SearchRequest.model_fields}


@dataclass(frozen=True, slots=True)
class PictureQuery:
    """One encoded picture, and which products are wanted, how many and in what order."""

    data: bytes
    limit: int
    options: SearchOptions
    explain: bool


async def read_query(request: Request, max_part_bytes: int) -> PictureQuery:
    """Read the body by its content type.

    Args:
        request: Whose body is unread.
        max_part_bytes: Of a form field that is no file.

    Raises:
        InvalidQueryError: There is no picture, or more than one, or an unknown field.
        InvalidFilterError: The filter is malformed.
        RequestValidationError: A field has a wrong type or value.
        HTTPException: 415, neither multipart nor JSON.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return _from_fields(await _json(request), None)
    if kind == "multipart/form-data":
        async with request.form(max_part_size=max_part_bytes) as form:
            return await _from_form(_once_each(form))
    raise HTTPException(415, "send multipart/form-data with a `file`, or application/json")


async def _json(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except (ValueError, RecursionError) as exc:
        raise InvalidQueryError(f"the body is not JSON: {exc}") from exc
    if not isinstance(body, dict):
        raise InvalidQueryError("the body must be a JSON object")
    return body


def _once_each(form: FormData) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in form.multi_items():
        if name in fields:
            raise InvalidQueryError(f"`{name}` is given twice")
        fields[name] = value
    return fields


async def _from_form(form: dict[str, Any]) -> PictureQuery:
    if unknown := sorted(form.keys() - _FIELDS):
        raise InvalidQueryError(
            f"unknown field {', '.join(unknown)}; known are {', '.join(sorted(_FIELDS))}"
        )
    upload = form.pop("file", None)
    if upload is not None and not isinstance(upload, UploadFile):
        raise InvalidQueryError(
            "`file` must be a file, sent with a filename (curl: -F file=@photo.jpg)"
        )
    if upload is None:
        return _from_fields(form, None)
    if "image_base64" in form:
        raise InvalidQueryError("send one picture: either `file` or `image_base64`")
    return _from_fields(form, await upload.read())


def _from_fields(fields: dict[str, Any], data: bytes | None) -> PictureQuery:
    if data is None and "image_base64" not in fields:
        raise InvalidQueryError("no picture: send `file` (multipart) or `image_base64`")
    # A stand-in keeps one schema for both forms of the query.
    values = fields if data is None else {**fields, "image_base64": "-"}
    try:
        parsed = SearchRequest.model_validate(values)
    except ValidationError as exc:
        raise RequestValidationError(exc.errors()) from exc
    options = parsed.options()
    if data is None:
        data = decode_base64(parsed.image_base64)
    return PictureQuery(data, parsed.limit, options, parsed.explain)
