"""Does a product match a filter? The same answer as the columns of a snapshot give, one by one.

    Filter, kinds of the fields -> checked -> a predicate -> over the fields of each product

What is refused, and in which words, is decided here for both; docs/filters.md has the semantics.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from service.core.errors import InvalidFilterError
from service.core.filters import Condition, Exists, Filter, OneOf, Range, number_in
from service.core.product_kinds import FieldKind, as_kind
from service.core.types import AttributeValue, Scalar

EXACT = ("id", "url")
"""Fields of texts that differ when they differ in case."""
_NAMED: Mapping[FieldKind, str] = {
    "number": "numbers",
    "truth": "true or false",
    "text": "texts",
}

Fields: TypeAlias = Mapping[str, AttributeValue | None]
Predicate: TypeAlias = Callable[[Fields], bool]
_Holds: TypeAlias = Callable[[AttributeValue | None], bool]


def predicate(wanted: Filter, kinds: Mapping[str, FieldKind]) -> Predicate:
    """Return whether `Product.fields()` match.

    Args:
        wanted: What is asked of them.
        kinds: What each field there is holds; a value of another kind is a gap.

    Raises:
        InvalidFilterError: There is no such field, or its values cannot be compared so.
    """
    must, should, must_not = (
        [(condition.key, _holds(condition, kinds)) for condition in clause]
        for clause in (wanted.must, wanted.should, wanted.must_not)
    )

    def matches(fields: Fields) -> bool:
        return (
            all(holds(fields.get(key)) for key, holds in must)
            and (not should or any(holds(fields.get(key)) for key, holds in should))
            and not any(holds(fields.get(key)) for key, holds in must_not)
        )

    return matches


def check_known(key: str, fields: Iterable[str]) -> None:
    """Refuse a field that there is not; raises InvalidFilterError, which lists those there are."""
    known = list(fields)
    if key not in known:
        raise InvalidFilterError(f"there is no field {key!r}; the fields are: {', '.join(known)}")


def check_range(key: str, kind: FieldKind) -> None:
    """Refuse a range of what is no number; raises InvalidFilterError."""
    if kind != "number":
        raise InvalidFilterError(
            f"{key!r} holds {_NAMED[kind]}, and a range needs a field all of whose values "
            'are numbers; use "match" or "any"'
        )


def operands(key: str, test: OneOf, kind: FieldKind) -> list[Scalar]:
    """Return what a field is compared with, as it holds it; raises InvalidFilterError."""
    if kind == "text":
        return list(test.values)
    truths = {"true": True, "false": False}
    read = _number if kind == "number" else lambda text: truths.get(text.lower())
    found: list[Scalar] = []
    for text in test.values:
        value = read(text)
        if value is None:
            raise InvalidFilterError(f"{key!r} holds {_NAMED[kind]}, and {text[:60]!r} is none")
        found.append(value)
    return found


def folded(text: str) -> str:
    """Lower-case a text letter by letter, as Arrow does.

    `str.lower` looks at a letter's neighbours too (a sigma that ends a word). A letter that came to
    Unicode after the tables of this Python keeps its case.
    """
    if text.isascii():
        return text.lower()
    return "".join("i" if letter == "\u0130" else letter.lower() for letter in text)


def _number(text: str) -> float | None:
    number = number_in(text)
    return None if number is None else number + 0.0


def _holds(condition: Condition, kinds: Mapping[str, FieldKind]) -> _Holds:
    """Return the test of one field's value."""
    key, test = condition.key, condition.test
    check_known(key, kinds)
    kind = kinds[key]
    if isinstance(test, Exists):
        return lambda value: (as_kind(value, kind) is not None) is test.wanted
    if isinstance(test, Range):
        check_range(key, kind)
        return lambda value: any(_within(test, each) for each in _each(value, kind))
    wanted = frozenset(operands(key, test, kind))
    if kind != "text" or key in EXACT:
        return lambda value: any(each in wanted for each in _each(value, kind))
    texts = frozenset(folded(str(each)) for each in wanted)
    return lambda value: any(folded(str(each)) in texts for each in _each(value, kind))


def _each(value: AttributeValue | None, kind: FieldKind) -> tuple[Scalar, ...]:
    held = as_kind(value, kind)
    if held is None:
        return ()
    return held if isinstance(held, tuple) else (held,)


def _within(bounds: Range, value: Scalar) -> bool:
    assert not isinstance(value, str)  # a field of numbers holds no text
    return (
        (bounds.gt is None or value > bounds.gt)
        and (bounds.gte is None or value >= bounds.gte)
        and (bounds.lt is None or value < bounds.lt)
        and (bounds.lte is None or value <= bounds.lte)
    )
