"""A process that goes on serving has read a small catalogue before anybody asks."""

import gc
import shutil
import signal
import sys
from pathlib import Path

import pytest

from service.adapters.sqlite_view import SqliteView
from service.api.serving import Serving
from service.cli import serve
from service.core.errors import StoreError
from service.settings import Settings
from service.wiring import read_ahead, serving
from support.live_server import Shop

pytestmark = pytest.mark.integration


@pytest.fixture
def settings(shop: Shop, tmp_path: Path) -> Settings:
    data_dir = Path(shutil.copytree(shop.data_dir, tmp_path / "data"))
    return Settings(data_dir=data_dir, compact_rows=0)


def test_the_first_search_of_a_server_reads_no_product(
    shop: Shop, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = []

    def listen(parts: Serving, host: str, port: int) -> None:
        monkeypatch.setattr(SqliteView, "get_many", _unreadable)
        answered.append(parts.search.by_picture(shop.picture(0), 10))

    # What a process does to itself as a whole is left out.
    for module, name in ((gc, "freeze"), (gc, "set_threshold"), (sys, "setswitchinterval")):
        monkeypatch.setattr(module, name, lambda *_: None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(serve, "bound_heap", lambda: None)
    monkeypatch.setattr(serve, "make_app", lambda parts, *_: parts)
    monkeypatch.setattr(serve, "listen", listen)
    serve.run_server(settings)
    assert [len(answer.results) for answer in answered] == [10]


def test_a_catalogue_that_cannot_be_read_yet_is_served_when_it_can(
    shop: Shop, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(settings) as parts:
        with monkeypatch.context() as broken:
            broken.setattr(SqliteView, "get_many", _unreadable)
            read_ahead(parts)
        assert len(parts.search.by_picture(shop.picture(0), 10).results) == 10


def _unreadable(view: SqliteView, product_ids: list[str]) -> None:
    raise StoreError("the disk does not answer")
