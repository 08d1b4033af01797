"""Whatever a filter says: its forms read back; columns of both sorts and a plain loop agree."""

import json
import string
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.errors import InvalidFilterError
from service.core.filter_json import as_json, parse_filter
from service.core.filter_text import parse_filter_text
from service.core.filters import Condition, Exists, Filter, OneOf, Range
from service.core.listed_columns import ListedColumns
from service.core.listed_fields import ListedFields
from service.core.types import Product
from support.fakes import FakeFields
from support.product_columns import columns_of

quick = settings(max_examples=60, deadline=None, derandomize=True, database=None)
texts = st.text(min_size=1, max_size=12)
bounds = st.none() | st.floats(allow_nan=False, allow_infinity=False)
one_ofs = st.builds(OneOf, st.lists(texts, min_size=1, max_size=4).map(tuple))
any_range = st.builds(Range, bounds, bounds, bounds, bounds).filter(lambda r: r != Range())
conditions = st.builds(Condition, texts, one_ofs | any_range | st.builds(Exists, st.booleans()))
clauses = st.lists(conditions, max_size=3).map(tuple)

closed_range = st.builds(Range, gte=bounds, lte=bounds).filter(lambda r: r != Range())
typed = st.builds(Condition, texts, one_ofs | closed_range | st.just(Exists(True)))
typed_clauses = st.lists(typed, max_size=3).map(tuple)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def typed_out(condition: Condition) -> str:
    match condition.test:
        case OneOf(values):
            value = ",".join(map(quoted, values))
        case Range(gte=gte, lte=lte):
            value = f"{'' if gte is None else gte}..{'' if lte is None else lte}"
        case Exists():
            value = "*"
    return f"{quoted(condition.key)}:{value}"


@quick
@given(st.builds(Filter, clauses, clauses, clauses))
def test_json_reads_back(wanted: Filter):
    assert parse_filter(json.loads(json.dumps(as_json(wanted)))) == wanted


@quick
@given(
    st.builds(Filter, must=typed_clauses, must_not=typed_clauses).filter(
        lambda f: any(True for _ in f)
    )
)
def test_the_short_form_reads_back(wanted: Filter):
    written = [typed_out(c) for c in wanted.must] + ["-" + typed_out(c) for c in wanted.must_not]

    assert parse_filter_text(" ".join(written)) == wanted


@quick
@given(st.text(alphabet='ab:,.-*"\\ {}[]1' + string.whitespace, max_size=30))
def test_any_text_is_a_filter_or_is_refused(text: str):
    try:
        parsed = parse_filter_text(text)
    except InvalidFilterError:
        return
    assert parse_filter(as_json(parsed)) == parsed


words = st.sampled_from(["Red", "red", "BLUE", "Grün", "grün", "None", "10", "true", ""])
numbers = st.sampled_from([0.0, -0.0, 1.0, 2.5, -3.0, 10.0, 1e6])
digits = st.sampled_from(["0", "1", "2.5", "10", "-3.00"])
attributes = st.fixed_dictionaries(
    {},
    optional={
        "word": words,
        "words": st.lists(words, max_size=3).map(tuple),
        "number": numbers,
        "numbers": st.lists(numbers, max_size=3).map(tuple),
        "digits": digits,
        "truth": st.booleans(),
    },
)
products = st.lists(
    st.builds(
        Product,
        id=st.just(""),
        brand=words,
        price=st.none() | numbers,
        url=words,
        attributes=attributes,
    ),
    max_size=8,
).map(lambda made: [Product(**{**as_dict(p), "id": f"p{i}"}) for i, p in enumerate(made)])
wanted_words = st.lists(words.filter(bool), min_size=1, max_size=3).map(lambda w: OneOf(tuple(w)))
wanted_numbers = st.lists(digits, min_size=1, max_size=3).map(lambda w: OneOf(tuple(w)))
wanted_ranges = st.builds(Range, *[st.none() | numbers] * 4).filter(lambda r: r != Range())
exists = st.builds(Exists, st.booleans())
sound = st.one_of(
    st.builds(Condition, st.sampled_from(["brand", "url", "word", "words"]), wanted_words | exists),
    st.builds(
        Condition,
        st.sampled_from(["price", "number", "numbers", "digits"]),
        wanted_numbers | wanted_ranges | exists,
    ),
    st.builds(Condition, st.just("truth"), st.sampled_from([OneOf(("true",)), OneOf(("False",))])),
)
sound_clauses = st.lists(sound, max_size=3).map(tuple)
# One of each attribute, or the filters above could ask for a field that there is not.
FULL = Product(
    "full",
    attributes={
        "word": "Red",
        "words": ("x", "y"),
        "number": 0.5,
        "numbers": (1.0, 2.0),
        "digits": "7",
        "truth": True,
    },
)


def as_dict(product: Product) -> dict[str, object]:
    return {name: getattr(product, name) for name in Product.__dataclass_fields__}


@quick
@given(products, st.builds(Filter, sound_clauses, sound_clauses, sound_clauses))
def test_arrow_finds_what_a_plain_loop_finds(catalogue: list[Product], wanted: Filter):
    catalogue = [*catalogue, FULL]
    with tempfile.TemporaryDirectory() as folder:
        columns = columns_of(Path(folder), catalogue)
        plain = FakeFields(catalogue, numbers=["digits"])

        assert columns.matching(wanted).tolist() == plain.matching(wanted).tolist()


mixed_values = st.one_of(
    words,
    digits,
    numbers,
    st.booleans(),
    st.integers(-(2**54), 2**54),
    st.sampled_from(["007", "1e3", "-0", "ΣΑΣ", "\u0130"]),
    st.floats(),
)
mixed = st.lists(
    st.fixed_dictionaries(
        {}, optional={key: mixed_values | st.lists(mixed_values).map(tuple) for key in "xyz"}
    ),
    max_size=6,
).map(lambda made: [Product(f"p{i}", attributes=a) for i, a in enumerate(made)])
any_test = st.one_of(
    st.lists(words.filter(bool) | digits | st.just("σας"), min_size=1).map(
        lambda found: OneOf(tuple(found))
    ),
    wanted_ranges,
    exists,
)
any_clauses = st.lists(
    st.builds(Condition, st.sampled_from(["x", "y", "z", "id", "price"]), any_test), max_size=3
).map(tuple)


@settings(quick, max_examples=300)
@given(mixed, st.builds(Filter, any_clauses, any_clauses, any_clauses))
def test_products_in_memory_match_or_are_refused_as_their_columns(
    catalogue: list[Product], wanted: Filter
):
    with tempfile.TemporaryDirectory() as folder:
        columns = columns_of(Path(folder), catalogue)
        try:
            expected: list[bool] | str = columns.matching(wanted).tolist()
        except InvalidFilterError as exc:
            expected = str(exc)
        try:
            listed = ListedColumns([product.fields() for product in catalogue])
            fields = ListedFields(listed, len(catalogue), columns.kinds())
            found: list[bool] | str = fields.matching(wanted).tolist()
        except InvalidFilterError as exc:
            found = str(exc)
        assert found == expected
