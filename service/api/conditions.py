"""Conditions on a request (RFC 9110, section 13): a product's ETag is its revision.

If-Match, If-None-Match -> the revision that a write expects | whether a reader has it already
"""

import re
from collections.abc import Mapping
from contextlib import suppress

from service.core.errors import InvalidQueryError, RevisionError
from service.core.store import ProductStore
from service.pipeline.writing import ABSENT, EXISTING

_TAG = re.compile(r'\s*(W/)?"([^"]*)"\s*')


def etag(revision: int) -> str:
    """Return the strong entity tag of a product at this revision."""
    return f'"{revision}"'


def unchanged(headers: Mapping[str, str], revision: int) -> bool:
    """Whether a reader says that it has this revision already."""
    known = headers.get("if-none-match")
    if known is None:
        return False
    with suppress(InvalidQueryError):  # what a reader says wrong costs it a body, no more
        return known.strip() == "*" or str(revision) in {tag for _, tag in _tags(known)}
    return False


def expected_revision(
    headers: Mapping[str, str], store: ProductStore, product_id: str
) -> int | None:
    """Return what a write expects of the product, as `Operation` has it; None is anything.

    Raises:
        InvalidQueryError: A condition that a write cannot have.
        RevisionError: No revision at all could satisfy it.
    """
    match, none_match = headers.get("if-match"), headers.get("if-none-match")
    if match is not None and none_match is not None:
        raise InvalidQueryError("give one of If-Match and If-None-Match")
    if none_match is not None:
        if none_match.strip() != "*":
            raise InvalidQueryError("If-None-Match of a write takes *: the product must not exist")
        return ABSENT
    if match is None or match.strip() == "*":
        return None if match is None else EXISTING
    # Weak tags never match a write; neither does what no product can have.
    named = {int(tag) for weak, tag in _tags(match) if not weak and re.fullmatch(r"\d{1,18}", tag)}
    if not named:
        raise RevisionError(f"no product can have the ETag {match}")
    stored = store.get_many([product_id]).get(product_id)
    return stored.revision if stored and stored.revision in named else max(named)


def _tags(header: str) -> list[tuple[bool, str]]:
    """Read a list of entity tags: whether each is weak, and what it says."""
    tags, position = [], 0
    while True:
        found = _TAG.match(header, position)
        if found is None:
            raise InvalidQueryError(
                f'If-Match and If-None-Match take * or ETags in quotes: "42", not {header}'
            )
        tags.append((bool(found[1]), found[2]))
        if found.end() == len(header):
            return tags
        if header[found.end()] != ",":
            raise InvalidQueryError(f"ETags are separated by commas, not as in {header}")
        position = found.end() + 1
