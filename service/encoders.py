"""Settings to encoders: the towers of `wiring`.

bundle -> the best tier: products, and queries that can wait | the fast one: queries that cannot
       -> the text tower, once words come
"""

from service.adapters.bundles import read_bundle
from service.adapters.onnx_encoder import OnnxEncoder
from service.adapters.onnx_text import OnnxTextEncoder
from service.core.tiers import best_tier, fast_tier
from service.settings import Settings


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
        lanes=settings.lanes,
        engines=settings.data_dir / "engines",
    )


def make_text_encoder(settings: Settings) -> OnnxTextEncoder:
    """Load the text side of the bundle."""
    # So small a graph, of texts in any number, is not worth TensorRT's minutes of compiling.
    provider = "cuda" if settings.provider == "tensorrt" else settings.provider
    return OnnxTextEncoder(settings.bundle, provider=provider, threads=settings.threads)
