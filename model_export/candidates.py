"""One tier at one precision: recipes -> graphs -> gate -> the fastest graph that may pass."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import onnx
import onnxruntime as ort
from onnx import ModelProto

from model_export.gate import Pictures, Timer, measure
from model_export.precisions import float_graph, half, half_emulated, recipes
from model_export.speed import images_per_second
from model_export.verdict import Limits, choose
from service.adapters.onnx_session import PROVIDERS
from service.core.gate import Gate
from service.core.manifest import Tier


@dataclass(frozen=True, slots=True)
class Chosen:
    """A graph that the gate lets in.

    Attributes:
        tier: What it was made of.
        name: Of the variant.
    """

    tier: Tier
    name: str
    model: ModelProto
    gate: Gate


def variant_name(tier: Tier, precision: str) -> str:
    """Return what a variant is called, such as `best-int8`."""
    return f"{tier.name}-{precision}"


def timing_provider(precision: str) -> str | None:
    """Return where variants of a precision are timed; None if this machine has no such device."""
    if precision != "fp16":
        return "cpu"
    return "cuda" if PROVIDERS["cuda"] in ort.get_available_providers() else None


def best_candidate(
    file: Path,
    tier: Tier,
    precision: str,
    pictures: Pictures,
    limits: Limits,
    *,
    timer: Timer = images_per_second,
    report: Callable[[str], None] = lambda line: None,
) -> Chosen:
    """Make every candidate of a tier, measure them together, and return the one to keep.

    Args:
        file: Graph of the tier, its weights beside it.
        tier: What the manifest says of it.
        precision: One of `precisions.PRECISIONS`.
        pictures: To calibrate on, and to judge by.
        limits: What it may cost.
        timer: Times candidates.
        report: Told what is being done.

    Raises:
        GateError: No candidate may pass.
        ExportError: The graph cannot be read.
    """
    name = variant_name(tier, precision)
    report(f"{name}: making candidates ...")
    graph = float_graph(file)
    tried = recipes(precision, graph)
    provider = timing_provider(precision)
    with tempfile.TemporaryDirectory() as folder:
        files = {recipe: Path(folder) / f"{recipe}.onnx" for recipe in tried}
        for recipe, make in tried.items():
            judged = half_emulated if make is half and provider is None else make
            onnx.save(judged(graph, pictures.spare), files[recipe])
        report(f"{name}: measuring {', '.join(files)} ...")
        gates = measure(str(tier.name), file, files, pictures.gate, provider=provider, timer=timer)
    gate = choose(name, gates, limits)
    # Made again rather than kept: recipes are deterministic, and a large model's graphs are large.
    return Chosen(tier, name, tried[gate.recipe](graph, pictures.spare), gate)
