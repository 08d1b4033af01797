"""Searches that `bench.options` compares with a plain one, over `bench.synthetic`'s products."""

from collections.abc import Mapping
from dataclasses import dataclass, field

_FACETS = {"facets": "category,brand,price"}
_DIVERSITY = {"diversity": "0.5"}
_COLLAPSE = {"collapse": "0.95"}
_EXCLUDE = {"exclude_ids": ",".join(f"p{number}" for number in range(20))}
_EVERY = {**_FACETS, **_DIVERSITY, **_COLLAPSE, **_EXCLUDE, "explain": "true"}


@dataclass(frozen=True, slots=True)
class Case:
    """A search with options, as fields of a form.

    Attributes:
        wanted: A filter in the short form, which a value of no product may follow.
        new: Whether each request brings a filter that was not asked for before.
        judged: Whether the aim is meant for it.
    """

    name: str
    options: Mapping[str, str] = field(default_factory=dict)
    wanted: str = ""
    new: bool = False
    judged: bool = False

    def fields(self, number: int) -> dict[str, str]:
        """Return the fields of request n; a filter that is to be new is told apart by it."""
        if not self.wanted:
            return dict(self.options)
        odd = f' -colour:"none {number}"' if self.new else ""
        return {**self.options, "filter": self.wanted + odd}


_FILTERS = {
    "0.3 %": 'brand:"brand 7"',
    "5 %": 'category:"category 3"',
    "20 %": "category:" + ",".join(f'"category {n}"' for n in range(4)),
    "50 %": "price:..499.95",
    "90 %": "price:..899.95",
}
PLAIN = Case("plain")
CASES = (
    *(
        Case(f"filter {share}, {'new' if new else 'seen before'}", {}, wanted, new)
        for share, wanted in _FILTERS.items()
        for new in (False, True)
    ),
    Case("facets of 3 fields", _FACETS),
    Case("diversity 0.5", _DIVERSITY),
    Case("collapse 0.95", _COLLAPSE),
    Case("exclude_ids, 20", _EXCLUDE),
    Case("all but a filter", _EVERY),
    *(
        Case(f"all, filter {share}, {'new' if new else 'seen before'}", _EVERY, wanted, new, True)
        for share, wanted in _FILTERS.items()
        if share in ("5 %", "20 %", "50 %")
        for new in (False, True)
    ),
)
