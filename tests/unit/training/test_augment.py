import pytest
import torch
from torch import Tensor

from training.augment import augment


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(count: int, side: int = 40) -> Tensor:
    return torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8, generator=generator(9))


def stripes(count: int, side: int) -> Tensor:
    """Black and white columns of one pixel."""
    columns = (torch.arange(side) % 2 * 255).to(torch.uint8)
    return columns.view(1, 1, side, 1).expand(count, side, side, 3).contiguous()


@pytest.mark.parametrize(("side", "resolution"), [(40, 32), (48, 48), (40, 16), (70, 20)])
def test_views_have_the_resolution_asked_for_and_stay_in_range(side: int, resolution: int) -> None:
    views = augment(noise(5, side), resolution, generator())
    assert views.shape == (5, 3, resolution, resolution)
    assert views.dtype == torch.float32
    assert views.isfinite().all()
    assert views.abs().max() <= 1.0
    assert views.std() > 0.1


def test_a_seed_decides_the_views() -> None:
    images = noise(6)
    first = augment(images, 32, generator(1))
    assert torch.equal(first, augment(images, 32, generator(1)))
    other = augment(images, 32, generator(2))
    assert (first - other).abs().mean(dim=(1, 2, 3)).min() > 0.01


def test_the_same_picture_twice_in_a_batch_gives_two_views() -> None:
    views = augment(noise(1).expand(4, -1, -1, -1), 32, generator())
    distances = torch.cdist(views.flatten(1), views.flatten(1)) + torch.eye(4) * 1e6
    assert distances.min() > 1.0


def test_the_pictures_themselves_are_left_alone() -> None:
    images = noise(3)
    before = images.clone()
    augment(images, 32, generator())
    assert torch.equal(images, before)


def test_views_are_made_where_the_pictures_are() -> None:
    # The meta device has no data, so that any operation that strays to the CPU fails; only JPEG
    # may, and with this seed no picture passes through it.
    views = augment(noise(3).to("meta"), 32, generator(1))
    assert views.device.type == "meta"
    assert views.shape == (3, 3, 32, 32)


def test_about_half_the_views_are_mirrored() -> None:
    images = torch.zeros((200, 40, 40, 3), dtype=torch.uint8)
    images[:, :, 20:] = 255
    views = augment(images, 32, generator()).mean(dim=(1, 2))
    mirrored = views[:, 0] > views[:, -1]
    assert 0.35 < mirrored.float().mean() < 0.65


def test_a_grey_picture_keeps_no_structure_but_changes_its_light() -> None:
    views = augment(torch.full((64, 40, 40, 3), 128, dtype=torch.uint8), 32, generator())
    # But for the slow slope of a light from one side, and a sensor's noise through JPEG.
    steps = (views[..., 1:] - views[..., :-1]).abs().amax(dim=(1, 2, 3))
    assert (steps < 0.05).float().mean() > 0.75
    assert views.mean(dim=(1, 2, 3)).std() > 0.05


def test_reds_and_blues_are_not_confused() -> None:
    images = torch.full((200, 40, 40, 3), 40, dtype=torch.uint8)
    images[..., 0] = 200
    red, green, blue = augment(images, 32, generator()).mean(dim=(2, 3)).T
    assert (red > green + 0.3).all()
    assert (red > blue + 0.3).all()


def test_detail_that_a_small_view_cannot_hold_is_averaged_not_aliased() -> None:
    smooth = augment(stripes(16, 64), 32, generator())
    detail = (smooth[..., 1:] - smooth[..., :-1]).abs().mean(dim=(1, 2, 3))
    assert (detail < 0.02).float().mean() > 0.75  # the rest is noise of the sensor
    kept = augment(stripes(16, 48), 48, generator())
    assert kept.std(dim=(2, 3)).mean() > 0.2


def test_some_views_look_as_if_they_had_been_small() -> None:
    def detail(x: Tensor) -> Tensor:
        return (x[..., 1:] - x[..., :-1]).abs().mean(dim=(1, 2, 3)) / x.std(dim=(1, 2, 3))

    # Noise keeps 0.6 to 1.0 of this through any crop, and 0.3 to 0.4 once it has been small.
    soft = detail(augment(noise(200), 40, generator())) < 0.5
    assert 0.1 < soft.float().mean() < 0.3


def test_some_views_are_noisy_and_compressed() -> None:
    views = augment(torch.full((200, 40, 40, 3), 128, dtype=torch.uint8), 32, generator())
    # Second differences: light from one side is a slope, which they do not see.
    bends = views[..., 2:] - 2 * views[..., 1:-1] + views[..., :-2]
    rough = bends.abs().mean(dim=(1, 2, 3)) > 1e-4
    assert 0.05 < rough.float().mean() < 0.2


def test_some_views_are_tilted_so_that_parallels_meet() -> None:
    images = torch.zeros((100, 60, 60, 3), dtype=torch.uint8)
    images[:, :, 20:40] = 255

    def widths(views: Tensor) -> Tensor:
        return (views.amax(dim=1) > 0).float().sum(dim=2)

    bars = widths(augment(images, 48, generator()))
    # A crop, a turn or a stretch keeps a bar as wide below as above.
    changed = (bars[:, 4] - bars[:, -5]).abs() > 3
    assert 0.05 < changed.float().mean() < 0.5
