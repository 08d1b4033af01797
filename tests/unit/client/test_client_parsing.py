"""What the client makes of answers that are newer, older, or none of Vitrine's."""

from typing import Any

import httpx
import pytest

from service.client import VitrineAnswerError, VitrineApiError
from service.client.answers import BatchItem, Bundle, Facet, FacetValue
from service.client.bulk import REQUEST_LINES, Gathered
from service.client.parsing import parsed
from service.client.requests import index
from service.client.sending import Manner

BUNDLE = {"name": "a", "version": "1", "digest": "d", "dim": 8, "provider": "cpu", "tiers": {}}


def test_what_a_newer_service_adds_is_passed_over() -> None:
    assert parsed(Bundle, {**BUNDLE, "new": [1]}) == Bundle(**BUNDLE)


def test_nested_values_are_frozen_kinds_of_their_own() -> None:
    said = {"values": [{"value": 3, "count": 2}], "missing": 0, "min": 3, "max": None}
    facet = parsed(Facet, said)
    assert facet == Facet((FacetValue(3, 2),), 0, 3.0, None)
    assert isinstance(facet.min, float)
    assert parsed(BatchItem, {}) == BatchItem(None, None)


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({**BUNDLE, "dim": "8"}, "Bundle.dim"),
        ({**BUNDLE, "dim": True}, "Bundle.dim"),
        ({**BUNDLE, "dim": None}, "Bundle.dim"),
        ({name: BUNDLE[name] for name in BUNDLE if name != "digest"}, "Bundle.digest"),
        ([BUNDLE], "Bundle"),
    ],
)
def test_what_does_not_fit_is_named(wrong: Any, where: str) -> None:
    with pytest.raises(VitrineAnswerError, match=f"^{where} is missing or of another kind"):
        parsed(Bundle, wrong)


def test_what_a_proxy_says_is_an_error_too() -> None:
    response = httpx.Response(502, text="<h1>Bad gateway</h1>")
    error = VitrineApiError.of(response)
    assert (error.status, error.code, error.detail) == (502, "", "Bad Gateway")
    assert (error.request_id, error.retry_after) == ("", None)
    with pytest.raises(VitrineAnswerError, match="not JSON"):
        index().read(httpx.Response(200, text="<h1>Welcome</h1>"))


@pytest.mark.parametrize(
    ("status", "said", "tried", "wait"),
    [
        (429, "3", 0, 3.0),
        (503, "3", 1, 3.0),
        (503, "3", 2, None),  # often enough
        (429, "11", 0, None),  # longer than is waited
        (503, None, 0, None),
        (429, "Wed, 21 Oct 2026 07:28:00 GMT", 0, None),
        (500, "3", 0, None),
        (200, "3", 0, None),
    ],
)
def test_only_a_refusal_for_the_moment_is_waited_out(
    status: int, said: str | None, tried: int, wait: float | None
) -> None:
    headers = {} if said is None else {"Retry-After": said}
    manner = Manner("http://nowhere", retries=2, max_wait_seconds=10)
    assert manner.wait_seconds(httpx.Response(status, headers=headers), tried) == wait


def test_lines_of_a_bulk_are_counted_over_requests() -> None:
    gathered = Gathered()
    calls = [call for i in range(REQUEST_LINES + 1) if (call := gathered.add({"id": f"p{i}"}))]
    assert len(calls) == 1
    assert calls[0].arguments["content"].count(b"\n") == REQUEST_LINES
    rest = gathered.rest()
    assert rest is not None
    (status,) = rest.read(httpx.Response(200, text='{"line":1,"id":"p500","status":201}\n'))
    assert (status.line, status.id) == (REQUEST_LINES + 1, "p500")
    with pytest.raises(VitrineAnswerError, match="0 statuses for 1 lines"):
        rest.read(httpx.Response(200, text=""))
    assert gathered.rest() is None
