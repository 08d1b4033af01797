"""A process that serves has read a small catalogue before anybody asks."""

import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from service.adapters.sqlite_view import SqliteView
from service.core.errors import StoreError
from service.settings import Settings
from service.wiring import serving
from support.live_server import Shop

pytestmark = pytest.mark.integration


@pytest.fixture
def settings(shop: Shop, tmp_path: Path) -> Settings:
    return Settings(data_dir=Path(shutil.copytree(shop.data_dir, tmp_path / "data")))


def test_the_first_search_reads_no_product(
    shop: Shop, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(settings) as parts:
        monkeypatch.setattr(SqliteView, "get_many", _unreadable)
        answer = parts.search.by_picture(shop.picture(0), 10)
        assert len(answer.results) == 10


def test_a_catalogue_that_cannot_be_read_yet_is_served_when_it_can(
    shop: Shop, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        with monkeypatch.context() as broken:
            broken.setattr(SqliteView, "get_many", _unreadable)
            parts = stack.enter_context(serving(settings))
        assert len(parts.search.by_picture(shop.picture(0), 10).results) == 10


def _unreadable(view: SqliteView, product_ids: list[str]) -> None:
    raise StoreError("the disk does not answer")
