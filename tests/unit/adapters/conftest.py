from pathlib import Path

import pytest

from support.tiny_bundle import exported_once


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of three tiers, two heads and a text tower; tests must not write to it."""
    return exported_once(tmp_path_factory.getbasetemp() / "tiny-bundle") / "bundle"
