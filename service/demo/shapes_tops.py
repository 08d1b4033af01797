"""T-shirts and sweaters, laid flat: rng, style, Look -> Drawing."""

from collections.abc import Sequence

import numpy as np

from service.demo.geometry import Points, curve, flipped, mirrored, ribbon, rounded
from service.demo.palette import Look, scaled
from service.demo.parts import Drawing, Paint, Part, Seam


def _neck_depth(style: str, rng: np.random.Generator) -> float:
    low, high = {"V-neck": (0.26, 0.40), "scoop-neck": (0.22, 0.30)}.get(style, (0.11, 0.16))
    return float(rng.uniform(low, high))


def neckline(half: float, depth: float, *, pointed: bool) -> list[list[float]]:
    """Return the knots of a front neckline from its right end (half, 0) to its lowest point."""
    if pointed:
        return [[half, 0.0, 1], [0.0, depth, 1]]
    return [[half, 0.0, 1], [half * 0.80, depth * 0.62], [0.0, depth]]


def _collar(half: float, depth: float, pointed: bool, width: float, look: Look) -> Part:
    right = neckline(half, depth, pointed=pointed)
    left = [[-knot[0], *knot[1:]] for knot in right[-2::-1]]
    path = curve([*right, *left], closed=False)
    paint = Paint(look.trim, bevel=0.03, relief=0.35, fade=0.0)
    return Part(ribbon(path, width), paint, lift=0.25)


def _inside(half: float, depth: float, look: Look) -> Part:
    """Return the dark back of the garment seen through the neck."""
    outline = mirrored(
        [[0, -0.035], [half * 0.7, -0.03], [half, 0, 1], [half, depth + 0.03], [0, depth + 0.05]]
    )
    label = Seam(np.array([[-0.05, 0.035], [0.05, 0.035]]), width=0.05, depth=-0.6)
    return Part(outline, Paint(scaled(look.main, 0.55), relief=0.2), seams=(label,))


def _sleeve(
    shoulder: Sequence[float], armpit: Sequence[float], length: float, angle: float, cuff: float
) -> tuple[Points, Points]:
    """Return (outline, cuff line) of a right sleeve leaving the shoulder at angle below level."""
    direction = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    normal = np.array([-direction[1], direction[0]])
    top = np.array(shoulder) + direction * length
    low = top + normal * cuff
    bend = (np.array(shoulder) + top) / 2 - normal * 0.02
    outline = curve(
        [
            [shoulder[0] - 0.06, shoulder[1] - 0.012, 1],
            [*bend],
            [*top, 1],
            [*low, 1],
            [*((low + np.array(armpit)) / 2 + normal * 0.01)],
            [armpit[0] - 0.01, armpit[1] + 0.03, 1],
        ]
    )
    line = np.array([top, low]) - direction * 0.05
    return outline, line


def _both(outline: Points, paint: Paint, seams: tuple[Seam, ...]) -> tuple[Part, Part]:
    other = tuple(Seam(flipped(s.path), s.width, s.depth, s.dashed) for s in seams)
    mirrored_paint = Paint(
        paint.colour, paint.patterned, -paint.turn, paint.bevel, paint.relief, folds=paint.folds
    )
    return Part(outline, paint, seams=seams), Part(flipped(outline), mirrored_paint, seams=other)


def t_shirt(rng: np.random.Generator, style: str, look: Look) -> Drawing:
    """Draw a t-shirt; style is crew-neck, V-neck, scoop-neck or long-sleeved."""
    neck, shoulder = rng.uniform(0.17, 0.24), rng.uniform(0.48, 0.56)
    chest, length = shoulder * rng.uniform(0.86, 1.0), rng.uniform(1.12, 1.45)
    waist, hem = chest * rng.uniform(0.88, 1.0), chest * rng.uniform(0.95, 1.12)
    drop, depth = rng.uniform(0.07, 0.12), _neck_depth(style, rng)
    pointed = style == "V-neck"
    long = style == "long-sleeved"
    armpit = (chest, rng.uniform(0.42, 0.50))
    angle = rng.uniform(62, 72) if long else rng.uniform(38, 60)
    reach = rng.uniform(1.0, 1.15) if long else rng.uniform(0.30, 0.48)
    cuff = rng.uniform(0.15, 0.2) if long else rng.uniform(0.27, 0.34)
    sleeve, line = _sleeve((shoulder, drop), armpit, reach, angle, cuff)
    cloth = Paint(look.main, patterned=True, bevel=0.10, relief=0.42, folds=0.055)
    sleeves = _both(
        sleeve,
        Paint(look.main, True, angle - 90 + 45, 0.09, 0.45, folds=0.05),
        (Seam(line, 0.012),),
    )
    body = mirrored(
        [
            *reversed(neckline(neck, depth, pointed=pointed)),
            [shoulder, drop, 1],
            [min(shoulder, chest) * 0.97, 0.26],
            [*armpit, 1],
            [waist, length * 0.7],
            [hem, length, 1],
            [0.0, length + 0.03],
        ]
    )
    seam = curve([[-hem, length - 0.05], [0, length - 0.02], [hem, length - 0.05]], closed=False)
    return Drawing(
        (
            _inside(neck, depth, look),
            *sleeves,
            Part(body, cloth, seams=(Seam(seam, 0.012),), lift=0.16),
            _collar(neck, depth, pointed, 0.05, look),
        ),
        print_at=(0.0, depth + 0.36, chest * 0.46),
    )


def sweater(rng: np.random.Generator, style: str, look: Look) -> Drawing:
    """Draw a knitted or sweat top; style is crew-neck, V-neck, roll-neck or hooded."""
    neck, shoulder = rng.uniform(0.18, 0.23), rng.uniform(0.52, 0.62)
    chest, length = shoulder * rng.uniform(0.90, 1.02), rng.uniform(1.10, 1.35)
    drop, depth = rng.uniform(0.09, 0.14), _neck_depth(style, rng)
    pointed, hooded = style == "V-neck", style == "hooded"
    armpit = (chest, rng.uniform(0.44, 0.52))
    angle, cuff = rng.uniform(60, 74), rng.uniform(0.19, 0.25)
    reach = rng.uniform(0.98, 1.16)
    sleeve, _ = _sleeve((shoulder, drop), armpit, reach, angle, cuff)
    arm = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    end = np.array([shoulder, drop]) + arm * (reach + 0.04)
    band = ribbon(np.array([end, end + np.array([-arm[1], arm[0]]) * cuff * 0.92]), 0.13)
    knit = Paint(look.main, patterned=True, bevel=0.13, relief=0.5, folds=0.06)
    ribs = Paint(look.trim, bevel=0.05, relief=0.4)
    sleeves = _both(sleeve, Paint(look.main, True, angle - 90, 0.12, 0.5, folds=0.05), ())
    cuffs = _both(band, ribs, ())
    body = mirrored(
        [
            *reversed(neckline(neck, depth, pointed=pointed)),
            [shoulder, drop, 1],
            [min(shoulder, chest) * 0.97, 0.28],
            [*armpit, 1],
            [chest * 1.03, length * 0.75],
            [chest * 0.95, length, 1],
            [0.0, length + 0.02],
        ]
    )
    welt = rounded(-chest * 0.92, length - 0.02, chest * 0.92, length + 0.11, 0.03)
    lines = tuple(
        Seam(np.array([[x, length], [x, length + 0.1]]), 0.012, 0.22)
        for x in np.linspace(-chest * 0.85, chest * 0.85, 22)
    )
    parts = [*sleeves, *cuffs, Part(welt, ribs, seams=lines), Part(body, knit, lift=0.16)]
    parts.insert(0, _inside(neck, depth, look))
    parts += _sweater_neck(style, look, neck=neck, depth=depth, chest=chest, length=length)
    height = depth + (0.30 if hooded else 0.38)
    return Drawing(tuple(parts), print_at=(0.0, height, chest * (0.34 if hooded else 0.46)))


def _sweater_neck(
    style: str, look: Look, *, neck: float, depth: float, chest: float, length: float
) -> list[Part]:
    """Return the collar, or the hood with its cord and pocket."""
    if style == "roll-neck":
        roll = mirrored(
            [
                [0, -0.17],
                [neck * 0.9, -0.16],
                [neck * 1.02, 0.02],
                [neck * 0.7, depth * 0.8],
                [0, depth],
            ]
        )
        return [Part(roll, Paint(look.main, bevel=0.10, relief=0.6, lathe=0.5), lift=0.4)]
    if style != "hooded":
        return [_collar(neck, depth, style == "V-neck", 0.075, look)]
    hood = mirrored(
        [[0, -0.26], [neck * 1.1, -0.2], [neck * 1.55, 0.03], [neck * 1.2, 0.2], [0, 0.34, 1]]
    )
    hole = mirrored([[0, -0.14], [neck * 0.75, -0.1], [neck * 0.95, 0.04], [0, 0.27, 1]])
    pocket = mirrored(
        [
            [0, length * 0.62],
            [chest * 0.34, length * 0.62, 1],
            [chest * 0.6, length * 0.8],
            [chest * 0.6, length - 0.03, 1],
            [0, length - 0.03],
        ]
    )
    cords = tuple(
        Part(
            ribbon(np.array([[x, 0.22], [x * 1.1, 0.42], [x * 1.05, 0.55]]), 0.028),
            Paint(look.second, bevel=0.02),
            lift=0.3,
        )
        for x in (-0.09, 0.09)
    )
    return [
        Part(pocket, Paint(look.main, bevel=0.05, relief=0.5), lift=0.35),
        Part(hood, Paint(look.main, bevel=0.1, relief=0.6), lift=0.4),
        Part(hole, Paint(scaled(look.main, 0.5), bevel=0.08, relief=-0.3)),
        *cords,
    ]
