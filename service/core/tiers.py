"""Which of a bundle's tiers is `best` and which is `fast`.

    bundle + settings -> best: what products are embedded with -> fast: what cheaper queries are

All of them embed into one space, so that a query by the one finds products by the other.
"""

import math
from typing import Literal

from service.core.errors import SettingsError
from service.core.manifest import BundleManifest, Tier

Role = Literal["best", "fast"]
"""What a tier is to a request, whatever the bundle calls it."""
Wanted = Literal["auto", "fast", "best"]
"""`auto` is the best, as long as that keeps up with what is asked."""


def best_tier(manifest: BundleManifest, name: str | None = None) -> Tier:
    """Return the tier that products are embedded with: the bundle's first, or a variant of it.

    Others have the same bundle digest, and vectors that are not those the catalogue has.

    Raises:
        SettingsError: The tier of that name is none of these.
    """
    first = manifest.image.tiers[0]
    fit = [first, *_variants(manifest, first)]
    if name is None:
        return first
    for tier in fit:
        if tier.name == name:
            return tier
    raise SettingsError(
        f"tier {name!r} cannot be the best of bundle {manifest.name}: its default or a variant of "
        f"that can, {_names(fit)}"
    )


def fast_tier(
    manifest: BundleManifest, best: Tier, provider: str, name: str | None = None
) -> Tier | None:
    """Return the tier for queries that must be cheap; None where there is none but the best.

    By default it is the one of the least arithmetic, on the CPU in 8 bits where the bundle has
    such a variant, which it has where the export found it good enough.

    Raises:
        SettingsError: There is no tier of that name.
    """
    tiers = manifest.image.tiers
    if name is not None:
        for tier in tiers:
            if tier.name == name:
                return None if tier == best else tier
        raise SettingsError(
            f"bundle {manifest.name} has no tier {name!r}; it has {_names(list(tiers))}"
        )
    whole = [tier for tier in tiers if not tier.gate]
    least = min(whole, key=lambda tier: math.inf if tier.gflops is None else tier.gflops)
    in_8_bits = [tier for tier in _variants(manifest, least) if tier.precision == "int8"]
    fast = in_8_bits[0] if in_8_bits and provider == "cpu" else least
    dearer = fast == whole[0] and best.gate is not None
    return None if fast == best or dearer or fast.name is None else fast


def _variants(manifest: BundleManifest, of: Tier) -> list[Tier]:
    named = [tier for tier in manifest.image.tiers if tier.gate and of.name]
    return [tier for tier in named if tier.gate and tier.gate.of == of.name]


def _names(tiers: list[Tier]) -> str:
    return ", ".join(tier.name or f"{tier.file} without a name" for tier in tiers)
