"""A training run as a value: everything that decides its outcome.

The bundle that ships was trained by

    vitrine-train images --data DIR --recipe multitask --out runs/multitask
    vitrine-train images --data DIR --recipe refine \
        --start runs/multitask/checkpoint.pt --out runs/refined

and docs/training.md has the commands that follow.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

from training.vit import ViTConfig

Objective = Literal["weak", "tasks", "teacher"]


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a run.

    Attributes:
        images: How many are seen.
        patches: (patch size, weight): what a step's size is drawn from. Large patches make few
            tokens, and most of what there is to learn early can be learnt from few.
        size: Side of the views in pixels; 0 for the model's own.
        students: (patch size, weight): the size that the same views are embedded at once more, to
            be held to the first embedding; none without them.
    """

    images: int
    patches: tuple[tuple[int, float], ...]
    students: tuple[tuple[int, float], ...] = ()
    size: int = 0


@dataclass(frozen=True, slots=True)
class RunConfig:
    """One run.

    Attributes:
        objective: `weak` learns weak labels only (stage 1), `tasks` them and every task (stage 2),
            `teacher` another model's vectors (distillation).
        model: Shape of the network.
        phases: In order.
        tiers: Patch sizes to export, best first.
        batch: Pictures a step.
        learning_rate: Peak, reached after `warmup` of all steps, then falling along a cosine.
        weight_decay: Of matrices.
        temperature: Divides the cosine to a class proxy.
        sampled_classes: A task with more classes compares with that many of them a step.
        guard_after: Part of the run after which labels that look wrong are left out; 1 for never.
        distill: Weight of a student's distance to its teacher.
        average: Decay of the exponential moving average of the weights.
        cache_side: Pixels of the decoded squares that views are cropped from.
        demo_products: Rendered products beside the real photos; 0 for none.
        seed: Of everything random.
    """

    objective: Objective = "tasks"
    model: ViTConfig = field(default_factory=ViTConfig)
    phases: tuple[Phase, ...] = (Phase(100_000, ((16, 1.0),), size=64),)
    tiers: tuple[int, ...] = (12, 16, 24)
    batch: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    warmup: float = 0.05
    temperature: float = 0.1
    sampled_classes: int = 4096
    guard_after: float = 0.5
    distill: float = 4.0
    average: float = 0.99
    gradient_clip: float = 1.0
    cache_side: int = 112
    demo_products: int = 300
    demo_views: int = 6
    seed: int = 0

    def steps(self) -> list[Phase]:
        """Return for every step its phase."""
        return [p for p in self.phases for _ in range(max(1, p.images // self.batch))]

    def to_json(self) -> str:
        """Return the run as JSON, which a checkpoint carries to recognise its own config."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "RunConfig":
        """Read what `to_json` wrote."""
        raw = json.loads(text)
        raw["model"] = ViTConfig(**raw["model"])
        raw["phases"] = tuple(
            Phase(p["images"], _pairs(p["patches"]), _pairs(p["students"]), p["size"])
            for p in raw["phases"]
        )
        raw["tiers"] = tuple(raw["tiers"])
        return cls(**raw)


def _pairs(raw: list[list[float]]) -> tuple[tuple[int, float], ...]:
    return tuple((int(patch), weight) for patch, weight in raw)


_BRIEF = RunConfig(phases=(Phase(30_000, ((16, 1.0),), size=64),), tiers=(24,), average=0.98)

RECIPES = {
    # Small pictures of few tokens first: most of what there is to learn can be learnt from them.
    "multitask": RunConfig(
        phases=(
            Phase(300_000, ((16, 1.0),), size=48),
            Phase(400_000, ((16, 1.0),), size=64),
        ),
        seed=1,
    ),
    # Goes on from it at full size and at every step with the tiers that ship: how well a tier finds
    # followed how often it had been trained (docs/experiments.md).
    "refine": RunConfig(
        phases=(Phase(230_000, ((12, 1.0),), students=((24, 0.7), (16, 0.3))),),
        learning_rate=1e-3,
        seed=2,
    ),
    # Stage 1, for a catalogue that has texts and few labels; `multitask --start` goes on from it.
    "pretrain": RunConfig(objective="weak", phases=(Phase(300_000, ((16, 1.0),), size=64),)),
    # What stage 1 adds, in minutes (docs/experiments.md): weak labels and then tasks, against tasks
    # alone for as many steps of their own and for as many in all.
    "brief-weak": replace(_BRIEF, objective="weak"),
    "brief-tasks": _BRIEF,
    "brief-tasks-twice": replace(_BRIEF, phases=(Phase(60_000, ((16, 1.0),), size=64),)),
    # A smaller tower from a large one: patient, so several times the pictures of the others.
    "distill": RunConfig(
        objective="teacher",
        phases=(
            Phase(2_000_000, ((16, 1.0),), size=64),
            Phase(500_000, ((8, 0.5), (12, 0.5)), students=((24, 0.6), (16, 0.4))),
        ),
        seed=2,
    ),
}
