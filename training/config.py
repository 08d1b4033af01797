"""A training run as a value: everything that decides its outcome.

The bundle that ships was trained by

    vitrine-train --data DIR --out runs/first
    vitrine-train --data DIR --out runs/refined --recipe refine --start runs/first/checkpoint.pt
"""

import json
from dataclasses import asdict, dataclass, field

from training.vit import ViTConfig


@dataclass(frozen=True, slots=True)
class Stage:
    """Train at one resolution for a number of pictures."""

    resolution: int
    images: int


@dataclass(frozen=True, slots=True)
class RunConfig:
    """One run.

    Attributes:
        model: Shape of the network.
        stages: Resolutions in order; few tokens first, since most of what there is to learn early
            can be learnt cheaply.
        batch: Pictures a step.
        learning_rate: Peak, reached after `warmup` of all steps, then falling along a cosine.
        temperature: Divides the cosine to a class proxy.
        cache_side: Pixels of the decoded squares that views are cropped from.
        demo_products: Rendered products beside the real photos; 0 for none.
        seed: Of everything random.
    """

    model: ViTConfig = field(default_factory=ViTConfig)
    stages: tuple[Stage, ...] = (Stage(64, 330_000), Stage(96, 230_000), Stage(128, 240_000))
    batch: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup: float = 0.05
    temperature: float = 0.06
    gradient_clip: float = 1.0
    cache_side: int = 144
    demo_products: int = 300
    demo_views: int = 6
    seed: int = 0

    @property
    def resolution(self) -> int:
        """The resolution that the run ends at and the bundle is exported at."""
        return self.stages[-1].resolution

    def steps(self) -> list[int]:
        """Return for every step its resolution."""
        return [s.resolution for s in self.stages for _ in range(max(1, s.images // self.batch))]

    def to_json(self) -> str:
        """Return the run as JSON, which a checkpoint carries to recognise its own config."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "RunConfig":
        """Read what `to_json` wrote."""
        raw = json.loads(text)
        raw["model"] = ViTConfig(**raw["model"])
        raw["stages"] = tuple(Stage(**stage) for stage in raw["stages"])
        return cls(**raw)


RECIPES = {
    "default": RunConfig(),
    # From a trained tower: only the full resolution, gently.
    "refine": RunConfig(stages=(Stage(128, 200_000),), learning_rate=5e-4, seed=1),
}
