from pathlib import Path

import pytest
import torch

from model_export.export import export_checkpoint
from support.tiny_run import untrained_checkpoint


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Tiny matrices: more threads cost more than they compute, and other tests want the cores."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny `checkpoint.pt` and its `bundle`; tests must not write to it."""
    folder = tmp_path_factory.mktemp("exported")
    source = untrained_checkpoint(folder / "checkpoint.pt")
    export_checkpoint(source, folder / "bundle", name="tiny", version="1", licence="CC0-1.0")
    return folder
