"""What a shape function hands to the renderer: a Drawing of Parts, back to front.

shapes_*.py -> Drawing -> render.py
"""

from dataclasses import dataclass, field

from service.demo.geometry import Points
from service.demo.palette import RGB


@dataclass(frozen=True, slots=True)
class Paint:
    """How a part's surface looks. Strengths are 0..1, lengths in drawing units.

    Attributes:
        colour: sRGB, 0..1.
        patterned: whether the product's pattern covers the part.
        turn: degrees by which the pattern is turned on this part.
        bevel: distance over which the edge rounds off.
        relief: strength of the light on that rounding.
        lathe: strength of cylinder shading about the part's vertical middle.
        folds: strength of cloth folds.
        gloss: strength of highlights.
        fade: darkening towards the bottom.
    """

    colour: RGB
    patterned: bool = False
    turn: float = 0.0
    bevel: float = 0.12
    relief: float = 0.45
    lathe: float = 0.0
    folds: float = 0.0
    gloss: float = 0.0
    fade: float = 0.12


@dataclass(frozen=True, slots=True)
class Seam:
    """A line on a part, clipped to it: darker where depth > 0, lighter where depth < 0."""

    path: Points
    width: float = 0.014
    depth: float = 0.35
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """One closed outline with its paint; `lift` is the strength of its shadow on parts below."""

    outline: Points
    paint: Paint
    holes: tuple[Points, ...] = ()
    seams: tuple[Seam, ...] = ()
    lift: float = 0.0


@dataclass(frozen=True, slots=True)
class Drawing:
    """A product as parts, back to front.

    Attributes:
        parts: what is drawn, in order.
        standing: whether it stands on a surface (else it lies or hangs).
        print_at: centre of a printed emblem and its radius, (x, y, radius).
    """

    parts: tuple[Part, ...]
    standing: bool = False
    print_at: tuple[float, float, float] = field(default=(0.0, 0.0, 0.25))
