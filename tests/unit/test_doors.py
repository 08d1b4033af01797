"""URLs of callers are fetched where the operator says so, and by nothing but the safe fetcher."""

import pytest

from service.core.errors import FetchError
from service.doors import make_url_fetcher
from service.settings import Settings


def test_by_default_no_url_is_fetched() -> None:
    assert make_url_fetcher(Settings()) is None


def test_what_is_fetched_is_public(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_FETCH_URLS", "true")
    fetcher = make_url_fetcher(Settings())
    assert fetcher is not None
    with fetcher, pytest.raises(FetchError, match="no public address"):
        fetcher.fetch("http://127.0.0.1/")
