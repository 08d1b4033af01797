import pytest
import torch

from training.vit import ViT, ViTConfig, sincos_positions, to_unit_range

CONFIG = ViTConfig(
    width=32, depth=2, heads=2, dim=12, size=24, patch=8, grid=3, stem_width=8, stem_blocks=1
)


@pytest.fixture
def vit() -> ViT:
    torch.manual_seed(0)
    return ViT(CONFIG).eval()


def pictures(count: int, rows: int, columns: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(count, 3, rows, columns, generator=generator) * 2 - 1


def test_every_cell_has_a_position_of_its_own() -> None:
    positions = sincos_positions(4, 16)
    assert positions.shape == (16, 16)
    assert positions.dtype == torch.float32
    distances = torch.cdist(positions, positions) + torch.eye(16)
    assert distances.min() > 0.1


def test_the_first_half_tells_columns_apart_and_the_second_rows() -> None:
    grid = sincos_positions(4, 16).view(4, 4, 16)
    torch.testing.assert_close(grid[0, :, :8], grid[3, :, :8])
    torch.testing.assert_close(grid[:, 0, 8:], grid[:, 3, 8:])
    assert not torch.allclose(grid[0, 0], grid[0, 3])
    assert not torch.allclose(grid[0, 0], grid[3, 0])


@pytest.mark.parametrize("width", [4, 6, 30])
def test_a_width_without_room_for_four_waves_is_refused(width: int) -> None:
    with pytest.raises(ValueError, match=f"not {width}"):
        sincos_positions(2, width)


@pytest.mark.parametrize(("rows", "columns"), [(8, 8), (24, 24), (48, 32), (64, 64)])
def test_any_resolution_of_whole_patches_gives_unit_vectors(
    vit: ViT, rows: int, columns: int
) -> None:
    with torch.inference_mode():
        vectors = vit(pictures(3, rows, columns), 8)
    assert vectors.shape == (3, CONFIG.dim)
    assert vectors.dtype == torch.float32
    torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(3))


@pytest.mark.parametrize(("rows", "columns"), [(20, 24), (24, 31)])
def test_a_cut_patch_is_refused(vit: ViT, rows: int, columns: int) -> None:
    with pytest.raises(ValueError, match=f"{rows}x{columns} do not divide into patches of 8"):
        vit(pictures(1, rows, columns), 8)


@pytest.mark.parametrize("patch", [6, 10])
def test_a_patch_that_cuts_a_feature_is_refused(vit: ViT, patch: int) -> None:
    with pytest.raises(ValueError, match=f"60x60 do not divide into patches of {patch}"):
        vit(pictures(1, 60, 60), patch)


@pytest.mark.parametrize("patch", [4, 8, 12, 24])
def test_any_patch_size_that_divides_the_picture_gives_unit_vectors(vit: ViT, patch: int) -> None:
    with torch.inference_mode():
        vectors = vit(pictures(2, 24, 24), patch)
    assert vectors.shape == (2, CONFIG.dim)
    torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(2))


def test_patch_sizes_are_near_each_other_on_a_smooth_picture(vit: ViT) -> None:
    # One colour has no detail to lose: a patch of any size embeds to nearly the same token.
    # Around it the stem sees a frame of zeros, which is little of a picture of 96 px.
    plain = torch.tensor([0.5, -0.2, 0.1]).view(1, 3, 1, 1).expand(1, 3, 96, 96)
    with torch.inference_mode():
        cosine = (vit(plain, 8) * vit(plain, 12)).sum()
    assert cosine > 0.98


def test_a_vector_depends_on_its_own_picture_alone(vit: ViT) -> None:
    batch = pictures(5, 24, 24)
    others = batch.clone()
    others[[0, 1, 3, 4]] = -others[[0, 1, 3, 4]]
    with torch.inference_mode():
        together, alone, elsewhere = (vit(x, 8) for x in (batch, batch[2:3], others))
    torch.testing.assert_close(together[2:3], alone)
    torch.testing.assert_close(together[2], elsewhere[2])
    assert not torch.allclose(together[0], elsewhere[0], atol=1e-3)


def test_reordered_pictures_give_reordered_vectors(vit: ViT) -> None:
    batch, order = pictures(6, 24, 24), torch.tensor([4, 0, 5, 2, 1, 3])
    with torch.inference_mode():
        torch.testing.assert_close(vit(batch[order], 8), vit(batch, 8)[order])


def test_where_something_is_matters(vit: ViT) -> None:
    batch = pictures(1, 32, 32)
    with torch.inference_mode():
        shifted = vit(batch.roll(8, dims=-1), 8)
        assert not torch.allclose(vit(batch, 8), shifted, atol=1e-4)


def test_pixels_map_to_minus_one_to_one_with_channels_first() -> None:
    images = torch.zeros((1, 2, 3, 3), dtype=torch.uint8)
    images[0, 1, 2] = torch.tensor([255, 51, 0])
    pixels = to_unit_range(images)
    assert pixels.shape == (1, 3, 2, 3)
    torch.testing.assert_close(pixels[0, :, 1, 2], torch.tensor([1.0, -0.6, -1.0]))


def test_without_blocks_it_is_the_head_of_the_mean_normalised_patch() -> None:
    torch.manual_seed(0)
    config = ViTConfig(
        width=16, depth=0, heads=1, dim=6, size=16, patch=8, grid=2, stem_width=4, stem_blocks=0
    )
    vit, picture = ViT(config).eval(), pictures(1, 16, 16)
    with torch.inference_mode():
        features = vit.stem(picture)[0]
        corners = [(0, 0), (0, 2), (2, 0), (2, 2)]
        patches = torch.stack([features[:, y : y + 2, x : x + 2].flatten() for y, x in corners])
        tokens = patches @ vit.embed.weight.flatten(1).T + sincos_positions(2, 16)
        tokens = (tokens - tokens.mean(dim=1, keepdim=True)) / tokens.std(
            dim=1, correction=0, keepdim=True
        )
        expected = torch.nn.functional.normalize(tokens.mean(dim=0) @ vit.head.weight.T, dim=0)
        torch.testing.assert_close(vit(picture, 8)[0], expected, atol=1e-4, rtol=1e-4)


def test_features_of_the_stem_serve_every_patch_size(vit: ViT) -> None:
    batch = pictures(2, 24, 24)
    with torch.inference_mode():
        features = vit.stem(batch)
        for patch in (8, 12):
            torch.testing.assert_close(vit.encode(features, patch), vit(batch, patch))
