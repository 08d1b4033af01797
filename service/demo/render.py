"""A product's picture: (product, view) -> RGB image, the same on every run.

DemoProduct -> kinds.draw -> Drawing -> camera -> raster -> shadow and background -> picture
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from service.demo import backgrounds, patterns
from service.demo.camera import Camera, camera
from service.demo.geometry import bounds
from service.demo.kinds import draw
from service.demo.palette import look
from service.demo.products import DemoProduct
from service.demo.raster import Scene, paint
from service.demo.shading import Light, enlarged, fold_waves

Field = NDArray[np.floating]

# Streams of random numbers of one product, so that adding a draw to one leaves the others alone.
_SHAPE, _COLOUR, _PATTERN, _FOLDS, _VIEW = range(5)


def _stream(product: DemoProduct, *key: int) -> np.random.Generator:
    return np.random.default_rng((product.seed, *key))


def _shadow(cover: Field, standing: bool, view: Camera) -> Field:
    """Return how dark the product makes its background, 0..1, (size, size)."""
    size, side = len(cover), 64
    small = Image.fromarray((cover * 255).astype(np.uint8)).resize((side, side))
    toward_x, toward_y = view.light
    if not standing:
        near = small.filter(ImageFilter.GaussianBlur(0.7))
        far = small.filter(ImageFilter.GaussianBlur(2.4))
        move = (1, 0, toward_x * 1.8, 0, 1, toward_y * 1.8)
        far = far.transform(far.size, Image.Transform.AFFINE, move)
        dark = 0.16 * np.asarray(near, np.float32) + 0.30 * np.asarray(far, np.float32)
        return enlarged(dark / np.float32(255), size, size)
    rows = np.flatnonzero(np.asarray(small).max(axis=1) > 127)
    foot = float(rows[-1]) + 0.5 if len(rows) else side / 2
    # Laid on the floor: a sixth as high, leaning away from the light.
    lean = toward_x * 3
    flat = small.transform(
        small.size, Image.Transform.AFFINE, (1, lean, -lean * foot, 0, 6, -5 * foot)
    ).filter(ImageFilter.GaussianBlur(1.9))
    # Under the sole: only what nearly touches the floor.
    sole = small.transform(
        small.size, Image.Transform.AFFINE, (1, 0, 0, 0, 4, -3 * foot - 2)
    ).filter(ImageFilter.GaussianBlur(0.9))
    dark = 0.30 * np.asarray(flat, np.float32) + 0.55 * np.asarray(sole, np.float32)
    return enlarged(dark / np.float32(255), size, size)


def render(product: DemoProduct, view: int = 0, *, size: int = 256) -> Image.Image:
    """Draw one picture of a product.

    Args:
        product: what to draw; only its kind, colour, pattern and seed matter.
        view: 0 is the packshot on white; further numbers differ in pose, light and surroundings.
        size: the picture's side, in pixels.

    Returns:
        An RGB image of size x size.
    """
    colours = look(product.colour, _stream(product, _COLOUR))
    drawing = draw(product.kind, product.seed, colours, _stream(product, _SHAPE))
    rng = _stream(product, _VIEW, view)
    box = bounds([part.outline for part in drawing.parts])
    shot = camera(box, view=view, size=size, standing=drawing.standing, rng=rng)
    x, y = shot.positions(size)
    print_x, print_y, print_size = drawing.print_at
    extent = shot.half_extent
    emblem = (
        (print_x - shot.centre[0]) / extent,
        (print_y - shot.centre[1]) / extent,
        print_size / extent,
    )
    scene = Scene(
        camera=shot,
        light=Light(*shot.light, folds=fold_waves(_stream(product, _FOLDS))),
        pattern=patterns.pattern(product.pattern, emblem, _stream(product, _PATTERN)),
        second=colours.second,
        x=x,
        y=y,
        colour=np.zeros((size, size, 3), dtype=np.float32),
        cover=np.zeros((size, size), dtype=np.float32),
    )
    for part in drawing.parts:
        paint(part, scene)
    behind: Field = backgrounds.scene(size, rng) if view else backgrounds.packshot(size)
    behind = behind * (1 - _shadow(scene.cover, drawing.standing, shot))[..., None]
    behind *= (1 - scene.cover)[..., None]
    picture = behind + scene.colour
    picture *= np.array(shot.gains, dtype=np.float32) * 255
    np.clip(picture, 0, 255, out=picture)
    return Image.fromarray(picture.astype(np.uint8))
