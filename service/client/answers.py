"""What the service answers, field for field; docs/search.md and `/docs` say what each means.

A test holds every field to the models of the service.
"""

from dataclasses import dataclass
from typing import Any, Literal

from service.client.products import Product


@dataclass(frozen=True, slots=True)
class IndexRef:
    """Which index answered."""

    version: int
    built_at: str
    bundle: str
    sequence: int


@dataclass(frozen=True, slots=True)
class Detected:
    """What a picture shows, by one head of the model; `probability` is 0 to 1."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class Category:
    """What became of `category="auto"`."""

    label: str | None
    probability: float | None
    applied: bool
    reason: str | None


@dataclass(frozen=True, slots=True)
class FacetValue:
    """A value and how many products have it."""

    value: str | bool | int | float
    count: int


@dataclass(frozen=True, slots=True)
class Facet:
    """A field over the nearest products that match the filter."""

    values: tuple[FacetValue, ...]
    missing: int
    min: float | None
    max: float | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a filter was answered."""

    filter: dict[str, Any]
    plan: str
    rows: int
    kept_rows: int
    products: int
    kept_products: int
    candidates: int


@dataclass(frozen=True, slots=True)
class Result:
    """One product found; `similarity` is a cosine, `confidence` a probability."""

    product_id: str
    similarity: float
    confidence: float | None
    image_id: str
    image_url: str
    matched_images: int
    duplicates: tuple[str, ...]
    product: Product | None


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """The answer to a search; `took_ms` and `timings` are milliseconds."""

    request_id: str
    image_id: str | None
    index: IndexRef
    match: Literal["exact", "similar", "weak", "none"] | None
    detected: dict[str, tuple[Detected, ...]]
    category: Category | None
    total: int
    took_ms: float
    timings: dict[str, float]
    tier: Literal["best", "fast"] | None
    degraded: tuple[str, ...]
    facets: dict[str, Facet]
    explain: Explanation | None
    results: tuple[Result, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one query of a batch."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str


@dataclass(frozen=True, slots=True)
class BatchItem:
    """What became of one query: an answer or an error."""

    answer: SearchAnswer | None = None
    error: Problem | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """The answers, in the order of the queries."""

    request_id: str
    took_ms: float
    answers: tuple[BatchItem, ...]


@dataclass(frozen=True, slots=True)
class BulkStatus:
    """What became of a line of a bulk; lines count from 1."""

    line: int
    id: str | None
    status: int
    revision: int | None = None
    code: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Vectors of unit length, in the order of the inputs; `tokens` is what the model read."""

    model: str
    vectors: tuple[tuple[float, ...], ...]
    tokens: int


@dataclass(frozen=True, slots=True)
class Tier:
    """One graph of the model."""

    name: str | None
    precision: str
    gflops: float | None


@dataclass(frozen=True, slots=True)
class Bundle:
    """The model that a process runs."""

    name: str
    version: str
    digest: str
    dim: int
    provider: str
    tiers: dict[str, Tier]


@dataclass(frozen=True, slots=True)
class Index:
    """The index that a process serves."""

    version: int
    built_at: str
    rows: int
    products: int
    index_factory: str
    sequence: int
    delta_rows: int
    dead_rows: int
    bundle: Bundle
    problem: str | None


@dataclass(frozen=True, slots=True)
class IndexVersion:
    """A version of the index on disk; what it says of itself is None where it is damaged."""

    version: int
    state: Literal["serves", "served", "not promoted"]
    sound: bool
    bytes: int
    built_at: str | None
    rows: int | None
    products: int | None
    index_factory: str | None
    recall: float | None
    bundle: str | None


@dataclass(frozen=True, slots=True)
class IndexVersions:
    """All of them, oldest first."""

    versions: tuple[IndexVersion, ...]


@dataclass(frozen=True, slots=True)
class Reported:
    """What became of events: those that are new were `kept`, the others had come before."""

    request_id: str
    kept: int
    repeated: int
