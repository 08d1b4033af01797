"""The JSON of the REST API; pydantic only here, at the edge."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.api.answer_schemas import CategoryOut, DetectedOut
from service.api.examples import ANSWER, PROBLEM
from service.core.filter_json import as_json
from service.core.filters import Filter
from service.core.manifest import SnapshotManifest
from service.core.types import StoredProduct
from service.pipeline.facets import Facet
from service.pipeline.search import Answer, Found
from service.pipeline.selecting import Plan

MAX_LIMIT = 200


class ImageOut(BaseModel):
    """One picture of a product."""

    image_id: str = Field(description="SHA-256 of its bytes.")
    url: str = Field(description="Where a small copy of it is served.")


class ProductOut(BaseModel):
    """A product of the catalogue."""

    id: str
    title: str
    category: str
    brand: str
    price: float | None
    currency: str = Field(description="ISO 4217, where the catalogue says.")
    availability: str = Field(description="As the catalogue has it, e.g. `in_stock`.")
    url: str = Field(description="The product's page in the shop.")
    attributes: dict[str, Any] = Field(description="Every other column of the catalogue.")
    images: list[ImageOut]
    updated_at: str = Field(description="When it last changed, ISO 8601.")

    @classmethod
    def of(cls, stored: StoredProduct) -> "ProductOut":
        """Show a stored product."""
        product = stored.product
        return cls(
            id=product.id,
            title=product.title,
            category=product.category,
            brand=product.brand,
            price=product.price,
            currency=product.currency,
            availability=product.availability,
            url=product.url,
            attributes=dict(product.attributes),
            images=[ImageOut(image_id=i, url=image_url(i)) for i in stored.image_ids],
            updated_at=stored.updated_at,
        )


class ProductsOut(BaseModel):
    """Some products."""

    products: list[ProductOut]


class IndexRef(BaseModel):
    """Which index answered."""

    version: int
    built_at: str = Field(description="ISO 8601.")
    bundle: str = Field(description="Name of the model bundle.")
    sequence: int = Field(
        description="Number of a write to the catalogue; every live write up to it is seen."
    )

    @classmethod
    def of(cls, manifest: SnapshotManifest, sequence: int) -> "IndexRef":
        """Name a snapshot, and how much of what was written since was seen beside it."""
        return cls(
            version=manifest.version,
            built_at=manifest.built_at,
            bundle=manifest.bundle_name,
            sequence=sequence,
        )


class ResultOut(BaseModel):
    """One product found."""

    product_id: str
    similarity: float = Field(description="Cosine of the closest picture, -1 to 1.")
    confidence: float | None = Field(
        description="Probability that it is the very product, 0 to 1; null for words, mixes, and "
        "models that are not calibrated."
    )
    image_id: str = Field(description="That picture.")
    image_url: str = Field(description="Where a small copy of it is served.")
    matched_images: int = Field(description="Pictures of the product among the neighbours.")
    duplicates: list[str] = Field(
        description="With `collapse`: further products that this one stands for."
    )
    product: ProductOut | None = Field(description="Null with `with_product: false`.")

    @classmethod
    def of(cls, found: Found, with_product: bool) -> "ResultOut":
        """Show one result."""
        hit, sure = found.hit, found.confidence
        return cls(
            product_id=hit.product_id,
            similarity=round(hit.similarity, 6),
            confidence=None if sure is None else round(sure, 4),
            image_id=hit.image_id,
            image_url=image_url(hit.image_id),
            matched_images=hit.matched_images,
            duplicates=list(hit.duplicates),
            product=ProductOut.of(found.stored) if with_product else None,
        )


class FacetValueOut(BaseModel):
    """A value and how many products have it."""

    value: str | bool | int | float
    count: int


class FacetOut(BaseModel):
    """A field over the nearest products that match the filter."""

    values: list[FacetValueOut] = Field(description="Most first, at most 50.")
    missing: int = Field(description="Products without a value.")
    min: float | None = Field(description="The least number, of a field of numbers.")
    max: float | None = Field(description="The greatest number, of a field of numbers.")

    @classmethod
    def of(cls, facet: Facet) -> "FacetOut":
        """Show a facet."""
        values = [FacetValueOut(value=value, count=count) for value, count in facet.values]
        return cls(values=values, missing=facet.missing, min=facet.least, max=facet.greatest)


class ExplainOut(BaseModel):
    """How a filter was answered."""

    filter: dict[str, Any] = Field(description="As it was understood, in the JSON form.")
    plan: str = Field(
        description="The filter keeps `none` or `all`; else the index read each picture kept "
        "(`scan`), or told them apart while searching (`selector`)."
    )
    rows: int = Field(description="Pictures in the index.")
    kept_rows: int = Field(description="Those of products that match.")
    products: int = Field(description="Products in the index.")
    kept_products: int = Field(description="Those that match.")
    candidates: int = Field(description="Products that were ranked.")

    @classmethod
    def of(cls, plan: Plan, wanted: Filter) -> "ExplainOut":
        """Show a plan."""
        return cls(
            filter=as_json(wanted),
            plan=plan.way,
            rows=plan.rows,
            kept_rows=plan.kept_rows,
            products=plan.products,
            kept_products=plan.kept_products,
            candidates=plan.candidates,
        )


class AnswerOut(BaseModel):
    """What an answer says, to whomever and however often it is given."""

    image_id: str | None = Field(
        description="The query's picture, by the SHA-256 of its bytes; for 30 minutes another "
        "query may name it in place of sending it. Of a mix the one that counts most."
    )
    index: IndexRef
    match: Literal["exact", "similar", "weak", "none"] | None = Field(
        description="How good the best result is: the product itself, its like, hardly that, or "
        "nothing the shop sells; null where `confidence` is."
    )
    detected: dict[str, list[DetectedOut]] = Field(
        description="What the query's picture shows: at most three labels a head, likeliest first."
    )
    category: CategoryOut | None = Field(description="Where `category: auto` was asked for.")
    tier: Literal["best", "fast"] | None = Field(
        description="Of the model, that looked at the query's pictures; null without any."
    )
    total: int = Field(description="Results in this answer.")
    facets: dict[str, FacetOut] = Field(description="By field, where asked for.")
    explain: ExplainOut | None = Field(description="Where asked for.")
    results: list[ResultOut] = Field(description="Best first; a product appears once.")

    @classmethod
    def of(cls, answer: Answer, *, explain: bool = False, with_product: bool = True) -> "AnswerOut":
        """Show an answer, and if asked how its filter was answered, and the products' fields."""
        return cls(
            image_id=answer.image_id,
            index=IndexRef.of(answer.index, answer.sequence),
            match=answer.match,
            detected=DetectedOut.by_head(answer.detected),
            category=CategoryOut.of(answer.narrowing) if answer.narrowing else None,
            tier=answer.tier,
            total=len(answer.results),
            facets={key: FacetOut.of(facet) for key, facet in answer.facets.items()},
            explain=ExplainOut.of(answer.plan, answer.filter) if explain else None,
            results=[ResultOut.of(found, with_product) for found in answer.results],
        )


class AnsweredOut(BaseModel):
    """What is of one request alone."""

    request_id: str = Field(description="Also in `X-Request-ID`, which a caller may send.")
    took_ms: float = Field(description="From the first byte read to the answer, milliseconds.")
    timings: dict[str, float] = Field(
        description="Milliseconds by stage. Of an answer that was kept `cached` alone, of one that "
        "an equal request was getting `joined` alone."
    )
    degraded: list[str] = Field(
        description="What was not as it should be, though the answer is whole: `cache`, one that "
        "fails; `tier`, lowered since much is asked."
    )


class SearchResponse(AnswerOut, AnsweredOut):
    """The answer to a search."""

    model_config = ConfigDict(json_schema_extra={"examples": [ANSWER]})


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


def image_url(image_id: str) -> str:
    """Return where a picture is served, cacheable for ever since the id is its digest."""
    return f"/v1/images/{image_id}"
