"""The JSON of the REST API; pydantic only here, at the edge.

What an answer is made of is plain dicts of declared keys (`showing.py` fills them): pydantic
describes them, and none is validated on the way out.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, with_config
from typing_extensions import TypedDict

from service.api.answer_schemas import CategoryOut, DetectedOut
from service.api.examples import ANSWER, PROBLEM

MAX_LIMIT = 200


class ImageOut(TypedDict):
    """One picture of a product."""

    image_id: Annotated[str, Field(description="SHA-256 of its bytes.")]
    url: Annotated[str, Field(description="Where a small copy of it is served.")]


class ProductOut(TypedDict):
    """A product of the catalogue."""

    id: str
    title: str
    category: str
    brand: str
    price: float | None
    currency: Annotated[str, Field(description="ISO 4217, where the catalogue says.")]
    availability: Annotated[str, Field(description="As the catalogue has it, e.g. `in_stock`.")]
    url: Annotated[str, Field(description="The product's page in the shop.")]
    attributes: Annotated[
        Mapping[str, Any], Field(description="Every other column of the catalogue.")
    ]
    images: list[ImageOut]
    updated_at: Annotated[str, Field(description="When it last changed, ISO 8601.")]


class ProductsOut(TypedDict):
    """Some products."""

    products: list[ProductOut]


class IndexRef(TypedDict):
    """Which index answered."""

    version: int
    built_at: Annotated[str, Field(description="ISO 8601.")]
    bundle: Annotated[str, Field(description="Name of the model bundle.")]
    sequence: Annotated[
        int,
        Field(description="Number of a write to the catalogue; every live write up to it is seen."),
    ]


class ResultOut(TypedDict):
    """One product found."""

    product_id: str
    similarity: Annotated[float, Field(description="Cosine of the closest picture, -1 to 1.")]
    confidence: Annotated[
        float | None,
        Field(
            description="Probability that it is the very product, 0 to 1; null for words, mixes, "
            "and models that are not calibrated."
        ),
    ]
    image_id: Annotated[str, Field(description="That picture.")]
    image_url: Annotated[str, Field(description="Where a small copy of it is served.")]
    matched_images: Annotated[
        int, Field(description="Pictures of the product among the neighbours.")
    ]
    duplicates: Annotated[
        Sequence[str],
        Field(description="With `collapse`: further products that this one stands for."),
    ]
    product: Annotated[ProductOut | None, Field(description="Null with `with_product: false`.")]


class FacetValueOut(TypedDict):
    """A value and how many products have it."""

    value: str | bool | int | float
    count: int


class FacetOut(TypedDict):
    """A field over the nearest products that match the filter."""

    values: Annotated[list[FacetValueOut], Field(description="Most first, at most 50.")]
    missing: Annotated[int, Field(description="Products without a value.")]
    min: Annotated[float | None, Field(description="The least number, of a field of numbers.")]
    max: Annotated[float | None, Field(description="The greatest number, of a field of numbers.")]


class ExplainOut(TypedDict):
    """How a filter was answered."""

    filter: Annotated[dict[str, Any], Field(description="As it was understood, in the JSON form.")]
    plan: Annotated[
        str,
        Field(
            description="The filter keeps `none` or `all`; else the index read each picture kept "
            "(`scan`), or told them apart while searching (`selector`)."
        ),
    ]
    rows: Annotated[int, Field(description="Pictures in the index.")]
    kept_rows: Annotated[int, Field(description="Those of products that match.")]
    products: Annotated[int, Field(description="Products in the index.")]
    kept_products: Annotated[int, Field(description="Those that match.")]
    candidates: Annotated[int, Field(description="Products that were ranked.")]


class AnswerOut(TypedDict):
    """What an answer says, to whomever and however often it is given."""

    image_id: Annotated[
        str | None,
        Field(
            description="The query's picture, by the SHA-256 of its bytes; for 30 minutes another "
            "query may name it in place of sending it. Of a mix the one that counts most."
        ),
    ]
    index: IndexRef
    match: Annotated[
        Literal["exact", "similar", "weak", "none"] | None,
        Field(
            description="How good the best result is: the product itself, its like, hardly that, "
            "or nothing the shop sells; null where `confidence` is."
        ),
    ]
    detected: Annotated[
        dict[str, list[DetectedOut]],
        Field(
            description="What the query's picture shows: at most three labels a head, likeliest "
            "first."
        ),
    ]
    category: Annotated[
        CategoryOut | None, Field(description="Where `category: auto` was asked for.")
    ]
    tier: Annotated[
        Literal["best", "fast"] | None,
        Field(description="Of the model, that looked at the query's pictures; null without any."),
    ]
    total: Annotated[int, Field(description="Results in this answer.")]
    facets: Annotated[dict[str, FacetOut], Field(description="By field, where asked for.")]
    explain: Annotated[ExplainOut | None, Field(description="Where asked for.")]
    results: Annotated[list[ResultOut], Field(description="Best first; a product appears once.")]


class AnsweredOut(TypedDict):
    """What is of one request alone."""

    request_id: Annotated[
        str, Field(description="Also in `X-Request-ID`, which a caller may send.")
    ]
    took_ms: Annotated[
        float, Field(description="From the first byte read to the answer, milliseconds.")
    ]
    timings: Annotated[
        Mapping[str, float],
        Field(
            description="Milliseconds by stage. Of an answer that was kept `cached` alone, of one "
            "that an equal request was getting `joined` alone."
        ),
    ]
    degraded: Annotated[
        Sequence[str],
        Field(
            description="What was not as it should be, though the answer is whole: `cache`, one "
            "that fails; `tier`, lowered since much is asked."
        ),
    ]


@with_config(ConfigDict(json_schema_extra={"examples": [ANSWER]}))
class SearchResponse(AnsweredOut, AnswerOut):
    """The answer to a search."""


class HealthOut(BaseModel):
    """A process that works."""

    status: str
    provider: str
    index_version: int


class Problem(BaseModel):
    """An error, after RFC 9457."""

    model_config = ConfigDict(json_schema_extra={"examples": [PROBLEM]})

    type: str = Field(description="A URI that stands for the code.")
    title: str = Field(description="The status in words.")
    status: int
    detail: str = Field(description="What was wrong this time, and the way out.")
    code: str = Field(description="Stable; what a program should look at.")
    request_id: str = Field(description="Find it in the service's log.")
