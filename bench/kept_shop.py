"""A shop to measure on: a model, a catalogue indexed with it, pictures to search by.

the bundle that ships | a ViT of random weights, written and exported once
catalogue of real photos | the demo's -> reindexed once -> Shop
"""

import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import child
from bench.pictures import catalog, encoded
from bench.plan import Plan
from service.adapters.bundles import read_bundle
from service.adapters.catalog_sources import open_source
from service.core.keys import bundle_digest
from service.pipeline.reindex import ReindexOptions
from service.settings import DEFAULT_BUNDLE, Settings
from service.wiring import reindexing


@dataclass(frozen=True, slots=True)
class Shape:
    """Of a random ViT, as `bench.random_vit` takes it."""

    size: int
    width: int
    depth: int


_PATIENCE_SECONDS = 600
"""So that no search is refused or gets a faster tier: 32 at once wait longer than the default."""
_CACHES_OFF = {"result_seconds": 0, "memory_cache_bytes": 0, "recent_picture_bytes": 0}
"""No picture comes twice, and a cache that fills takes memory that the system has to clear."""
MODELS = ("default", "vit")
"""The bundle that ships, and a ViT of random weights."""
SMALL = Shape(224, width=384, depth=12)
"""Of ViT-S/16."""
_TINY = Shape(64, width=128, depth=3)
_PRODUCTS, _FEW = 1000, 40


@dataclass(frozen=True, slots=True)
class Shop:
    """What a service is started on.

    Attributes:
        settings: Of the service: an indexed data directory, the bundle, no caches.
        pictures: Of the catalogue, distinct JPEGs; each finds its own product first.
        origin: Where they come from.
    """

    settings: Settings
    pictures: list[bytes]
    origin: str


def models(plan: Plan) -> tuple[str, ...]:
    """Return which are measured: MODELS, but of a short run only that which has to be made."""
    return MODELS[1:] if plan.short else MODELS


def shop(plan: Plan, model: str) -> Shop:
    """Return a shop of one of MODELS; what is not kept is made: the model, and the index.

    Raises:
        RuntimeError: The model could not be exported.
    """
    bundle = DEFAULT_BUNDLE
    if model == "vit":
        bundle = _random_vit(_TINY if plan.short else SMALL, plan.keep)
    source, origin = catalog(_FEW if plan.short else _PRODUCTS, plan.keep)
    pictures = encoded(source, _PRODUCTS)
    digest = bundle_digest(read_bundle(bundle))
    data_dir = plan.keep / f"shop-{len(pictures)}-{digest[:12]}"
    settings = Settings(
        data_dir=data_dir,
        bundle=bundle,
        latency_target_seconds=_PATIENCE_SECONDS,
        **_CACHES_OFF,
    )
    if not (data_dir / "CURRENT").exists():
        with reindexing(settings) as flow:
            flow.run(open_source(source, columns={}), ReindexOptions())
    return Shop(settings, pictures, origin)


def _random_vit(shape: Shape, keep: Path) -> Path:
    """Write and export it, each in a process of its own, so that this one never sees torch."""
    numbers = [str(number) for number in asdict(shape).values()]
    folder = keep / f"vit-{'-'.join(numbers)}"
    bundle = folder / "bundle"
    if not (bundle / "bundle.json").exists():
        child.run([sys.executable, "-m", "bench.random_vit", str(folder / "model"), *numbers])
        command = [sys.executable, "-m", "model_export", str(folder / "model")]
        child.run([*command, "--out", str(bundle)])
    return bundle
