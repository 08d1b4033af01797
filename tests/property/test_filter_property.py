"""Whatever a filter says, both written forms of it are read back as what it was."""

import json
import string

from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.errors import InvalidFilterError
from service.core.filter_json import as_json, parse_filter
from service.core.filter_text import parse_filter_text
from service.core.filters import Condition, Exists, Filter, OneOf, Range

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
