"""Filters are read strictly, in either form, and mean one thing however they are written."""

import json

import pytest

from service.core.errors import InvalidFilterError
from service.core.filter_json import MAX_CONDITIONS, MAX_VALUES, as_json, parse_filter
from service.core.filter_text import parse_filter_text
from service.core.filters import Condition, Exists, Filter, OneOf, Range, number_in, text_of


def must(key: str, test: OneOf | Range | Exists) -> Filter:
    return Filter(must=(Condition(key, test),))


@pytest.mark.parametrize(
    ("condition", "test"),
    [
        ({"match": "Nike"}, OneOf(("Nike",))),
        ({"match": 10}, OneOf(("10",))),
        ({"match": 10.0}, OneOf(("10",))),
        ({"match": 0.5}, OneOf(("0.5",))),
        ({"match": True}, OneOf(("true",))),
        ({"match": False}, OneOf(("false",))),
        ({"any": ["a", 1, True]}, OneOf(("a", "1", "true"))),
        ({"range": {"gte": 10, "lt": 199.5}}, Range(gte=10, lt=199.5)),
        ({"range": {"gt": "-1e3"}}, Range(gt=-1000)),
        ({"exists": False}, Exists(False)),
    ],
)
def test_every_test_of_the_json_form(condition: dict[str, object], test: OneOf | Range | Exists):
    assert parse_filter({"must": [{"key": "k", **condition}]}) == must("k", test)


def test_one_is_not_true_and_filters_that_differ_are_not_equal():
    one, true = (parse_filter({"must": [{"key": "k", "match": value}]}) for value in (1, True))

    assert one != true
    assert one == parse_filter({"must": [{"key": "k", "match": "1"}]})
    assert len({one, true}) == 2


def test_the_three_clauses_keep_apart():
    condition = {"key": "k", "exists": True}
    parsed = {name: parse_filter({name: [condition]}) for name in ("must", "should", "must_not")}

    for name, only in parsed.items():
        assert getattr(only, name) == (Condition("k", Exists(True)),)
        assert len(list(only)) == 1


def test_an_empty_filter_asks_for_nothing():
    assert parse_filter({}) == parse_filter({"must": [], "should": []}) == Filter()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "filter must be an object, not a list"),
        ("x", "filter must be an object, not 'x'"),
        ({"most": []}, "filter has unknown 'most'; known are must, should, must_not"),
        ({"must": {}}, "filter.must must be a list of conditions, not an object"),
        ({"must": [1]}, r"filter.must\[0\] must be an object, not 1"),
        ({"must": [{"match": "x"}]}, r'filter.must\[0\] needs a "key"'),
        ({"must": [{"key": 3, "match": "x"}]}, r'filter.must\[0\] needs a "key"'),
        ({"must": [{"key": "k"}]}, "needs one of match, any, range and exists, not none"),
        ({"should": [{"key": "k", "match": 1, "exists": True}]}, "not exists and match"),
        ({"must": [{"key": "k", "equals": 1}]}, "unknown 'equals'"),
        ({"must": [{"key": "k", "match": None}]}, "takes texts, numbers and booleans, not null"),
        ({"must": [{"key": "k", "match": ["a"]}]}, "match takes .* not a list"),
        ({"must": [{"key": "k", "match": ""}]}, 'empty value; use "exists"'),
        ({"must": [{"key": "k", "match": float("nan")}]}, "finite numbers, not nan"),
        ({"must": [{"key": "k", "any": "a"}]}, "any must be a list of values, not 'a'"),
        ({"must": [{"key": "k", "any": []}]}, f"any takes 1 to {MAX_VALUES} values, not 0"),
        ({"must": [{"key": "k", "any": list(range(MAX_VALUES + 1))}]}, "values, not 1001"),
        ({"must": [{"key": "k", "range": 5}]}, "range must be an object, not 5"),
        ({"must": [{"key": "k", "range": {}}]}, "range needs a bound: gt, gte, lt, lte"),
        ({"must": [{"key": "k", "range": {"min": 5}}]}, "unknown 'min'; known are gt, gte"),
        ({"must": [{"key": "k", "range": {"lt": True}}]}, "lt must be a finite number, not true"),
        ({"must": [{"key": "k", "range": {"lt": "cheap"}}]}, "lt must be a finite number, not 'ch"),
        ({"must": [{"key": "k", "range": {"lt": float("inf")}}]}, "lt must be a finite number"),
        ({"must": [{"key": "k", "exists": "yes"}]}, "exists must be true or false, not 'yes'"),
        ({"must": [{"key": "k", "exists": 1}] * (MAX_CONDITIONS + 1)}, "true or false, not 1"),
        ({"must": [{"key": "k", "exists": True}] * (MAX_CONDITIONS + 1)}, "more than 100"),
    ],
)  # fmt: skip
def test_what_is_malformed_is_named_with_its_place(value: object, message: str):
    with pytest.raises(InvalidFilterError, match=message):
        parse_filter(value)


@pytest.mark.parametrize(
    ("text", "key", "test"),
    [
        ("brand:nike", "brand", OneOf(("nike",))),
        ("brand:nike,puma", "brand", OneOf(("nike", "puma"))),
        ('brand:"New Balance",puma', "brand", OneOf(("New Balance", "puma"))),
        (r'title:"7\" disc, \\ slash"', "title", OneOf(('7" disc, \\ slash',))),
        ('"Base Colour":red', "Base Colour", OneOf(("red",))),
        ("price:10..199", "price", Range(gte=10, lte=199)),
        ("price:..9.5", "price", Range(lte=9.5)),
        ("price:-5..", "price", Range(gte=-5)),
        ('price:"10..199"', "price", OneOf(("10..199",))),
        ("title:wait..what", "title", OneOf(("wait..what",))),
        ("title:...", "title", OneOf(("...",))),
        ("gtin:*", "gtin", Exists(True)),
        ('grade:"*"', "grade", OneOf(("*",))),
        ("url:https://shop.example/p?q=1", "url", OneOf(("https://shop.example/p?q=1",))),
        ('  {"must": [{"key": "k", "match": 1}]}', "k", OneOf(("1",))),
    ],
)
def test_every_value_of_the_short_form(text: str, key: str, test: OneOf | Range | Exists):
    assert parse_filter_text(text) == must(key, test)


def test_clauses_of_the_short_form_are_joined_and_a_dash_negates():
    assert parse_filter_text(" brand:nike  -colour:red\tprice:10..199 -gtin:* ") == Filter(
        must=(Condition("brand", OneOf(("nike",))), Condition("price", Range(gte=10, lte=199))),
        must_not=(Condition("colour", OneOf(("red",))), Condition("gtin", Exists(True))),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no condition"),
        ("  ", "no condition"),
        ("brand", "filter at 'brand': clauses are key:value"),
        ("brand:", "filter at 'brand:'"),
        ("a:b brand: nike", "filter at 'brand: nike'"),
        (":nike", "filter at ':nike'"),
        ('brand:"nike', "filter at 'brand:\"nike'"),
        ('brand:"a"b', "a quotation ends before its value"),
        ('brand:a"b"', "a quotation ends before its value"),
        ("brand:a,,b", "empty value"),
        ("brand:a,", "empty value"),
        ('brand:""', "empty value"),
        ("k:* " * (MAX_CONDITIONS + 1), "over 100"),
        ('{"must": ', "filter is not JSON"),
        ("{" * 100_000, "filter is not JSON"),
        ('{"most": []}', "unknown 'most'"),
    ],
)
def test_a_short_form_that_is_none_shows_where_and_what_is_possible(text: str, message: str):
    with pytest.raises(InvalidFilterError, match=message):
        parse_filter_text(text)


def test_a_long_hostile_text_is_refused_at_once():
    """Nothing in the grammar is tried twice: a hundred thousand characters take no time."""
    for text in ("k:" + '"a"' * 30_000 + '"', "-" * 100_000, "a" * 100_000, 'k:"' + "\\" * 99_999):
        with pytest.raises(InvalidFilterError):
            parse_filter_text(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (3, "3"), (3.0, "3"), (-0.25, "-0.25"), (1e300, "1e+300"), (" x ", " x ")],
)
def test_a_value_as_text(value: str | float | bool, text: str):
    assert text_of(value) == text


@pytest.mark.parametrize(
    "text", ["nan", "inf", "1_000", "", "1e999", "0x10", "\u0661", " 1", "--1", "."]
)
def test_what_only_looks_like_a_number_is_none(text: str):
    assert number_in(text) is None


def test_a_filter_written_as_json_reads_back():
    text = '-colour:red brand:"A B",c price:10..199 gtin:*'
    wanted = parse_filter_text(text)

    assert parse_filter(json.loads(json.dumps(as_json(wanted)))) == wanted
    assert as_json(Filter()) == {}
