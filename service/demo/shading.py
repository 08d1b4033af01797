"""Light on one part: coverage mask and position -> a field that multiplies its colour, 1 = unlit.

Worked out at half resolution (light is smooth), then enlarged: a quarter of the cost.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from service.demo.parts import Part

Field = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Light:
    """Where light comes from (unit vector on the picture plane, y down) and the folds' phases."""

    x: float
    y: float
    folds: NDArray[np.float32]


def fold_waves(rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw (4, 4) waves of cloth: x and y wave numbers, phase, bend."""
    return np.stack(
        [
            rng.uniform(2.0, 7.0, 4) * rng.choice([-1, 1], 4),
            rng.uniform(0.5, 3.0, 4),
            rng.uniform(0, 6.28, 4),
            rng.uniform(0.5, 1.6, 4),
        ],
        axis=1,
    ).astype(np.float32)


def enlarged(values: Field, width: int, height: int) -> Field:
    """Return a field resized (bilinear) to (height, width)."""
    image = Image.fromarray(values).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image, dtype=np.float32)


def _folds(x: Field, y: Field, waves: NDArray[np.float32]) -> Field:
    total = np.zeros_like(x)
    for wave_x, wave_y, phase, bend in waves:
        warp = bend * np.sin(np.float32(1.7) * y + phase)
        total += np.sin(wave_x * x + wave_y * y + phase + warp)
    return total * np.float32(0.25)


def _lathe(part: Part, x: Field, y: Field, light: Light) -> Field:
    """Return the light on a turned body: a cylinder's shade with the outline's width as radius."""
    outline = part.outline
    middle = float((outline[:, 0].min() + outline[:, 0].max()) / 2)
    right = outline[outline[:, 0] >= middle]
    right = right[np.argsort(right[:, 1], kind="stable")]
    radius = np.interp(y, right[:, 1], right[:, 0] - middle).astype(np.float32)
    across = np.clip((x - middle) / np.maximum(radius, 1e-3), -1, 1)
    facing = np.sqrt(1 - across * across)
    side = -1.0 if light.x < 0 else 1.0
    lit = np.float32(0.80) * facing + np.float32(0.5 * side) * across - np.float32(0.62)
    lit -= np.float32(0.35) * (np.abs(across) > 0.9) * (np.abs(across) - 0.9) * 10
    streak = np.exp(-(((across - np.float32(0.5 * side)) / np.float32(0.13)) ** 2))
    return part.paint.lathe * lit + np.float32(0.55 * part.paint.gloss) * streak


def shade(
    part: Part, mask: Image.Image, x: Field, y: Field, *, unit: float, light: Light
) -> tuple[Field, Field | None]:
    """Return (gain, shine): what multiplies a part's colour, and what white is then added if any.

    Args:
        part: the part, in drawing units.
        mask: "L" coverage of the part, padded by its bevel, w x h pixels, both even.
        x: (h, w) drawing position of each pixel.
        y: (h, w) likewise, downwards.
        unit: pixels per drawing unit.
        light: the picture's light.
    """
    paint, (width, height) = part.paint, mask.size
    x, y = x[::2, ::2], y[::2, ::2]
    radius = max(0.8, paint.bevel * unit / 4)
    blurred = mask.reduce(2).filter(ImageFilter.GaussianBlur(radius))
    heights = np.asarray(blurred, dtype=np.float32) * np.float32(1 / 255)
    slope_y, slope_x = np.gradient(heights)
    facing = -(slope_x * light.x + slope_y * light.y) * (radius * 2.2)
    gain = 1 + paint.relief * (facing - 0.5 * np.clip(1 - heights, 0, 0.6))
    if paint.folds:
        folds = _folds(x, y, light.folds)
        gain += paint.folds * folds
    shine = np.clip(facing - 0.3, 0, 1) * (0.8 * paint.gloss) if paint.gloss else None
    if paint.lathe:
        turned = _lathe(part, x, y, light)
        gain += np.minimum(turned, 0.35)
        if shine is not None:
            shine += np.maximum(turned - 0.2, 0) * 0.6 * (0.3 + paint.gloss)
    if paint.fade:
        low, high = float(part.outline[:, 1].min()), float(part.outline[:, 1].max())
        gain += paint.fade * (0.5 - np.clip((y - low) / max(high - low, 1e-6), 0, 1))
    return (
        enlarged(gain.astype(np.float32), width, height),
        None if shine is None else enlarged(shine.astype(np.float32), width, height),
    )
