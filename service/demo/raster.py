"""Parts onto a canvas: outline -> antialiased mask -> pattern -> light -> laid over what is there.

Masks are drawn several times larger and averaged down; colour and light are worked out at the
picture's own size, where they are smooth.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from service.demo import patterns, shading
from service.demo.camera import Camera
from service.demo.geometry import Points
from service.demo.palette import RGB
from service.demo.parts import Part, Seam

Field = NDArray[np.floating]
Window = tuple[int, int, int, int]

OVERSAMPLING = 3


@dataclass(frozen=True, slots=True)
class Scene:
    """All that parts of one picture share; `colour` and `cover` are drawn upon in place.

    Attributes:
        camera: the view.
        light: its light.
        pattern: the product's pattern.
        second: the pattern's colour.
        x: (size, size) drawing position of each pixel; y likewise.
        y: positions downwards.
        colour: (size, size, 3) premultiplied by cover.
        cover: (size, size), 1 where the product hides the background.
    """

    camera: Camera
    light: shading.Light
    pattern: patterns.Pattern
    second: RGB
    x: Field
    y: Field
    colour: Field
    cover: Field


def _window(points: Points, padding: float, size: int) -> Window:
    """Return (left, top, right, bottom) pixels around points, within the picture."""
    low = np.clip(np.floor(points.min(axis=0) - padding), 0, size).astype(int)
    high = np.clip(np.ceil(points.max(axis=0) + padding), 0, size).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _enlarged_points(points: Points, window: Window) -> list[float]:
    shifted = (points - window[:2]) * OVERSAMPLING
    flat: list[float] = shifted.ravel().tolist()
    return flat


def _mask(outline: Points, holes: list[Points], window: Window) -> Image.Image:
    left, top, right, bottom = window
    large = Image.new("L", ((right - left) * OVERSAMPLING, (bottom - top) * OVERSAMPLING))
    draw = ImageDraw.Draw(large)
    draw.polygon(_enlarged_points(outline, window), fill=255)
    for hole in holes:
        draw.polygon(_enlarged_points(hole, window), fill=0)
    return large.reduce(OVERSAMPLING)


def _seams(seams: tuple[Seam, ...], camera: Camera, window: Window) -> Field:
    """Return what multiplies the colour for all seams of a part, (h, w)."""
    left, top, right, bottom = window
    large = Image.new("L", ((right - left) * 2, (bottom - top) * 2), 128)
    draw = ImageDraw.Draw(large)
    for seam in seams:
        points = ((camera.project(seam.path) - (left, top)) * 2).astype(np.float32)
        width = max(1, round(seam.width * camera.unit * 2))
        fill = round(128 * (1 - seam.depth))
        runs = range(0, len(points) - 1, 2) if seam.dashed else (0,)
        for start in runs:
            run = points[start : start + 2] if seam.dashed else points
            draw.line(run.ravel().tolist(), fill=fill, width=width, joint="curve")
    return np.asarray(large.reduce(2), dtype=np.float32) * np.float32(1 / 128)


def _surface(part: Part, scene: Scene, window: Window) -> Field:
    """Return the part's own colour with its pattern, (h, w, 3) or (1, 1, 3)."""
    base = np.array(part.paint.colour, dtype=np.float32)[None, None]
    if not part.paint.patterned:
        return base
    left, top, right, bottom = window
    inverse = np.float32(1 / scene.camera.half_extent)
    x = (scene.x[top:bottom, left:right] - np.float32(scene.camera.centre[0])) * inverse
    y = (scene.y[top:bottom, left:right] - np.float32(scene.camera.centre[1])) * inverse
    if part.paint.turn:
        angle = np.radians(part.paint.turn)
        cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        x, y = cosine * x + sine * y, cosine * y - sine * x
    pixel = 1 / (scene.camera.unit * scene.camera.half_extent)
    share = patterns.weigh(scene.pattern, x, y, pixel)
    if share is None:
        return base
    second = np.array(scene.second, dtype=np.float32)
    return base + share[..., None] * (second - base)


def _cast(mask: Image.Image, strength: float, scene: Scene, window: Window) -> None:
    """Darken what lies under a part by its soft shadow."""
    left, top, right, bottom = window
    reach = 0.045 * scene.camera.unit * scene.camera.half_extent
    blurred = mask.reduce(2).filter(ImageFilter.GaussianBlur(reach / 2))
    moved = blurred.transform(
        blurred.size,
        Image.Transform.AFFINE,
        (1, 0, scene.light.x * reach / 2, 0, 1, scene.light.y * reach / 2),
    ).resize(mask.size, Image.Resampling.BILINEAR)
    dark = np.asarray(moved, dtype=np.float32) * np.float32(strength / 255)
    scene.colour[top:bottom, left:right] *= (1 - dark)[..., None]


def paint(part: Part, scene: Scene) -> None:
    """Lay one part over the scene's canvas."""
    camera, size = scene.camera, len(scene.cover)
    outline = camera.project(part.outline)
    padding = 2 + (part.paint.bevel + 0.1 * (part.lift > 0) * camera.half_extent) * camera.unit
    window = _window(outline, padding, size)
    left, top, right, bottom = window
    if right <= left or bottom <= top:
        return
    mask = _mask(outline, [camera.project(hole) for hole in part.holes], window)
    if part.lift:
        _cast(mask, part.lift, scene, window)
    x, y = scene.x[top:bottom, left:right], scene.y[top:bottom, left:right]
    gain, shine = shading.shade(part, mask, x, y, unit=camera.unit, light=scene.light)
    if part.seams:
        gain = gain * _seams(part.seams, camera, window)
    cover = np.asarray(mask, dtype=np.float32) * np.float32(1 / 255)
    colour = _surface(part, scene, window) * gain[..., None]
    if shine is not None:
        colour += shine[..., None]
    np.clip(colour, 0, 1, out=colour)
    region = scene.colour[top:bottom, left:right]
    region += (colour - region) * cover[..., None]
    under = scene.cover[top:bottom, left:right]
    under += (1 - under) * cover
