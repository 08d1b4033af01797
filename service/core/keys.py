"""Identity: what makes two pictures, two models or two cached answers the same.

    image_id      = sha256(image bytes)
    bundle digest = sha256(canonical JSON of all that changes a vector)
    crop id       = image_id @ box
    cache key     = version : image_id or crop id : bundle digest : tier

Nothing weaker ever stands for a picture (not its size, name or place in a batch).
"""

import hashlib
import json

from service.core.crop import Box
from service.core.manifest import BundleManifest, Tier


def image_digest(data: bytes) -> str:
    """Return a picture's identity: the SHA-256 of its encoded bytes, 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def bundle_digest(manifest: BundleManifest) -> str:
    """Return a model's identity: SHA-256 over what changes a vector, 64 hex digits.

    New figures, labels or a new name leave it as it is, so that they re-embed nothing; so do
    variants of a tier, whose vectors the export found to be as good as the tier's.
    """
    identity: dict[str, object] = {
        "dim": manifest.dim,
        "preprocess": manifest.preprocess.model_dump(mode="json"),
        "tiers": [manifest.files[tier.file] for tier in manifest.image.tiers if not tier.gate],
    }
    if manifest.image.weights:
        identity["weights"] = manifest.files[manifest.image.weights]
    canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def crop_id(image_id: str, box: Box | None) -> str:
    """Return the identity of the part of a picture that a box shows, or of all of it."""
    return f"{image_id}@{box}" if box else image_id


def text_tower_digest(manifest: BundleManifest) -> str | None:
    """Return the identity of what makes vectors of words, 64 hex digits; None without a tower.

    It is not in the bundle's digest: pictures keep their vectors when the words get a new tower.
    """
    text = manifest.text
    if text is None:
        return None
    parts = (str(manifest.dim), manifest.files[text.file], manifest.files[text.tokenizer])
    return hashlib.sha256(":".join(parts).encode()).hexdigest()


def tier_key(tier: Tier) -> str:
    """Return what tells a tier from the others of its bundle, whose digest they share."""
    return tier.name or tier.file


def embedding_key(image_id: str, bundle: str, tier: str) -> str:
    """Return the cache key of a picture's vector and heads by a tier of a bundle.

    Likewise of a text, whose tower has no tiers ("").
    """
    return f"vitrine:e3:{image_id}:{bundle}:{tier}"


def picture_key(image_id: str) -> str:
    """Return the key under which the bytes of a query picture are kept for a while."""
    return f"vitrine:p1:{image_id}"


def result_key(digest: str) -> str:
    """Return the cache key of an answer, by the digest of all that it depends on."""
    return f"vitrine:r1:{digest}"


def refused_key(crop: str) -> str:
    """Return the key under which it is kept why a picture, or a part of it, cannot be decoded."""
    return f"vitrine:n1:{crop}"
