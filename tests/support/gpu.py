"""Tests of a device where there is none: skipped, or failed where `make gpu-check` saw one."""

import os
from typing import NoReturn

import pytest


def lacking(reason: str) -> NoReturn:
    """Skip a test; with REQUIRE_GPU set, fail it: a driver without its libraries is no reason."""
    if os.environ.get("REQUIRE_GPU"):
        pytest.fail(reason)
    pytest.skip(reason)
