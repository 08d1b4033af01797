import torch
from torch import Tensor

from training.background import replace_background, studio_mask


def studio(count: int = 1, side: int = 32) -> Tensor:
    """A dark square in the middle of white."""
    x = torch.ones(count, 3, side, side)
    x[:, :, side // 4 : -side // 4, side // 4 : -side // 4] = -0.5
    return x


def test_the_white_around_a_product_is_background_and_the_product_is_not() -> None:
    mask = studio_mask(studio())[0, 0]
    assert mask[:8].eq(1).all()
    assert mask[:, -8:].eq(1).all()
    assert mask[8:24, 8:24].eq(0).all()


def test_white_inside_a_product_stays() -> None:
    x = studio()
    x[:, :, 14:18, 14:18] = 1.0  # a white print on a dark shirt
    assert studio_mask(x)[0, 0, 14:18, 14:18].eq(0).all()


def test_a_photo_without_a_white_edge_and_an_all_white_one_are_left_alone() -> None:
    street, blank = torch.zeros(1, 3, 32, 32), torch.ones(1, 3, 32, 32)
    assert studio_mask(torch.cat([street, blank])).eq(0).all()


def test_only_the_chosen_rows_get_another_background_and_keep_their_product() -> None:
    x = torch.cat([studio(4), torch.zeros(4, 3, 32, 32) - 0.3])
    before = x.clone()
    replace_background(x, torch.tensor([0, 2, 5]), torch.Generator().manual_seed(0))
    assert torch.equal(x[[1, 3, 4, 5, 6, 7]], before[[1, 3, 4, 5, 6, 7]])
    assert torch.equal(x[[0, 2], :, 10:22, 10:22], before[[0, 2], :, 10:22, 10:22])
    assert (x[[0, 2], :, 1:6, 1:6] < 0.95).float().mean() > 0.5
    assert x.abs().max() <= 1.0


def test_no_rows_is_no_change() -> None:
    x = studio(2)
    before = x.clone()
    replace_background(x, torch.empty(0, dtype=torch.int64), torch.Generator().manual_seed(0))
    assert torch.equal(x, before)
