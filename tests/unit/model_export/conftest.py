from pathlib import Path

import pytest
import torch

from support.tiny_bundle import exported_once


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Tiny matrices: more threads cost more than they compute, and other tests want the cores."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`exported_once`; tests must not write to it."""
    return exported_once(tmp_path_factory.getbasetemp() / "tiny-bundle")
