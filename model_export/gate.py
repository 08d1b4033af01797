"""The gate before a variant: pictures -> vectors of tier and variant -> figures -> in, or refused.

quality   nearest neighbours on a sample of the catalogue, against those the tier finds
speed     images a second at batch 1 and 8, tier and variants in alternating rounds
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from model_export.bundle import ExportError
from model_export.retrieval import has_pairs, overlap_at_k, right_at_1
from model_export.sample import Sample
from model_export.speed import images_per_second
from service.adapters.onnx_session import open_session
from service.core.cores import core_count
from service.core.gate import Gate, Quality, Rate
from service.core.manifest import PreprocessSpec
from service.core.tasks import Item
from service.core.types import Pixels, Vectors
from service.pipeline.evaluate import decoded_batches

BATCHES = (1, 8)
NEIGHBOURS = 10
_ROUNDS = 10
Timer = Callable[[Mapping[str, Callable[[], object]], int, int], Mapping[str, float]]
"""As `images_per_second`: runs by name, images a run, rounds -> images a second by name."""


@dataclass(frozen=True, slots=True)
class GateSample:
    """What variants are judged on.

    Attributes:
        pixels: (n, size, size, 3) uint8.
        labels: n, None where the catalogue does not say.
    """

    pixels: Pixels
    labels: Sequence[str | None]


@dataclass(frozen=True, slots=True)
class Pictures:
    """Two samples of a catalogue that have no picture in common.

    Attributes:
        gate: What changes are judged by.
        spare: (n, size, size, 3) uint8: what they are fitted to.
    """

    gate: GateSample
    spare: Pixels


def pictures_of(sample: Sample, spec: PreprocessSpec, spare: int) -> Pictures:
    """Decode a sample as a bundle sees it.

    Args:
        sample: In random order.
        spec: Of the bundle.
        spare: Pictures to fit to; of a sample that is too small for them, a quarter.

    Raises:
        ExportError: There are fewer than eight pictures.
    """
    n = len(sample.images)
    if n < 8:
        raise ExportError(f"{n} pictures say nothing of a catalogue: take a larger sample")
    items = (Item("", data, ()) for data in sample.images)
    pixels = np.concatenate([batch for _, batch in decoded_batches(items, spec)])
    judged = n - min(spare, n // 4)
    return Pictures(GateSample(pixels[:judged], sample.labels[:judged]), pixels[judged:])


class Embedder:
    """One graph in a session."""

    def __init__(self, file: Path, provider: str = "cpu") -> None:
        """Load a graph.

        Raises:
            BundleError: It cannot be loaded.
            ProviderUnavailableError: The provider is not in use after loading.
        """
        # Several sessions share the cores here; threads that spin would take the others'.
        self._session: Any = open_session(file, provider=provider, threads=None, spinning=False)
        self._input = self._session.get_inputs()[0].name

    def run(self, pixels: Pixels) -> Vectors:
        """(n, size, size, 3) uint8 -> (n, dim) float32, in one batch."""
        (vectors,) = self._session.run(["embedding"], {self._input: pixels})
        return np.asarray(vectors, dtype=np.float32)

    def embed(self, pixels: Pixels) -> Vectors:
        """As `run`, in batches as the service makes them under load."""
        size = BATCHES[-1]
        return np.concatenate(
            [self.run(pixels[start : start + size]) for start in range(0, len(pixels), size)]
        )


def quality(before: Vectors, after: Vectors, labels: Sequence[str | None]) -> Quality:
    """Measure how retrieval changed.

    Args:
        before: (n, dim) of unit length.
        after: (n, any dim) of the same pictures.
        labels: n.

    Raises:
        ExportError: There are fewer than two pictures.
    """
    n = len(before)
    if n < 2:
        raise ExportError("one picture has no neighbours: take a larger sample")
    agreement = overlap_at_k(before, after, min(NEIGHBOURS, n - 1))
    figures = Quality(pictures=n, top10_agreement=round(agreement, 4))
    if not has_pairs(labels):
        return figures
    was, is_now = (right_at_1(vectors, labels).astype(float) for vectors in (before, after))
    change = is_now - was
    return figures.model_copy(
        update={
            "labelled": len(change),
            "p_at_1": round(float(was.mean()), 4),
            "p_at_1_change": round(float(change.mean()), 4),
            "p_at_1_error": round(float(change.std() / np.sqrt(len(change))), 4),
        }
    )


def measure(
    of: str,
    before: Path,
    candidates: Mapping[str, Path],
    sample: GateSample,
    *,
    provider: str | None = "cpu",
    timer: Timer = images_per_second,
) -> dict[str, Gate]:
    """Hold variants against their tier.

    Args:
        of: Name of the tier.
        before: Its graph.
        candidates: Graphs of variants, by recipe.
        sample: What to embed, at least two pictures.
        provider: To run on; None where the machine has none that the variants are for: then the
            CPU says what they lose, and nothing is timed.
        timer: Times them.

    Returns:
        Figures by recipe, of those whose vectors are all finite.

    Raises:
        ExportError: The sample is too small, or the tier itself makes vectors that are not finite.
    """
    tier = Embedder(before, provider or "cpu")
    variants = {name: Embedder(file, provider or "cpu") for name, file in candidates.items()}
    rates = _rates(tier, variants, sample.pixels, timer) if provider else {}
    timed_on = f"{provider}, {core_count()} threads" if provider else ""
    expected = tier.embed(sample.pixels)
    if not np.isfinite(expected).all():
        raise ExportError(f"tier {of} makes vectors of no finite numbers: it cannot be used")
    gates = {}
    for name, variant in variants.items():
        vectors = variant.embed(sample.pixels)
        if not np.isfinite(vectors).all():
            continue
        # Rounding may bring a cosine of equal vectors above one.
        cosines = (expected * vectors).sum(axis=1).clip(-1, 1)
        gates[name] = Gate(
            **quality(expected, vectors, sample.labels).model_dump(),
            of=of,
            recipe=name,
            cosine_mean=round(float(cosines.mean()), 6),
            cosine_p1=round(float(np.percentile(cosines, 1)), 6),
            timed_on=timed_on,
            rates=tuple(rates.get(name, ())),
        )
    return gates


def _rates(
    tier: Embedder, variants: Mapping[str, Embedder], pixels: Pixels, timer: Timer
) -> dict[str, list[Rate]]:
    rates: dict[str, list[Rate]] = {name: [] for name in variants}
    for size in BATCHES:
        # A sample smaller than the batch is gone through again.
        batch = pixels[np.arange(size) % len(pixels)]
        runs = {"": partial(tier.run, batch)}
        runs |= {name: partial(variant.run, batch) for name, variant in variants.items()}
        found = timer(runs, size, _ROUNDS)
        for name, measured in rates.items():
            rate = Rate(batch=size, before=round(found[""], 2), after=round(found[name], 2))
            measured.append(rate)
    return rates
