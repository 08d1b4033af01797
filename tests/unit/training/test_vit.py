import pytest
import torch

from training.vit import ViT, ViTConfig, sincos_positions, to_unit_range

CONFIG = ViTConfig(width=32, depth=2, heads=2, patch=8, dim=12)


@pytest.fixture
def vit() -> ViT:
    torch.manual_seed(0)
    return ViT(CONFIG).eval()


def pictures(count: int, rows: int, columns: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(count, 3, rows, columns, generator=generator) * 2 - 1


def test_every_cell_has_a_position_of_its_own() -> None:
    positions = sincos_positions(3, 5, 16)
    assert positions.shape == (15, 16)
    assert positions.dtype == torch.float32
    distances = torch.cdist(positions, positions) + torch.eye(15)
    assert distances.min() > 0.1


def test_the_same_place_has_the_same_position_on_any_grid_that_has_a_cell_there() -> None:
    # The centre cell of an odd grid; cell (0, 1) of 2x2 is the centre of cells 0-2, 3-5 of 6x6.
    torch.testing.assert_close(sincos_positions(3, 3, 32)[4], sincos_positions(9, 9, 32)[40])
    coarse, fine = sincos_positions(2, 2, 32), sincos_positions(6, 6, 32)
    torch.testing.assert_close(coarse[1], fine[1 * 6 + 4])


def test_the_first_half_tells_columns_apart_and_the_second_rows() -> None:
    grid = sincos_positions(4, 4, 16).view(4, 4, 16)
    torch.testing.assert_close(grid[0, :, :8], grid[3, :, :8])
    torch.testing.assert_close(grid[:, 0, 8:], grid[:, 3, 8:])
    assert not torch.allclose(grid[0, 0], grid[0, 3])
    assert not torch.allclose(grid[0, 0], grid[3, 0])


@pytest.mark.parametrize("width", [4, 6, 30])
def test_a_width_without_room_for_four_waves_is_refused(width: int) -> None:
    with pytest.raises(ValueError, match=f"not {width}"):
        sincos_positions(2, 2, width)


@pytest.mark.parametrize(("rows", "columns"), [(8, 8), (24, 24), (48, 32), (64, 64)])
def test_any_resolution_of_whole_patches_gives_unit_vectors(
    vit: ViT, rows: int, columns: int
) -> None:
    with torch.inference_mode():
        vectors = vit(pictures(3, rows, columns))
    assert vectors.shape == (3, CONFIG.dim)
    assert vectors.dtype == torch.float32
    torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(3))


@pytest.mark.parametrize(("rows", "columns"), [(20, 24), (24, 31)])
def test_a_cut_patch_is_refused(vit: ViT, rows: int, columns: int) -> None:
    with pytest.raises(ValueError, match=f"{rows}x{columns} do not divide into patches of 8"):
        vit(pictures(1, rows, columns))


def test_a_vector_depends_on_its_own_picture_alone(vit: ViT) -> None:
    batch = pictures(5, 24, 24)
    others = batch.clone()
    others[[0, 1, 3, 4]] = -others[[0, 1, 3, 4]]
    with torch.inference_mode():
        together, alone, elsewhere = vit(batch), vit(batch[2:3]), vit(others)
    torch.testing.assert_close(together[2:3], alone)
    torch.testing.assert_close(together[2], elsewhere[2])
    assert not torch.allclose(together[0], elsewhere[0], atol=1e-3)


def test_reordered_pictures_give_reordered_vectors(vit: ViT) -> None:
    batch, order = pictures(6, 24, 24), torch.tensor([4, 0, 5, 2, 1, 3])
    with torch.inference_mode():
        torch.testing.assert_close(vit(batch[order]), vit(batch)[order])


def test_where_something_is_matters(vit: ViT) -> None:
    batch = pictures(1, 32, 32)
    with torch.inference_mode():
        shifted = vit(batch.roll(8, dims=-1))
        assert not torch.allclose(vit(batch), shifted, atol=1e-4)


def test_pixels_map_to_minus_one_to_one_with_channels_first() -> None:
    images = torch.zeros((1, 2, 3, 3), dtype=torch.uint8)
    images[0, 1, 2] = torch.tensor([255, 51, 0])
    pixels = to_unit_range(images)
    assert pixels.shape == (1, 3, 2, 3)
    torch.testing.assert_close(pixels[0, :, 1, 2], torch.tensor([1.0, -0.6, -1.0]))


def test_without_blocks_it_is_the_head_of_the_mean_normalised_patch() -> None:
    torch.manual_seed(0)
    vit = ViT(ViTConfig(width=16, depth=0, heads=1, patch=4, dim=6))
    picture = pictures(1, 8, 8)
    with torch.inference_mode():
        corners = [(0, 0), (0, 4), (4, 0), (4, 4)]
        patches = torch.stack([picture[0, :, y : y + 4, x : x + 4].flatten() for y, x in corners])
        tokens = patches @ vit.embed.weight.flatten(1).T + sincos_positions(2, 2, 16)
        tokens = (tokens - tokens.mean(dim=1, keepdim=True)) / tokens.std(
            dim=1, correction=0, keepdim=True
        )
        expected = torch.nn.functional.normalize(tokens.mean(dim=0) @ vit.head.weight.T, dim=0)
        torch.testing.assert_close(vit(picture)[0], expected, atol=1e-4, rtol=1e-4)
