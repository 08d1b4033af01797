"""The flow from a bundle to one with variants: copied -> shortened -> faster tiers -> in its place.

    tier -> candidates by recipe -> gate -> the fastest that may pass -> image-8-int8.onnx
                                                                         image-int8.weights

All of it happens in a folder beside the bundle, which takes its place at the end or never.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from model_export.bundle import ExportError, bundle_folder, file_digest, write_manifest
from model_export.candidates import Chosen, best_candidate
from model_export.export import CARD
from model_export.gate import Pictures, Timer
from model_export.precisions import check_precision
from model_export.shared_weights import halve, save, share, stored
from model_export.speed import images_per_second
from model_export.truncate import Cut, truncated
from model_export.verdict import GateError, Limits
from service.adapters.bundles import read_bundle
from service.adapters.onnx_encoder import OnnxEncoder
from service.core.manifest import BundleManifest, ImageTower, Tier


@dataclass(frozen=True, slots=True)
class Plan:
    """What to make of a bundle.

    Attributes:
        precisions: Of the variants; those of the same precision that are there are replaced.
        tiers: Names of tiers to make them of; all by default.
        cut: Fewer dimensions, if so; variants that are there go, since their figures do.
        limits: What each change may cost.
    """

    precisions: Sequence[str] = ()
    tiers: Sequence[str] = ()
    cut: Cut | None = None
    limits: Limits = field(default_factory=Limits)


def make_variants(
    bundle: Path,
    out: Path,
    pictures: Pictures,
    plan: Plan,
    *,
    timer: Timer = images_per_second,
    report: Callable[[str], None] = lambda line: None,
) -> BundleManifest:
    """Write a bundle with the variants that the gate lets in, whole or not at all.

    Args:
        bundle: Folder of the bundle to start from.
        out: Folder to write; it may be the same.
        pictures: Of the catalogue it is to serve.
        plan: What to make.
        timer: Times variants.
        report: Told what is being done.

    Returns:
        The manifest written.

    Raises:
        BundleError: `bundle` is damaged.
        GateError: A change costs more than it may, or gains nothing; each is named on a line.
        ExportError: The plan does not fit the bundle, or `out` is not a bundle's.
    """
    manifest = read_bundle(bundle)
    _check_plan(manifest, plan)
    with bundle_folder(out) as folder:
        _copy(bundle, manifest, folder)
        if plan.cut:
            report(f"shortening vectors to {plan.cut.dim} dimensions ...")
            manifest = _without_variants(manifest, folder, manifest.image.tiers)
            manifest = truncated(folder, manifest, pictures, plan.cut, plan.limits)
        for precision in plan.precisions:
            chosen = _choose(manifest, folder, precision, pictures, plan, timer, report)
            manifest = _with_variants(manifest, folder, precision, chosen)
        write_manifest(folder, manifest)
        for tier in manifest.image.tiers:
            OnnxEncoder(folder, tier=tier.name, threads=1)
    return manifest


def sources(manifest: BundleManifest) -> list[Tier]:
    """Return the tiers that variants are made of."""
    return [tier for tier in manifest.image.tiers if not tier.gate]


def _check_plan(manifest: BundleManifest, plan: Plan) -> None:
    if not plan.precisions and not plan.cut:
        raise ExportError("nothing to make: give --precision int8, --precision fp16 or --dim")
    for precision in plan.precisions:
        check_precision(precision)
    names = [str(tier.name) for tier in sources(manifest) if tier.name]
    if len(names) < len(sources(manifest)):
        raise ExportError(
            "the bundle's tiers have no names, which variants are called after: export it again"
        )
    if unknown := [name for name in plan.tiers if name not in names]:
        raise ExportError(
            f"no tier {', '.join(unknown)} to make variants of; there are {', '.join(names)}"
        )


def _copy(bundle: Path, manifest: BundleManifest, folder: Path) -> None:
    card = [CARD] if (bundle / CARD).is_file() and CARD not in manifest.files else []
    for name in [*manifest.files, *card]:
        if Path(name).name != name:
            raise ExportError(f"bundle.json of {bundle} names {name!r}, which is no file beside it")
        shutil.copyfile(bundle / name, folder / name)


def _without_variants(
    manifest: BundleManifest, folder: Path, tiers: Sequence[Tier]
) -> BundleManifest:
    """Remove the variants among some tiers, and their files."""
    gone = [tier for tier in tiers if tier.gate]
    left = tuple(tier for tier in manifest.image.tiers if tier not in gone)
    files = {name for tier in gone for name in (tier.file, tier.weights) if name}
    for name in files:
        (folder / name).unlink()
    return manifest.model_copy(
        update={
            "image": ImageTower(tiers=left, weights=manifest.image.weights),
            "files": {name: sha for name, sha in manifest.files.items() if name not in files},
        }
    )


def _choose(
    manifest: BundleManifest,
    folder: Path,
    precision: str,
    pictures: Pictures,
    plan: Plan,
    timer: Timer,
    report: Callable[[str], None],
) -> list[Chosen]:
    """Make a variant of each tier that is asked for; all of them pass, or it is refused."""
    chosen, refused = [], []
    for tier in sources(manifest):
        if plan.tiers and tier.name not in plan.tiers:
            continue
        file, limits = folder / tier.file, plan.limits
        try:
            made = best_candidate(
                file, tier, precision, pictures, limits, timer=timer, report=report
            )
        except GateError as exc:
            refused.append(str(exc))
        else:
            chosen.append(made)
    if refused:
        raise GateError("\n".join(refused))
    return chosen


def _with_variants(
    manifest: BundleManifest, folder: Path, precision: str, chosen: Sequence[Chosen]
) -> BundleManifest:
    """Write graphs and the one file of their weights, in place of those of the same precision."""
    replaced = [tier for tier in manifest.image.tiers if tier.precision == precision]
    manifest = _without_variants(manifest, folder, replaced)
    weights = folder / f"image-{precision}.weights"
    models = [made.model for made in chosen]
    for model in models:
        halve(model)
    share(models, weights, stored(folder / tier.file for tier in sources(manifest)))
    own = weights.name if weights.stat().st_size else None
    if own is None:
        weights.unlink()
    tiers, files = list(manifest.image.tiers), {own: file_digest(weights)} if own else {}
    for made in chosen:
        file = folder / f"{Path(made.tier.file).stem}-{precision}.onnx"
        save(made.model, file)
        files[file.name] = file_digest(file)
        new = {"name": made.name, "file": file.name, "weights": own, "gate": made.gate}
        tiers.append(made.tier.model_copy(update={**new, "precision": precision}))
    image = ImageTower(tiers=tuple(tiers), weights=manifest.image.weights)
    return manifest.model_copy(update={"image": image, "files": {**manifest.files, **files}})
