"""CURRENT: which version serves, and which did, by one rename."""

import threading
from pathlib import Path

import pytest

from service.adapters.current_file import CurrentFile
from service.core.errors import IndexCorruptError


@pytest.fixture
def current(tmp_path: Path) -> CurrentFile:
    return CurrentFile(tmp_path / "CURRENT")


def test_history_is_newest_first_and_names_each_version_once(current: CurrentFile) -> None:
    assert current.history() == ()
    for version in (1, 2, 3, 2):
        current.promote(version)
    assert current.history() == (2, 3, 1)


def test_a_rollback_goes_back_one_by_one_and_then_no_further(
    current: CurrentFile, tmp_path: Path
) -> None:
    for version in (1, 2, 3):
        current.promote(version)
    assert current.roll_back() == 2
    assert current.roll_back() == 1
    assert current.roll_back() is None
    assert (tmp_path / "CURRENT").read_text() == "v000001\n"


def test_what_is_forgotten_is_never_the_serving_version(current: CurrentFile) -> None:
    for version in (1, 2, 3):
        current.promote(version)
    current.forget({1, 3})
    assert current.history() == (3, 2)


def test_the_history_is_bounded(current: CurrentFile) -> None:
    for version in range(100):
        current.promote(version)
    assert current.history() == tuple(range(99, 79, -1))


def test_promotions_at_once_are_all_remembered(tmp_path: Path) -> None:
    """Each in a file object of its own, as in processes of their own."""

    def promote(version: int) -> None:
        CurrentFile(tmp_path / "CURRENT").promote(version)

    threads = [threading.Thread(target=promote, args=(version,)) for version in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(CurrentFile(tmp_path / "CURRENT").history()) == list(range(12))


def test_a_promotion_mends_what_a_rollback_cannot_read(
    current: CurrentFile, tmp_path: Path
) -> None:
    (tmp_path / "CURRENT").write_text("v000002\nseven\n")
    with pytest.raises(IndexCorruptError, match="CURRENT does not name a version"):
        current.roll_back()
    current.promote(3)
    assert current.history() == (3,)
