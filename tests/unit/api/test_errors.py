"""The table from error to status, and what a caller is told."""

import re
from collections.abc import Iterator

import pytest

from service.api.errors import STATUS, public_detail
from service.core import errors
from service.core.errors import (
    BundleError,
    BundleMismatchError,
    IndexCorruptError,
    InvalidQueryError,
    StoreError,
    VitrineError,
)


def tree(root: type[VitrineError]) -> Iterator[type[VitrineError]]:
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


def test_every_error_has_a_status_and_no_status_is_left_over():
    assert set(STATUS) == {
        error for error in tree(VitrineError) if error.__module__ == "service.core.errors"
    }


def test_every_error_has_a_code_of_its_own():
    codes = [error.code for error in STATUS]

    assert len(set(codes)) == len(codes)


def test_every_error_stands_in_the_tree_that_the_module_draws():
    drawn = re.findall(r"\b(\w+Error)\b", errors.__doc__)

    assert sorted(drawn) == sorted(error.__name__ for error in STATUS)


@pytest.mark.parametrize("error", [IndexCorruptError, StoreError, BundleError])
def test_files_of_the_machine_are_kept_from_a_caller(error: type[VitrineError]):
    detail = public_detail(error("/srv/a shop/catalog.db is damaged"))

    assert "srv" not in detail
    assert re.search("run `vitrine reindex`|the service's log says why", detail)


@pytest.mark.parametrize("error", [BundleMismatchError, InvalidQueryError])
def test_other_messages_reach_a_caller_whole(error: type[VitrineError]):
    assert public_detail(error("do this")) == "do this"
