from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from service.demo.kinds import KINDS, style_of
from service.demo.products import DemoProduct, product, products
from service.demo.render import render

STYLES = sorted((kind.name, style) for kind in KINDS for style in kind.styles)


@pytest.fixture(scope="module")
def one_of_each() -> dict[tuple[str, str], DemoProduct]:
    kinds = {kind.name: kind for kind in KINDS}
    return {(p.kind, style_of(kinds[p.kind], p.seed)): p for p in products(3000)}


def pixels(image: Image.Image) -> NDArray[np.float32]:
    return np.asarray(image, dtype=np.float32)


def test_same_product_and_view_give_identical_pixels() -> None:
    for number in range(6):
        first, again = render(product(number), number % 3), render(product(number), number % 3)
        assert first.tobytes() == again.tobytes()


def test_threads_draw_what_one_thread_draws() -> None:
    shots = [(product(number), view) for number in range(8) for view in (0, 1)]
    alone = [render(item, view, size=128).tobytes() for item, view in shots]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda shot: render(*shot, size=128).tobytes(), shots))
    assert together == alone


@pytest.mark.parametrize(("kind", "style"), STYLES)
def test_every_style_shows_a_product_centred_on_white(
    kind: str, style: str, one_of_each: dict[tuple[str, str], DemoProduct]
) -> None:
    image = render(one_of_each[kind, style])
    assert (image.mode, image.size) == ("RGB", (256, 256))
    values = pixels(image)
    border = np.concatenate([values[:8].ravel(), values[-8:].ravel()])
    assert border.mean() > 225
    centre = values[64:192, 64:192].reshape(-1, 3)
    assert centre.std(axis=0).max() > 6


@pytest.mark.parametrize("size", [32, 97, 224, 384])
def test_any_size_is_drawn_at_that_size(size: int) -> None:
    assert render(product(1), 1, size=size).size == (size, size)


def test_views_of_a_product_differ() -> None:
    shown = {render(product(4), view, size=96).tobytes() for view in range(12)}
    assert len(shown) == 12


def test_a_larger_picture_shows_the_same_scene() -> None:
    item = product(8)
    small, large = render(item, 2, size=128), render(item, 2, size=384)
    reduced = large.resize((128, 128), Image.Resampling.BOX)
    assert np.abs(pixels(small) - pixels(reduced)).mean() < 4


@pytest.mark.parametrize(
    "change",
    [
        lambda item: replace(item, colour="teal" if item.colour != "teal" else "red"),
        lambda item: replace(item, pattern="chevron" if item.pattern != "chevron" else "dotted"),
        # Same kind and style: only proportions, second colour and details change.
        lambda item: replace(item, seed=item.seed + 4),
    ],
    ids=["colour", "pattern", "shape"],
)
def test_colour_pattern_and_shape_are_each_visible(
    change: Callable[[DemoProduct], DemoProduct],
) -> None:
    for number in range(10):
        item = product(number)
        before, after = pixels(render(item, size=128)), pixels(render(change(item), size=128))
        assert np.abs(before - after).max(axis=2).mean() > 1.0
