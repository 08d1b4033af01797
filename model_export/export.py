"""The export flow: towers -> ONNX -> parity -> bundle, refused if parity is lost."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from model_export.bundle import ExportError, bundle_folder, file_digest, write_manifest
from model_export.graph import HeadWeights, TierGraph, to_onnx, vit_gflops
from model_export.parity import checked, measure_parity, sample_pictures, worst
from model_export.run import heads_of, read_calibration, tower_of
from model_export.shared_weights import halve, save, share
from model_export.text import TextSource, read_text, write_text
from service.core.manifest import BundleManifest, Head, ImageTower, Parity, PreprocessSpec, Tier
from training import checkpoint as checkpoints
from training.vit import ViT

WEIGHTS = "image.weights"
CARD = "README.md"


def export_checkpoint(
    source: Path,
    out: Path,
    *,
    name: str,
    version: str,
    licence: str,
    text: Path | None = None,
    card: Path | None = None,
) -> BundleManifest:
    """Turn a training checkpoint into a bundle folder.

    Args:
        source: A `checkpoint.pt` of `vitrine-train`; `calibration.json` beside it is taken along.
        out: The folder to write; a bundle that is there is replaced.
        name: Of the bundle.
        version: Of the bundle.
        licence: Of the weights, an SPDX expression.
        text: Folder of a text tower: `text.pt` and `tokenizer.json`.
        card: A model card, which becomes the bundle's `README.md`.

    Returns:
        The manifest written.

    Raises:
        CheckpointError: A checkpoint cannot be read.
        ExportError: As `export_bundle`, or another file cannot be read.
    """
    state = checkpoints.load(source)
    calibration = read_calibration(source.with_name("calibration.json"))
    return export_bundle(
        out,
        tower=tower_of(state),
        tiers=state.config.tiers,
        heads=heads_of(state, calibration.temperatures),
        text=read_text(text) if text else None,
        calibration=calibration.same_product,
        name=name,
        version=version,
        licence=licence,
        card=card,
    )


def export_bundle(
    out: Path,
    *,
    tower: ViT,
    tiers: Sequence[int],
    heads: Sequence[HeadWeights] = (),
    text: TextSource | None = None,
    calibration: dict[str, float] | None = None,
    name: str,
    version: str,
    licence: str,
    quality: Mapping[str, float] | None = None,
    card: Path | None = None,
) -> BundleManifest:
    """Write a bundle folder, whole or not at all.

    Args:
        out: The folder to write; a bundle that is there is replaced.
        tower: The image tower.
        tiers: Its patch sizes, the best first: it is the default.
        heads: Classifiers of its embedding.
        text: A text tower into the same space.
        calibration: Cosine -> P(same product).
        name: Of the bundle.
        version: Of the bundle.
        licence: Of the weights, an SPDX expression.
        quality: Figures for the manifest.
        card: A model card, which becomes the bundle's `README.md`.

    Returns:
        The manifest written.

    Raises:
        ExportError: The parts do not fit together, a graph does not compute what torch computes,
            or `out` is not a bundle's.
    """
    _check_parts(tower, tiers, text, card)
    spec = PreprocessSpec(size=tower.config.size, resize="squash")
    with bundle_folder(out) as folder:
        image, parities = _write_image(tower, tiers, heads, spec, folder)
        text_tower, text_parity = write_text(text, folder) if text else (None, None)
        manifest = BundleManifest(
            name=name,
            version=version,
            licence=licence,
            dim=tower.config.dim,
            image=image,
            preprocess=spec,
            files={file.name: file_digest(file) for file in sorted(folder.iterdir())},
            heads=tuple(Head(output=h.output, name=h.name, labels=h.labels) for h in heads),
            text=text_tower,
            calibration=calibration,
            parity=worst([*parities, text_parity] if text_parity else parities),
            quality=dict(quality or {}),
        )
        write_manifest(folder, manifest)
        if card:
            shutil.copyfile(card, folder / CARD)
    return manifest


def _check_parts(
    tower: ViT, tiers: Sequence[int], text: TextSource | None, card: Path | None
) -> None:
    if not tiers or len(set(tiers)) < len(tiers):
        raise ExportError(f"tiers are different patch sizes, at least one, not {list(tiers)}")
    if text and text.tower.config.dim != tower.config.dim:
        raise ExportError(
            f"the text tower embeds into {text.tower.config.dim} dimensions, the image tower into "
            f"{tower.config.dim}: train it on the vectors of this image tower"
        )
    if card and not card.is_file():
        raise ExportError(f"no model card at {card}")


def _write_image(
    tower: ViT,
    tiers: Sequence[int],
    heads: Sequence[HeadWeights],
    spec: PreprocessSpec,
    folder: Path,
) -> tuple[ImageTower, list[Parity]]:
    """Write a graph for each tier and the one file of their weights; measure each."""
    example = torch.zeros((2, spec.size, spec.size, 3), dtype=torch.uint8)
    graphs = [TierGraph(tower, patch, heads) for patch in tiers]
    models = [to_onnx(graph, example, "images", graph.outputs) for graph in graphs]
    for model in models:
        halve(model)
    share(models, folder / WEIGHTS)
    pictures = sample_pictures(spec)
    written, parities = [], []
    for graph, model, name in zip(graphs, models, tier_names(tiers), strict=True):
        file = folder / f"image-{graph.patch}.onnx"
        save(model, file)
        parities.append(checked(measure_parity(graph, file, pictures), file, "pictures"))
        tier = Tier(
            name=name,
            file=file.name,
            precision="fp32",
            patch=graph.patch,
            tokens=(spec.size // graph.patch) ** 2,
            gflops=round(vit_gflops(tower, graph.patch), 3),
        )
        written.append(tier)
    return ImageTower(tiers=tuple(written), weights=WEIGHTS), parities


def tier_names(patches: Sequence[int]) -> list[str]:
    """Name tiers, which come best first: a request asks for one by its name.

    The first is `best` and the last `fast`; one in between is `balanced`, more are told apart by
    their patch size.
    """
    between = [f"patch-{patch}" for patch in patches[1:-1]]
    if len(between) == 1:
        between = ["balanced"]
    return ["best", *between, "fast"][: len(patches)]
