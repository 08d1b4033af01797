"""Which tier is the best and which the fast one, of bundles of every kind."""

import pytest

from service.core.errors import SettingsError
from service.core.gate import Gate
from service.core.manifest import BundleManifest, ImageTower, Tier
from service.core.tiers import best_tier, fast_tier
from support.fakes import fake_manifest


def tier(name: str | None, gflops: float | None = None, of: str | None = None) -> Tier:
    """A tier; with `of`, a variant of that one, in the precision its name ends in."""
    if of is None:
        return Tier(name=name, file=f"{name}.onnx", gflops=gflops)
    gate = Gate(of=of, recipe="r", pictures=9, top10_agreement=1, cosine_mean=1, cosine_p1=1)
    precision = (name or "").rpartition("-")[2]
    return Tier(name=name, file=f"{name}.onnx", gflops=gflops, gate=gate, precision=precision)


def bundle(*tiers: Tier) -> BundleManifest:
    return fake_manifest().model_copy(update={"image": ImageTower(tiers=tiers)})


def fast(manifest: BundleManifest, provider: str = "cpu", best: str | None = None) -> str | None:
    found = fast_tier(manifest, best_tier(manifest, best), provider)
    return found.name if found else None


THREE = (tier("best", 0.5), tier("middle", 0.3), tier("cheap", 0.2))
EIGHT = (tier("best-int8", 0.5, "best"), tier("cheap-int8", 0.2, "cheap"))


def test_the_best_is_the_first_and_the_fast_the_cheapest() -> None:
    manifest = bundle(*THREE)
    assert best_tier(manifest) == THREE[0]
    assert fast(manifest) == "cheap"


def test_on_the_cpu_the_fast_one_is_in_8_bits_where_there_is_such() -> None:
    manifest = bundle(*THREE, tier("cheap-fp16", 0.2, "cheap"), *EIGHT)
    assert fast(manifest) == "cheap-int8"
    assert fast(manifest, "cuda") == "cheap"
    assert fast(bundle(*THREE, EIGHT[0])) == "cheap"


def test_a_variant_of_the_first_may_be_the_best() -> None:
    manifest = bundle(*THREE, *EIGHT)
    assert best_tier(manifest, "best-int8").name == "best-int8"
    assert fast(manifest, best="best-int8") == "cheap-int8"


@pytest.mark.parametrize("name", ["middle", "cheap-int8", "none"])
def test_no_other_may_whose_vectors_are_not_those_of_the_catalogue(name: str) -> None:
    with pytest.raises(SettingsError, match="best, best-int8"):
        best_tier(bundle(*THREE, *EIGHT), name)


def test_a_model_of_one_tier_has_no_fast_one_but_its_own_variant() -> None:
    assert fast(bundle(tier("best"))) is None
    assert fast(bundle(tier(None))) is None
    alone = bundle(tier("best"), EIGHT[0])
    assert fast(alone) == "best-int8"
    assert fast(alone, best="best-int8") is None
    half = bundle(tier("best"), tier("best-fp16", None, "best"))
    assert fast(half, "cuda", best="best-fp16") is None, "the other one is dearer"


def test_the_fast_one_may_be_named() -> None:
    manifest = bundle(*THREE, *EIGHT)
    best = best_tier(manifest)
    assert fast_tier(manifest, best, "cpu", "middle") == THREE[1]
    assert fast_tier(manifest, best, "cpu", "best") is None
    with pytest.raises(SettingsError, match="no tier 'quick'; it has best, middle, cheap"):
        fast_tier(manifest, best, "cpu", "quick")
