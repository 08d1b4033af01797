import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Tiny matrices: more threads cost more than they compute, and other tests want the cores."""
    torch.set_num_threads(1)
