"""What a search may ask for, as JSON or as the fields of a form; parsed here, once.

body (`queries`) -> SearchRequest -> the picture, SearchOptions
"""

import json
import math
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from service.api.schemas import MAX_LIMIT
from service.core.filter_json import parse_filter
from service.core.filter_text import parse_filter_text
from service.core.filters import Filter
from service.pipeline.selecting import CANDIDATES, SearchOptions

_FILTER_EXAMPLE = {
    "must": [{"key": "brand", "any": ["Halden", "Nordvik"]}, {"key": "price", "range": {"lt": 90}}],
    "must_not": [{"key": "availability", "match": "sold_out"}],
}


def _listed(value: object) -> object:
    """Read a list that was sent as text: JSON, or separated by commas."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except RecursionError as exc:
            raise ValueError("a list of texts is not nested") from exc
    return [part.strip() for part in value.split(",")] if value.strip() else []


_Texts = Annotated[list[Annotated[str, Field(min_length=1)]], BeforeValidator(_listed)]


class SearchRequest(BaseModel):
    """A query as JSON."""

    model_config = ConfigDict(extra="forbid")

    image_base64: str = Field(
        description="The picture, base64; a `data:` URI is accepted too.", min_length=1
    )
    limit: int = Field(default=10, ge=1, le=MAX_LIMIT, description="Products wanted.")
    offset: int = Field(default=0, ge=0, le=1000, description="Products to pass over.")
    filter: dict[str, Any] | str | None = Field(
        default=None,
        description="Which products may be found: an object with `must`, `should` and `must_not`, "
        'or the short form, `brand:nike,puma price:10..199 -colour:"dark red"`.',
        examples=[_FILTER_EXAMPLE, "brand:halden,nordvik price:..90 -availability:sold_out"],
    )
    facets: _Texts = Field(
        default=[],
        max_length=20,
        description=f"Fields to count over the {CANDIDATES} nearest products that match; in a "
        "form separated by commas.",
        examples=[["brand", "price"]],
    )
    exclude_ids: _Texts = Field(
        default=[],
        max_length=1000,
        description="Products not wanted; in a form separated by commas, or a JSON list.",
    )
    min_similarity: float | None = Field(
        default=None, ge=-1, le=1, description="Cosine below which a product is no result."
    )
    diversity: float = Field(
        default=0,
        ge=0,
        le=1,
        description="0 orders by similarity alone; towards 1, results differ more from each other.",
    )
    collapse: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Products whose pictures' cosine is at least this are shown as one; 1 joins "
        "those of the very same picture.",
    )
    explain: bool = Field(default=False, description="Say how the filter was answered.")

    def options(self) -> SearchOptions:
        """Return what is asked beyond the picture and the limit; raises InvalidFilterError."""
        return SearchOptions(
            filter=_filter(self.filter),
            facets=tuple(self.facets),
            diversity=self.diversity,
            collapse=self.collapse,
            exclude_ids=frozenset(self.exclude_ids),
            offset=self.offset,
            min_similarity=-math.inf if self.min_similarity is None else self.min_similarity,
        )


def _filter(value: dict[str, Any] | str | None) -> Filter:
    if value is None or value == "":
        return Filter()
    return parse_filter_text(value) if isinstance(value, str) else parse_filter(value)
