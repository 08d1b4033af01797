"""What a search may ask for, as JSON or as the fields of a form; parsed here, once.

body (`queries`) -> SearchRequest -> Ask, and how to show the answer
"""

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from service.api.filter_schema import FILTER_SCHEMA
from service.api.schemas import MAX_LIMIT
from service.api.source_request import QueriesIn, Whole, alternatives, flag, listed
from service.core.filter_json import parse_filter
from service.core.filter_text import parse_filter_text
from service.core.filters import Filter
from service.core.tiers import Wanted
from service.pipeline.querying import Query
from service.pipeline.search import Ask
from service.pipeline.selecting import CANDIDATES, SearchOptions

_FILTER_EXAMPLE = {
    "must": [{"key": "brand", "any": ["Halden", "Nordvik"]}, {"key": "price", "range": {"lt": 90}}],
    "must_not": [{"key": "availability", "match": "sold_out"}],
}
_Flag = Annotated[bool, BeforeValidator(flag)]
_Texts = Annotated[list[Annotated[str, Field(min_length=1)]], BeforeValidator(listed)]


class OptionsIn(BaseModel):
    """Which products are wanted, how many, in what order, and what to tell of them."""

    model_config = ConfigDict(extra="forbid")

    limit: Whole = Field(default=10, ge=1, le=MAX_LIMIT, description="Products wanted.")
    offset: Whole = Field(default=0, ge=0, le=1000, description="Products to pass over.")
    filter: Annotated[dict[str, Any], WithJsonSchema(FILTER_SCHEMA)] | str | None = Field(
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
    group_by: Literal["product"] = Field(
        default="product", description="What a result is: a product, whichever of its pictures."
    )
    category: Literal["auto"] | None = Field(
        default=None,
        description="`auto` searches products of the category that the picture shows alone, where "
        "that is sure and enough of them match; the answer says whether it did.",
    )
    tier: Wanted = Field(
        default="auto",
        description="Which of the model's tiers looks at pictures: `best`, a cheaper one (`fast`), "
        "or the best as long as that keeps up (`auto`); the answer says which it was.",
    )
    with_product: _Flag = Field(
        default=True, description="False leaves the fields of the products out."
    )
    explain: _Flag = Field(default=False, description="Say how the filter was answered.")

    def ask(self, query: Query) -> Ask:
        """Return the query with what is asked beyond it; raises InvalidFilterError."""
        options = SearchOptions(
            filter=_filter(self.filter),
            facets=tuple(self.facets),
            diversity=float(self.diversity),
            collapse=self.collapse,
            exclude_ids=frozenset(self.exclude_ids),
            offset=self.offset,
            min_similarity=-math.inf if self.min_similarity is None else self.min_similarity,
        )
        return Ask(query, self.limit, options, self.category == "auto", self.tier)


class SearchRequest(OptionsIn, QueriesIn):
    """A query as JSON."""

    model_config = ConfigDict(json_schema_extra=alternatives("queries"))


def _filter(value: dict[str, Any] | str | None) -> Filter:
    if value is None or value == "":
        return Filter()
    return parse_filter_text(value) if isinstance(value, str) else parse_filter(value)
