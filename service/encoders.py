"""Settings to what looks at pictures and reads words: the encoders of `wiring`.

bundle -> the best tier: products, and queries that can wait | the fast one: queries that cannot
       -> the text tower, once words come
before a tier: limits -> turns at decoding -> batcher
"""

from service.adapters.bundles import read_bundle
from service.adapters.onnx_encoder import OnnxEncoder
from service.adapters.onnx_text import OnnxTextEncoder
from service.core.cores import core_count
from service.core.image import ImageLimits
from service.core.tiers import best_tier, fast_tier
from service.core.types import Encoder
from service.pipeline.batching import Batcher
from service.pipeline.decoding import Decoding
from service.settings import Settings

_MOST_LANES = 4
"""With more, it takes long until there is a picture for each of them."""


def image_limits(settings: Settings) -> ImageLimits:
    """Return the bounds on a picture."""
    return ImageLimits(settings.max_image_bytes, settings.max_image_pixels)


def make_decoding(settings: Settings) -> Decoding:
    """Return the turns at decoding that all who decode for requests share."""
    return Decoding(settings.decode_threads, wait_seconds=settings.decode_wait_seconds)


def make_batcher(settings: Settings, *tiers: OnnxEncoder) -> Batcher:
    """Return what stands in front of these tiers, the best first, for all who look at pictures."""
    lanes, threads = _lanes(settings)
    narrow: dict[Encoder, Encoder] = {}
    if threads is not None:
        own = settings.model_copy(update={"threads": threads, "spinning": False})
        narrow = {tier: _encoder(own, tier.tier.name or None) for tier in tiers}
    return Batcher(tiers[0], max_batch=settings.max_batch, lanes=lanes, narrow=narrow)


def _lanes(settings: Settings) -> tuple[int, int | None]:
    """Return how many runs go at once, and on how many threads if one alone gets more of them."""
    cores = core_count()
    chosen = settings.lanes is not None or settings.threads is not None
    if chosen or settings.provider != "cpu" or cores == 1:
        return settings.lanes or 1, None
    lanes = min(cores, _MOST_LANES)
    return lanes, cores // lanes


def make_encoder(settings: Settings) -> OnnxEncoder:
    """Load the tier of the bundle that products are embedded with."""
    if settings.best_tier is not None:
        best_tier(read_bundle(settings.bundle), settings.best_tier)
    return _encoder(settings, settings.best_tier)


def make_fast_encoder(settings: Settings, best: OnnxEncoder) -> OnnxEncoder | None:
    """Load the tier for queries that must be cheap, if there is another than the best."""
    tier = fast_tier(best.manifest, best.tier, settings.provider, settings.fast_tier)
    return _encoder(settings, tier.name) if tier else None


def _encoder(settings: Settings, tier: str | None) -> OnnxEncoder:
    return OnnxEncoder(
        settings.bundle,
        tier=tier,
        provider=settings.provider,
        threads=settings.threads,
        spinning=settings.spinning,
        engines=settings.data_dir / "engines",
        lanes=settings.lanes or 1,
    )


def make_text_encoder(settings: Settings) -> OnnxTextEncoder:
    """Load the text side of the bundle."""
    # So small a graph, of texts in any number, is not worth TensorRT's minutes of compiling.
    provider = "cuda" if settings.provider == "tensorrt" else settings.provider
    return OnnxTextEncoder(settings.bundle, provider=provider, threads=settings.threads)


def for_runs_in_turn(settings: Settings) -> Settings:
    """Return them for a flow that makes one run at a time, and decodes beside it, as a reindex.

    The threads of all lanes are then those of one run. They do not spin, which would take the cores
    from decoding (docs/benchmarks.md).
    """
    threads = settings.threads
    if threads is not None:
        threads = min(threads * (settings.lanes or 1), core_count())
    return settings.model_copy(update={"threads": threads, "lanes": 1, "spinning": False})
