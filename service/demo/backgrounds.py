"""What is behind and under the product: rng -> (size, size, 3) float32 in 0..1."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Canvas = NDArray[np.float32]
_Tints = tuple[tuple[int, int, int], ...]

# fmt: off
_STUDIO: _Tints = (
    (236, 232, 226), (214, 226, 232), (238, 218, 210), (218, 226, 210), (232, 222, 196),
    (196, 204, 214), (226, 210, 226), (176, 186, 176), (222, 190, 168), (150, 158, 170),
    (122, 138, 128), (94, 102, 120), (205, 150, 130), (244, 242, 238),
)
_BOARDS: _Tints = (
    (196, 160, 120), (150, 112, 78), (216, 196, 170), (122, 92, 70), (190, 184, 176),
)
_WALLS: _Tints = (
    (226, 222, 214), (206, 214, 216), (220, 206, 192), (190, 200, 188), (170, 178, 190),
)
_THINGS: _Tints = (
    (120, 90, 66), (70, 92, 78), (190, 150, 90), (90, 104, 130), (208, 196, 180),
    (160, 80, 66), (54, 56, 62), (236, 232, 224),
)
# fmt: on


def _enlarged(image: Image.Image, size: int) -> Canvas:
    larger = image.resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(larger, dtype=np.float32) * np.float32(1 / 255)


def _chosen(colours: _Tints, rng: np.random.Generator) -> NDArray[np.float32]:
    colour = np.array(colours[int(rng.integers(len(colours)))], dtype=np.float32)
    return colour + rng.uniform(-10, 10, 3).astype(np.float32)


def _image(values: NDArray[np.float32]) -> Image.Image:
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def packshot(size: int) -> Canvas:
    """Return the shop's own background: near white, a breath darker towards the edges."""
    ramp = np.linspace(-1, 1, size, dtype=np.float32) ** 2
    grey = 0.978 - 0.016 * (ramp[:, None] + ramp[None, :])
    return np.repeat(grey[..., None], 3, axis=2).astype(np.float32)


def _studio(size: int, rng: np.random.Generator) -> Canvas:
    """Coloured paper, lit from one side, with the soft bend between wall and floor."""
    colour = _chosen(_STUDIO, rng)
    down = np.linspace(0, 1, 48, dtype=np.float32)[:, None]
    across = np.linspace(-1, 1, 48, dtype=np.float32)[None, :]
    bend = 1 / (1 + np.exp(-(down - rng.uniform(0.5, 0.8)) * 16))
    light = 1 - 0.09 * bend + 0.08 * across * rng.choice([-1, 1]) - 0.10 * (down - 0.5) ** 2
    return _enlarged(_image((colour * light[..., None]).astype(np.float32)), size)


def _gradient(size: int, rng: np.random.Generator) -> Canvas:
    """Two colours running into each other at an angle."""
    first, other = _chosen(_STUDIO, rng), _chosen(_STUDIO, rng)
    angle = rng.uniform(0, 2 * np.pi)
    axis = np.linspace(-0.5, 0.5, 32, dtype=np.float32)
    along = np.clip(0.5 + axis[None, :] * np.cos(angle) + axis[:, None] * np.sin(angle), 0, 1)
    return _enlarged(_image(first + (other - first) * along[..., None].astype(np.float32)), size)


def _boards(size: int, rng: np.random.Generator) -> Canvas:
    """Wooden boards: one tint a board, long grain, dark joints."""
    count, side = int(rng.integers(3, 7)), 128
    colour = _chosen(_BOARDS, rng)
    row = np.arange(side) * count // side
    tint = rng.uniform(0.88, 1.08, count)[row]
    joint = np.where(np.diff(row, prepend=0) > 0, 0.55, 1.0)
    grain = rng.standard_normal((side, 5)).astype(np.float32)
    long_grain = Image.fromarray(grain).resize((side, side), Image.Resampling.BICUBIC)
    light = tint[:, None] * joint[:, None] * (1 + 0.045 * np.asarray(long_grain))
    boards = colour * light[..., None].astype(np.float32)
    return _enlarged(_image(boards if rng.random() < 0.6 else boards.transpose(1, 0, 2)), size)


def _fabric(size: int, rng: np.random.Generator) -> Canvas:
    """A cloth with a few soft folds and a faint weave."""
    colour = _chosen(_STUDIO + _WALLS, rng)
    coarse = rng.standard_normal((5, 5)).astype(np.float32)
    folds = np.asarray(Image.fromarray(coarse).resize((128, 128), Image.Resampling.BICUBIC))
    weave = np.sin(np.arange(128, dtype=np.float32) * 1.4)
    light = 1 + 0.05 * folds + 0.008 * (weave[:, None] + weave[None, :])
    return _enlarged(_image(colour * light[..., None]), size)


def _room(size: int, rng: np.random.Generator) -> Canvas:
    """A room out of focus: wall, floor, a window or shelves with things on them."""
    side = 64
    wall, floor = _chosen(_WALLS, rng), _chosen(_BOARDS, rng)
    image = Image.new("RGB", (side, side), tuple(int(c) for c in wall))
    draw = ImageDraw.Draw(image)
    horizon = int(rng.uniform(0.60, 0.78) * side)
    for level in rng.choice([8, 14, 22, 30], 2, replace=False):
        draw.rectangle((0, level, side, level + 1), fill=tuple(int(c * 0.72) for c in wall))
        for start in np.cumsum(rng.integers(5, 16, 6)):
            height, width = rng.integers(3, 12), rng.integers(3, 8)
            thing = tuple(int(c) for c in _chosen(_THINGS, rng))
            draw.rectangle((start, level - height, start + width, level - 1), fill=thing)
    if rng.random() < 0.5:
        left = int(rng.integers(0, 44))
        draw.rectangle((left, 2, left + 20, 36), fill=(250, 248, 240))
    draw.rectangle((0, horizon, side, side), fill=tuple(int(c) for c in floor))
    return _enlarged(image.filter(ImageFilter.GaussianBlur(float(rng.uniform(1.2, 2.6)))), size)


_SCENES: tuple[Callable[[int, np.random.Generator], Canvas], ...] = (
    _studio,
    _gradient,
    _boards,
    _fabric,
    _room,
)


def scene(size: int, rng: np.random.Generator) -> Canvas:
    """Return a background other than the packshot's, drawn from rng."""
    return _SCENES[int(rng.integers(len(_SCENES)))](size, rng)
