"""The paper's invariant, in words: if we resize the patch and the embedding, the token stays."""

import pytest
import torch

from training.flexi import pi_resize, pi_resize_matrix, resize_matrix, resize_positions


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("new", [8, 9, 12, 16, 24])
def test_resizing_a_patch_and_its_weights_leaves_the_token_as_it_was(new: int) -> None:
    weights, patches = normal(5, 3, 8, 8), normal(7, 3, 8, 8)
    larger = (patches.flatten(2) @ resize_matrix(8, new).T).view(7, 3, new, new)
    before = patches.flatten(1) @ weights.flatten(1).T
    after = larger.flatten(1) @ pi_resize(weights, new).flatten(1).T
    torch.testing.assert_close(after, before, atol=1e-4, rtol=1e-4)


def test_a_plain_resize_of_the_weights_would_not() -> None:
    weights, patches = normal(5, 3, 8, 8), normal(7, 3, 8, 8)
    matrix = resize_matrix(8, 16)
    larger, resized = (x.flatten(2) @ matrix.T for x in (patches, weights))
    before = patches.flatten(1) @ weights.flatten(1).T
    assert not torch.allclose(larger.flatten(1) @ resized.flatten(1).T, before, rtol=0.5)


def test_smaller_patches_get_the_best_weights_for_white_noise() -> None:
    # The normal equations of min_w E |<x, w_old> - <Bx, w>|^2 over x ~ N(0, 1).
    matrix, weights = resize_matrix(8, 4), normal(1, 1, 8, 8)
    best = torch.linalg.lstsq(matrix.T, weights.flatten()[:, None]).solution[:, 0]
    torch.testing.assert_close(pi_resize(weights, 4).flatten(), best, atol=1e-4, rtol=1e-4)


def test_the_same_size_changes_nothing() -> None:
    weights = normal(2, 3, 8, 8)
    assert torch.equal(pi_resize(weights, 8), weights)
    torch.testing.assert_close(pi_resize_matrix(8, 8), torch.eye(64), atol=1e-5, rtol=0)


def test_gradients_reach_the_stored_weights_through_a_resize() -> None:
    weights = normal(2, 3, 8, 8).requires_grad_()
    pi_resize(weights, 12).square().sum().backward()
    assert weights.grad is not None
    assert (weights.grad.abs().sum(dim=(1, 2, 3)) > 0).all()


@pytest.mark.parametrize(("rows", "columns"), [(4, 4), (2, 2), (8, 8), (3, 5)])
def test_positions_keep_what_is_linear_across_the_picture(rows: int, columns: int) -> None:
    x = (torch.arange(4) + 0.5) / 4
    grid = torch.stack([x.expand(4, 4), x.view(4, 1).expand(4, 4)], dim=-1)
    middle = resize_positions(grid, rows, columns).view(rows, columns, 2).mean(dim=(0, 1))
    torch.testing.assert_close(middle, torch.tensor([0.5, 0.5]), atol=1e-5, rtol=0)
    across = resize_positions(grid, rows, columns).view(rows, columns, 2)
    assert (across[:, 1:, 0] > across[:, :-1, 0]).all()
    assert (across[1:, :, 1] > across[:-1, :, 1]).all()
