"""Boots and pumps from the side, toe to the right: rng, style, Look -> Drawing."""

import numpy as np

from service.demo.geometry import curve, ribbon
from service.demo.palette import RGB, Look, mixed, scaled
from service.demo.parts import Drawing, Paint, Part, Seam
from service.demo.shapes_sneakers import laces

_DARK: RGB = (0.16, 0.14, 0.13)


def _gore(parts: list[Part], middle: float, wide: float, shaft: float, look: Look) -> list[Part]:
    """Return parts between a pull tab and an elastic side panel."""
    knots = [[middle - 0.12, -shaft + 0.02, 1], [middle + 0.2, -shaft + 0.02, 1]]
    gore = curve([*knots, [middle + 0.12, -0.42], [middle - 0.05, -0.42]])
    ribs = tuple(
        Seam(np.array([[x, -shaft], [x, -0.4]]), 0.012, 0.3)
        for x in np.linspace(middle - 0.1, middle + 0.18, 9)
    )
    edge = middle - wide
    tab = ribbon(np.array([[edge + 0.05, -shaft + 0.08], [edge - 0.02, -shaft - 0.1]]), 0.08)
    return [
        Part(tab, Paint(look.trim, bevel=0.03)),
        *parts,
        Part(gore, Paint(scaled(look.trim, 0.8), bevel=0.05), seams=ribs),
    ]


def boot(rng: np.random.Generator, style: str, look: Look) -> Drawing:
    """Draw a boot; style is chelsea, lace-up, knee-high or rain."""
    shaft = {"knee-high": rng.uniform(1.6, 1.9), "rain": rng.uniform(1.2, 1.5)}.get(
        style, float(rng.uniform(0.78, 1.02))
    )
    heel = rng.uniform(0.10, 0.16) if style in ("rain", "lace-up") else rng.uniform(0.12, 0.34)
    nose, toe = rng.uniform(0.80, 0.95), rng.uniform(0.22, 0.30)
    wide = rng.uniform(0.30, 0.38) + (0.06 if style in ("knee-high", "rain") else 0.0)
    middle = -0.30
    rise = heel * 0.8
    upper = curve(
        [
            [-0.66, -rise + 0.02, 1],
            [-0.70, -rise - 0.25],
            [middle - wide + 0.03, -shaft * 0.55],
            [middle - wide, -shaft, 1],
            [middle + wide, -shaft + rng.uniform(-0.04, 0.05), 1],
            [middle + wide - 0.06, -shaft * 0.6],
            [0.10, -0.52],
            [nose - 0.34, -toe - 0.10],
            [nose - 0.08, -toe * 0.78],
            [nose, -0.07],
            [nose - 0.02, 0.02, 1],
            [0.1, 0.0],
        ]
    )
    leather = Paint(
        look.main, True, bevel=0.16, relief=0.62, gloss=0.7 if style == "rain" else 0.35
    )
    seams = [Seam(curve([[0.20, 0.0], [0.18, -0.28], [0.03, -0.56]], closed=False), 0.018, 0.35)]
    parts = [Part(upper, leather, seams=tuple(seams))]
    if style == "chelsea":
        parts = _gore(parts, middle, wide, shaft, look)
    if style == "lace-up":
        parts += laces(
            np.array([middle + wide - 0.1, -shaft + 0.1]), np.array([0.22, -0.46]), 6, look.second
        )
    if style in ("knee-high", "rain"):
        strap = ribbon(
            np.array(
                [[middle - wide + 0.01, -shaft * 0.86], [middle + wide - 0.02, -shaft * 0.86]]
            ),
            0.09,
        )
        parts.append(Part(strap, Paint(look.trim, bevel=0.03), lift=0.3))
    parts += _boot_sole(nose, heel, look if rng.random() < 0.3 else None)
    return Drawing(tuple(parts), standing=True, print_at=(middle, -shaft * 0.65, 0.18))


def _boot_sole(nose: float, heel: float, look: Look | None) -> list[Part]:
    """Return the welt and the heel block; dark unless a look lends them its wood."""
    colour = _DARK if look is None else mixed(look.wood, _DARK, 0.3)
    rise = heel * 0.8
    welt = curve(
        [
            [-0.70, -rise, 1],
            [-0.25, -rise * 0.7],
            [0.15, -0.02],
            [nose + 0.02, -0.04],
            [nose - 0.02, 0.07],
            [0.2, 0.09],
            [-0.2, -rise * 0.55 + 0.07],
            [-0.70, -rise + 0.09, 1],
        ]
    )
    block = curve(
        [
            [-0.70, -rise + 0.03, 1],
            [-0.34, -rise * 0.75 + 0.03, 1],
            [-0.38, 0.09, 1],
            [-0.67, 0.09, 1],
        ]
    )
    paint = Paint(colour, bevel=0.04, relief=0.4)
    return [Part(block, paint), Part(welt, paint)]


def _pump_sole(heel: float, arch: float, nose: float) -> Part:
    """Return the thin sole that follows the foot from heel to nose."""
    above = [[-0.92, -heel], [-0.45, arch], [0.12, -0.04], [0.42, 0.03], [nose, -0.01]]
    below = [[nose - 0.05, 0.045], [0.42, 0.065], [0.08, 0.0], [-0.47, arch + 0.05]]
    outline = curve([*above, *below, [-0.9, -heel + 0.05]])
    return Part(outline, Paint(_DARK, bevel=0.02))


def pump(rng: np.random.Generator, style: str, look: Look) -> Drawing:
    """Draw a court shoe; style is stiletto, block-heel, ballet or slingback."""
    heel = {"ballet": 0.06, "stiletto": rng.uniform(0.72, 0.95)}.get(
        style, float(rng.uniform(0.42, 0.68))
    )
    nose, mouth = rng.uniform(0.92, 1.05), rng.uniform(0.30, 0.50)
    back = -heel - rng.uniform(0.36, 0.44)
    arch = -heel * 0.80
    upper = curve(
        [
            [-0.92, -heel, 1],
            [-0.95, (back - heel) / 2],
            [-0.90, back, 1],
            [-0.66, -heel * 0.95 - 0.17],
            [-0.2, -heel * 0.58 - 0.14],
            [mouth, -0.24, 1],
            [nose - 0.22, -0.17],
            [nose, -0.01, 1],
            [0.42, 0.03],
            [0.12, -0.04],
            [-0.45, arch],
        ]
    )
    thin = 0.035 if style == "stiletto" else rng.uniform(0.09, 0.16)
    knots = [[-0.92, -heel, 1], [-0.50, arch - 0.05, 1], [-0.78 + thin, -heel * 0.35]]
    tip = [[-0.80 + thin, 0.05, 1], [-0.80 - thin, 0.05, 1], [-0.86 - thin * 0.5, -heel * 0.4]]
    knots_inside = [[-0.86, back + 0.03], [-0.62, -heel - 0.24], [mouth * 0.9, -0.27]]
    shank = [[mouth, -0.22], [-0.2, -heel * 0.5 - 0.1], [-0.66, -heel * 0.95 - 0.1]]
    parts = [
        Part(curve([*knots, *tip]), Paint(look.trim, bevel=0.06, relief=0.6, gloss=0.3)),
        Part(curve([*knots_inside, *shank]), Paint((0.80, 0.68, 0.55), bevel=0.04)),
        Part(upper, Paint(look.main, True, bevel=0.12, relief=0.6, gloss=0.55)),
        _pump_sole(heel, arch, nose),
    ]
    if style == "slingback" or (style == "ballet" and rng.random() < 0.5):
        bow = [
            curve([[mouth + 0.03, -0.27], [mouth + s * 0.14, -0.36], [mouth + s * 0.16, -0.22]])
            for s in (-1.0, 1.2)
        ]
        parts += [Part(outline, Paint(look.trim, bevel=0.04), lift=0.3) for outline in bow]
    if style == "block-heel" and rng.random() < 0.6:
        strap = curve(
            [[-0.62, -heel - 0.12], [-0.45, -heel - 0.36], [-0.25, -heel * 0.62 - 0.14]],
            closed=False,
        )
        parts.insert(2, Part(ribbon(strap, 0.06), Paint(look.main, bevel=0.03)))
    return Drawing(tuple(parts), standing=True, print_at=(0.45, -0.12, 0.08))
