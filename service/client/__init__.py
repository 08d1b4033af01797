"""A client of Vitrine's REST API, blocking or for asyncio, typed; it imports httpx alone.

    with Vitrine("http://127.0.0.1:8000", api_key="vk_...") as shop:
        found = shop.search(file=Path("photo.jpg").read_bytes(), limit=3)

    method -> requests: Call -> clients: send, wait, try again -> httpx -> answers | VitrineApiError

docs/api.md has the addresses, docs/search.md what each field means. Nothing of the service itself
is imported.
"""

from service.client.answers import (
    Batch,
    BatchItem,
    BulkStatus,
    Bundle,
    Category,
    Detected,
    Embeddings,
    Explanation,
    Facet,
    FacetValue,
    Index,
    IndexRef,
    IndexVersion,
    Problem,
    Reported,
    Result,
    SearchAnswer,
    Tier,
)
from service.client.clients import AsyncVitrine, Vitrine
from service.client.errors import (
    VitrineAnswerError,
    VitrineApiError,
    VitrineClientError,
    VitrineUnreachableError,
)
from service.client.products import Image, Product, Version
from service.client.queries import (
    BulkLine,
    EventIn,
    ImageIn,
    Options,
    Part,
    ProductIn,
    Query,
    Source,
)

__all__ = [
    "AsyncVitrine",
    "Batch",
    "BatchItem",
    "BulkLine",
    "BulkStatus",
    "Bundle",
    "Category",
    "Detected",
    "Embeddings",
    "EventIn",
    "Explanation",
    "Facet",
    "FacetValue",
    "Image",
    "ImageIn",
    "Index",
    "IndexRef",
    "IndexVersion",
    "Options",
    "Part",
    "Problem",
    "Product",
    "ProductIn",
    "Query",
    "Reported",
    "Result",
    "SearchAnswer",
    "Source",
    "Tier",
    "Version",
    "Vitrine",
    "VitrineAnswerError",
    "VitrineApiError",
    "VitrineClientError",
    "VitrineUnreachableError",
]
