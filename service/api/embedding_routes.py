"""`POST /v1/embeddings`: vectors of texts and pictures, in the shape that OpenAI's clients expect.

input -> texts, data URIs and URLs -> one run of each tower -> floats | base64 of float32
"""

import base64
from functools import partial

import numpy as np
from fastapi import APIRouter, Request, Response
from numpy.typing import NDArray
from starlette.exceptions import HTTPException

from service.api.base64_text import decode_base64
from service.api.bodies import EMBEDDINGS_BODY, TIMEOUT
from service.api.embedding_schemas import (
    EmbeddingOut,
    EmbeddingsRequest,
    EmbeddingsResponse,
    UsageOut,
)
from service.api.openapi import problems
from service.api.queries import content_type, read_json, validated
from service.api.serving import Serving
from service.api.source_request import MAX_TEXT
from service.api.working import terms_of, worked
from service.core.errors import InvalidQueryError
from service.pipeline.outcome import succeeded
from service.pipeline.querying import LinkedPicture, Picture, Query, Source, Words
from service.pipeline.terms import Terms

EMBEDDINGS_PATH = "/v1/embeddings"


def make_embedding_routes(serving: Serving) -> APIRouter:
    """Build the route."""
    router = APIRouter(prefix="/v1")

    @router.post(
        "/embeddings",
        summary="Vectors of texts and pictures, as OpenAI's clients ask for them",
        response_model=EmbeddingsResponse,
        responses=problems(413, 415, 422, 429, 503, 504),
        openapi_extra={**EMBEDDINGS_BODY, **TIMEOUT},
    )
    async def embeddings(request: Request) -> Response:
        terms = terms_of(request, "best")  # since callers keep them beside others
        if content_type(request) != "application/json":
            raise HTTPException(415, "send application/json with `input` and `model`")
        asked = validated(EmbeddingsRequest, await read_json(request))
        _check(serving, asked)
        made = await worked(request, serving.batchers, terms, partial(_embed, serving, asked))
        return Response(made.model_dump_json(), media_type="application/json")

    return router


def _check(serving: Serving, asked: EmbeddingsRequest) -> None:
    manifest = serving.encoder.manifest
    if asked.model != manifest.name:
        raise InvalidQueryError(f"there is no model {asked.model[:80]!r} here, but {manifest.name}")
    if asked.dimensions not in (None, manifest.dim):
        raise InvalidQueryError(f"vectors of {manifest.name} have {manifest.dim} dimensions")


def _embed(serving: Serving, asked: EmbeddingsRequest, terms: Terms) -> EmbeddingsResponse:
    inputs = [asked.input] if isinstance(asked.input, str) else asked.input
    sources = [_source(text, number) for number, text in enumerate(inputs)]
    embedded = serving.search.embed([Query.of(source) for source in sources], terms)
    vectors = [succeeded(each).vector for each in embedded]
    tokens = _tokens(serving, sources)
    return EmbeddingsResponse(
        data=[
            EmbeddingOut(index=number, embedding=_written(vector, asked.encoding_format))
            for number, vector in enumerate(vectors)
        ],
        model=serving.encoder.manifest.name,
        usage=UsageOut(prompt_tokens=tokens, total_tokens=tokens),
    )


def _source(text: str, number: int) -> Source:
    if text.startswith("data:"):
        return Picture(decode_base64(text, f"input {number}"))
    if text.startswith(("http://", "https://")):
        return LinkedPicture(text)
    words = text.strip()
    if not words or len(words) > MAX_TEXT:
        raise InvalidQueryError(f"input {number} is blank, or longer than {MAX_TEXT:,} characters")
    return Words(words)


def _tokens(serving: Serving, sources: list[Source]) -> int:
    texts = [source.text for source in sources if isinstance(source, Words)]
    side = serving.search.embedder.texts
    patches = serving.encoder.tier.tokens or 0
    pictures = len(sources) - len(texts)
    return pictures * patches + (side.encoder.count_tokens(texts) if side and texts else 0)


def _written(vector: NDArray[np.float32], encoding: str) -> list[float] | str:
    if encoding == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    return [float(number) for number in vector]
