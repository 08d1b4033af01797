"""A bundle's tiers by name, each of which runs a picture once however often it is asked for.

    bundle -> OnnxEncoder a tier -> Remembering (digest of the pixels -> vector, probabilities)

The same galleries answer several tasks and several query tiers: without a memory they would be
embedded ten times over.
"""

import hashlib
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from service.adapters.bundles import read_bundle
from service.adapters.onnx_encoder import OnnxEncoder
from service.core.manifest import BundleManifest, Tier
from service.core.types import Encoder, Pixels, Vectors

DEFAULT_TIER = "best"

Probabilities = dict[str, NDArray[np.float32]]
"""By the name of a head, (n, labels) that add up to 1."""


class NamingEncoder(Encoder, Protocol):
    """An encoder with heads."""

    def classify(self, images: Pixels) -> tuple[Vectors, Probabilities]:
        """Embed (n, size, size, 3) uint8, and name what is on them."""
        ...


class Remembering:
    """An encoder that keeps what it has computed, for the life of one evaluation.

    Attributes:
        runs: Pictures that went through the model.
    """

    def __init__(self, encoder: NamingEncoder) -> None:
        self._encoder = encoder
        self._known: dict[bytes, tuple[NDArray[np.float32], Probabilities]] = {}
        self.runs = 0

    @property
    def manifest(self) -> BundleManifest:
        """The bundle this encoder runs."""
        return self._encoder.manifest

    @property
    def bundle_digest(self) -> str:
        """Digest of all that changes a vector."""
        return self._encoder.bundle_digest

    @property
    def provider(self) -> str:
        """The execution provider in use."""
        return self._encoder.provider

    @property
    def tier(self) -> Tier:
        """Which of the bundle's tiers it runs."""
        return self._encoder.tier

    def encode(self, images: Pixels) -> Vectors:
        """Embed (n, size, size, 3) uint8 into (n, dim) unit vectors."""
        return self.classify(images)[0]

    def classify(self, images: Pixels) -> tuple[Vectors, Probabilities]:
        """Embed n pictures, at least one, and name what is on them."""
        keys = [hashlib.sha256(image.tobytes()).digest() for image in images]
        new = {key: row for row, key in enumerate(keys) if key not in self._known}
        if new:
            vectors, heads = self._encoder.classify(images[list(new.values())])
            for place, key in enumerate(new):
                named = {name: values[place] for name, values in heads.items()}
                self._known[key] = (vectors[place], named)
            self.runs += len(new)
        rows = [self._known[key] for key in keys]
        named = {name: np.stack([row[1][name] for row in rows]) for name in rows[0][1]}
        return np.stack([row[0] for row in rows]), named


def open_tiers(folder: Path) -> dict[str, OnnxEncoder]:
    """Load every tier of a bundle, the default first.

    A default without a name, as older bundles have it, is called `best`.

    Raises:
        BundleError: The bundle is incomplete or damaged.
    """
    first, *others = read_bundle(folder).image.tiers
    names = {first.name or DEFAULT_TIER: first.name}
    names |= {tier.name: tier.name for tier in others if tier.name}
    # Decoding shares the cores, and a thread that spins would take them (docs/benchmarks.md).
    return {shown: OnnxEncoder(folder, tier=name, spinning=False) for shown, name in names.items()}
