"""The body of a write of one product: bytes -> media type, JSON -> what the write flow takes."""

from typing import TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request

from service.api.product_schemas import ProductId, ProductIn, ProductPatchIn
from service.api.queries import content_type
from service.core.errors import InvalidQueryError
from service.pipeline.writing import Patch, Put

_Model = TypeVar("_Model", bound=BaseModel)
_ID = TypeAdapter(ProductId)


def check_media_type(request: Request, *taken: str) -> None:
    """Refuse a body of another kind with 415."""
    if content_type(request) not in taken:
        raise HTTPException(415, f"send {' or '.join(taken)}")


def read_put(product_id: str, body: bytes, expected: int | None) -> Put:
    """Parse a whole product.

    Raises:
        RequestValidationError: A field is unknown, or has a wrong type or value.
        InvalidQueryError: The ids of address and body differ, or a picture is not base64.
    """
    try:
        _ID.validate_python(product_id)
    except ValidationError as exc:
        raise RequestValidationError([{**e, "loc": ("id",)} for e in exc.errors()]) from exc
    parsed = _parsed(ProductIn, body)
    _check_id(product_id, parsed.id)
    return Put(parsed.product(product_id), parsed.pictures(), expected)


def read_patch(product_id: str, body: bytes, expected: int | None) -> Patch:
    """Parse a merge patch of a product; raises as `read_put`."""
    parsed = _parsed(ProductPatchIn, body)
    _check_id(product_id, parsed.id)
    return Patch(product_id, parsed.change(), parsed.pictures(), expected)


def _parsed(model: type[_Model], body: bytes) -> _Model:
    try:
        return model.model_validate_json(body)
    except ValidationError as exc:
        raise RequestValidationError(exc.errors()) from exc


def _check_id(product_id: str, given: str | None) -> None:
    if given is not None and given != product_id:
        raise InvalidQueryError(f"the body is of product {given!r}, the address of {product_id!r}")
