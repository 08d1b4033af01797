"""Named colours of the demo shop, and the colours one product wears.

seed -> Look(main, second, accent, trim, metal, wood); RGB triples in 0..1, sRGB.
"""

import colorsys
from dataclasses import dataclass

import numpy as np

RGB = tuple[float, float, float]

COLOURS: dict[str, RGB] = {
    "black": (0.13, 0.13, 0.14),
    "white": (0.94, 0.94, 0.93),
    "grey": (0.55, 0.56, 0.58),
    "navy blue": (0.13, 0.19, 0.37),
    "sky blue": (0.50, 0.70, 0.87),
    "teal": (0.07, 0.47, 0.48),
    "forest green": (0.15, 0.36, 0.24),
    "sage green": (0.62, 0.70, 0.58),
    "mustard yellow": (0.86, 0.66, 0.17),
    "terracotta": (0.78, 0.41, 0.27),
    "red": (0.76, 0.13, 0.16),
    "burgundy": (0.42, 0.10, 0.18),
    "blush pink": (0.91, 0.67, 0.69),
    "lilac": (0.68, 0.58, 0.80),
    "brown": (0.42, 0.27, 0.18),
    "beige": (0.83, 0.74, 0.60),
}

_METALS: tuple[RGB, ...] = ((0.80, 0.67, 0.38), (0.76, 0.77, 0.79), (0.30, 0.30, 0.32))
_WOODS: tuple[RGB, ...] = ((0.72, 0.53, 0.33), (0.45, 0.29, 0.18), (0.85, 0.70, 0.50))


@dataclass(frozen=True, slots=True)
class Look:
    """The colours of one product.

    Attributes:
        main: the named colour, jittered for this product.
        second: the pattern's colour.
        trim: collar, strap or piping: the main colour, darker or lighter, or the second.
        metal: buckles, cases, stems.
        wood: legs and frames.
    """

    main: RGB
    second: RGB
    trim: RGB
    metal: RGB
    wood: RGB


def luminance(colour: RGB) -> float:
    """Return the Rec. 709 weighted mean of a colour, 0..1."""
    return 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]


def scaled(colour: RGB, gain: float) -> RGB:
    """Return a colour with each channel multiplied by gain and kept within 0..1."""
    red, green, blue = (min(1.0, max(0.0, channel * gain)) for channel in colour)
    return red, green, blue


def mixed(first: RGB, other: RGB, share: float) -> RGB:
    """Return first moved towards other by share (0..1)."""
    red, green, blue = (a + (b - a) * share for a, b in zip(first, other, strict=True))
    return red, green, blue


def jittered(colour: RGB, rng: np.random.Generator) -> RGB:
    """Return a colour a little off in hue, saturation and value, still deserving its name."""
    hue, saturation, value = colorsys.rgb_to_hsv(*colour)
    d_hue, d_saturation, d_value = rng.uniform(-1, 1, 3)
    return colorsys.hsv_to_rgb(
        (hue + 0.018 * d_hue) % 1.0,
        min(1.0, max(0.0, saturation * (1 + 0.14 * d_saturation))),
        min(1.0, max(0.0, value * (1 + 0.07 * d_value))),
    )


def look(colour: str, rng: np.random.Generator) -> Look:
    """Choose all colours of a product whose main colour is named `colour`."""
    main = jittered(COLOURS[colour], rng)
    contrasting = [
        value for value in COLOURS.values() if abs(luminance(value) - luminance(main)) > 0.22
    ]
    second = jittered(contrasting[int(rng.integers(len(contrasting)))], rng)
    shade = scaled(main, 0.72) if luminance(main) > 0.3 else mixed(main, (1.0, 1.0, 1.0), 0.16)
    trim = (main, shade, second)[int(rng.integers(3))]
    return Look(
        main=main,
        second=second,
        trim=trim,
        metal=_METALS[int(rng.integers(len(_METALS)))],
        wood=jittered(_WOODS[int(rng.integers(len(_WOODS)))], rng),
    )
