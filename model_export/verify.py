"""A bundle looked over: schema -> digests of all files -> graphs -> parity -> the gate again."""

from collections.abc import Callable
from pathlib import Path

from model_export.candidates import timing_provider
from model_export.export import CARD
from model_export.gate import Pictures, Timer, measure
from model_export.parity import LARGEST_DIFFERENCE, LEAST_COSINE
from model_export.speed import images_per_second
from model_export.verdict import (
    GateError,
    Limits,
    complaints,
    describe,
    describe_quality,
    refusal,
)
from service.adapters.bundles import read_bundle
from service.adapters.onnx_encoder import OnnxEncoder
from service.adapters.onnx_text import OnnxTextEncoder
from service.core.keys import bundle_digest
from service.core.manifest import BundleManifest, Tier


def look_over(folder: Path) -> BundleManifest:
    """Check everything that can be checked without pictures.

    Raises:
        BundleError: No bundle, of a newer schema, with files missing or changed, or graphs that
            are not what its manifest says.
        GateError: Its graphs were found to differ from the model they were exported from.
    """
    manifest = read_bundle(folder)
    for tier in manifest.image.tiers:
        if tier.name or tier is manifest.image.tiers[0]:
            OnnxEncoder(folder, tier=tier.name, threads=1)
    if manifest.text:
        OnnxTextEncoder(folder, threads=1)
    parity = manifest.parity
    if parity and not (
        parity.min_cosine >= LEAST_COSINE and parity.max_abs_difference <= LARGEST_DIFFERENCE
    ):
        raise GateError(
            f"{folder}: the export differs from its model: cosine {parity.min_cosine}, which "
            f"should be at least {LEAST_COSINE}, or a difference of {parity.max_abs_difference}, "
            f"at most {LARGEST_DIFFERENCE}: export it again"
        )
    return manifest


def summary(folder: Path, manifest: BundleManifest) -> list[str]:
    """Say what a sound bundle is, with the figures it carries."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    megabytes = sum(path.stat().st_size for path in paths) / 1e6
    names = {str(path.relative_to(folder)) for path in paths}
    about = (
        f"{folder}: {manifest.name} {manifest.version}, schema {manifest.schema_version}, digest "
        f"{bundle_digest(manifest)[:12]}..., {len(manifest.files)} files as bundle.json says, "
        f"{megabytes:.1f} MB"
    )
    lines = [about]
    if parity := manifest.parity:
        lines.append(
            f"parity: cosine at least {parity.min_cosine}, largest difference "
            f"{parity.max_abs_difference}, over {parity.images} pictures"
        )
    if cut := manifest.truncation:
        shortened = f"{manifest.dim} of {cut.of_dim} dimensions by {cut.method}"
        lines.append(f"{shortened}: {describe_quality(cut)}")
    lines += [f"tier {tier.name or tier.file}: {_tier(tier)}" for tier in manifest.image.tiers]
    if strays := sorted(names - {"bundle.json", CARD, *manifest.files}):
        lines.append(f"files that bundle.json does not name: {', '.join(strays)}")
    return lines


def _tier(tier: Tier) -> str:
    if tier.gate:
        return f"{tier.precision} of {tier.gate.of}, {describe(tier.gate)}"
    return tier.precision + (f", {tier.tokens} tokens" if tier.tokens else "")


def gate_again(
    folder: Path,
    manifest: BundleManifest,
    pictures: Pictures,
    limits: Limits,
    *,
    timer: Timer = images_per_second,
    report: Callable[[str], None] = lambda line: None,
) -> list[str]:
    """Measure every variant of a bundle on this machine.

    Args:
        folder: Of the bundle.
        manifest: What it says.
        pictures: To judge by.
        limits: What each variant may cost.
        timer: Times them.
        report: Told what is being done.

    Returns:
        A line of figures for each.

    Raises:
        GateError: Some do not pass here; each is named on a line.
    """
    tiers = {tier.name: tier for tier in manifest.image.tiers}
    lines, refused = [], []
    for tier in manifest.image.tiers:
        if not tier.gate:
            continue
        of, recipe = tiers[tier.gate.of], tier.gate.recipe
        report(f"{tier.name}: measuring ...")
        gates = measure(
            tier.gate.of,
            folder / of.file,
            {recipe: folder / tier.file},
            pictures.gate,
            provider=timing_provider(tier.precision),
            timer=timer,
        )
        name = str(tier.name)
        if recipe not in gates:
            refused.append(f"{name} is refused: it makes vectors of no finite numbers")
        elif complaints(gates[recipe], limits):
            refused.append(refusal(name, gates[recipe], limits))
        else:
            lines.append(f"{name} passes: {describe(gates[recipe])}")
    if refused:
        raise GateError("\n".join(refused))
    return lines
