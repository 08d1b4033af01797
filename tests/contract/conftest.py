"""Every store that there is, for the suites that all of them must pass."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.adapters.sqlite_store import SqliteStore
from service.core.store import ProductStore
from support.fake_store import FakeProductStore


@pytest.fixture(params=["sqlite", "sqlite that keeps products", "fake"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ProductStore]:
    if request.param == "fake":
        yield FakeProductStore()
    else:
        keeps = 3 if request.param.endswith("products") else 0
        sqlite = SqliteStore(tmp_path / "catalog.db", keeps=keeps)
        yield sqlite
        sqlite.close()
