"""The `/v1/products` routes: read, write, and write many."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response

from service.api.bulk import Bulk
from service.api.bulk_stream import MEDIA_TYPE, BulkResponse
from service.api.conditions import etag, expected_revision, unchanged
from service.api.idempotency import request_key
from service.api.metrics import Metrics
from service.api.openapi import problems
from service.api.product_address import PRODUCT
from service.api.product_body import check_media_type, read_patch, read_put
from service.api.product_openapi import (
    BULK,
    ETAG,
    IF_NONE_MATCH,
    PATCH_BODY,
    PUT_BODY,
    WRITE_HEADERS,
)
from service.api.schemas import MAX_LIMIT, ProductOut, ProductsOut
from service.api.serving import Serving
from service.api.showing import json_of, show_product
from service.api.working import begun, terms_of
from service.core.errors import ProductNotFoundError
from service.core.store import Written
from service.core.types import StoredProduct
from service.pipeline.terms import BULK as BULK_TERMS
from service.pipeline.terms import Terms
from service.pipeline.writing import Delete, Operation

BULK_PATH = "/v1/products:bulk"


def make_product_routes(serving: Serving, metrics: Metrics, max_body_bytes: int) -> APIRouter:
    """Build the routes of products; a line of a bulk is bounded as a body is, a bulk is not."""
    router = APIRouter(prefix="/v1", tags=["products"])
    router.include_router(_reading(serving))
    router.include_router(_writing(serving))
    bulk = Bulk(serving.writing, metrics, max_body_bytes)

    @router.post(
        "/products:bulk",
        summary="Write many products: lines of JSON in, a line of status out for each",
        response_class=Response,
        **BULK,
    )
    async def write_many(request: Request) -> Response:
        check_media_type(request, MEDIA_TYPE, "application/jsonl", "application/ndjson")
        terms = replace(BULK_TERMS, deadline=terms_of(request).deadline)
        write = partial(bulk.write, terms=terms)
        return BulkResponse(request, write, serving.writers, max_body_bytes)

    return router


def _reading(serving: Serving) -> APIRouter:
    router = APIRouter()

    @router.get("/products", summary="Some products of the catalogue", responses=problems(422))
    def list_products(
        limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Products wanted.")] = 20,
    ) -> ProductsOut:
        return {"products": [show_product(p) for p in serving.store.list_products(limit)]}

    @router.get(
        PRODUCT,
        summary="One product",
        response_model=ProductOut,
        responses={
            200: ETAG,
            304: {"description": "It is what `If-None-Match` names."},
            **problems(404),
        },
        openapi_extra=IF_NONE_MATCH,
    )
    def get_product(product_id: str, request: Request) -> Response:
        stored = serving.store.get_many([product_id]).get(product_id)
        if stored is None:
            raise ProductNotFoundError(f"no product {product_id!r} in the catalogue")
        if unchanged(request.headers, stored.revision):
            return Response(status_code=304, headers={"ETag": etag(stored.revision)})
        return _shown(stored)

    return router


def _writing(serving: Serving) -> APIRouter:
    router = APIRouter()

    async def write(request: Request, read: Callable[[bytes], Operation]) -> Response:
        terms = terms_of(request, "best")
        body = await request.body()

        def written(terms: Terms) -> Response:
            operation = replace(read(body), key=request_key(request, body))
            return _answer(serving.writing.one(operation, terms))

        with request.state.ticket.working():
            return await begun(serving.writers, terms, written)

    def expected(request: Request, product_id: str) -> int | None:
        return expected_revision(request.headers, serving.store, product_id)

    @router.put(
        PRODUCT,
        summary="Make a product what the body says, all of it",
        response_model=ProductOut,
        responses={
            200: {"description": "It was replaced.", **ETAG},
            201: {"description": "It is new.", "model": ProductOut, **ETAG},
            **problems(412, 413, 415, 422, 429, 503, 504),
        },
        openapi_extra={**PUT_BODY, **WRITE_HEADERS},
    )
    async def put_product(product_id: str, request: Request) -> Response:
        check_media_type(request, "application/json")
        return await write(
            request, lambda body: read_put(product_id, body, expected(request, product_id))
        )

    @router.patch(
        PRODUCT,
        summary="Change some of a product",
        response_model=ProductOut,
        responses={200: ETAG, **problems(404, 412, 413, 415, 422, 429, 503, 504)},
        openapi_extra={**PATCH_BODY, **WRITE_HEADERS},
    )
    async def patch_product(product_id: str, request: Request) -> Response:
        check_media_type(request, "application/merge-patch+json", "application/json")
        return await write(
            request, lambda body: read_patch(product_id, body, expected(request, product_id))
        )

    @router.delete(
        PRODUCT,
        summary="Delete a product: it is never shown again",
        status_code=204,
        response_class=Response,
        responses=problems(404, 412, 422, 429, 503, 504),
        openapi_extra=WRITE_HEADERS,
    )
    async def delete_product(product_id: str, request: Request) -> Response:
        return await write(request, lambda _: Delete(product_id, expected(request, product_id)))

    return router


def _answer(written: Written) -> Response:
    if written.stored is None:
        return Response(status_code=204)
    return _shown(written.stored, created=written.created)


def _shown(stored: StoredProduct, *, created: bool = False) -> Response:
    headers = {"ETag": etag(stored.revision)}
    if created:
        headers["Location"] = f"/v1/products/{quote(stored.product.id, safe='')}"
    return Response(
        json_of(show_product(stored)),
        status_code=201 if created else 200,
        headers=headers,
        media_type="application/json",
    )
