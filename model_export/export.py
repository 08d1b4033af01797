"""The export flow: checkpoint -> tower -> ONNX -> parity -> bundle, refused if parity is lost."""

from pathlib import Path

from model_export.bundle import ExportError, bundle_folder, file_digest, write_manifest
from model_export.graph import ImageGraph, vit_gflops, write_onnx
from model_export.parity import measure_parity, sample_pictures
from service.core.manifest import BundleManifest, ImageTower, PreprocessSpec, Tier
from training import checkpoint as checkpoints
from training.vit import ViT

LEAST_COSINE = 0.999


def export_checkpoint(
    source: Path, out: Path, *, name: str, version: str, licence: str
) -> BundleManifest:
    """Turn a training checkpoint into a bundle folder.

    Args:
        source: A `checkpoint.pt` of `vitrine-train`.
        out: The folder to write; a bundle that is there is replaced.
        name: Of the bundle.
        version: Of the bundle.
        licence: Of the weights, an SPDX expression.

    Returns:
        The manifest written.

    Raises:
        CheckpointError: The checkpoint cannot be read.
        ExportError: The graph does not compute what torch computes, or `out` is not a bundle's.
    """
    state = checkpoints.load(source)
    tower = ViT(state.config.model)
    tower.load_state_dict(state.model)
    graph = ImageGraph(tower).eval()
    spec = PreprocessSpec(size=state.config.resolution, resize="squash")
    with bundle_folder(out) as folder:
        file = folder / "image.onnx"
        write_onnx(graph, spec.size, file)
        parity = measure_parity(graph, file, sample_pictures(spec))
        # Written so that NaN, which compares as neither, is refused too.
        if not parity.min_cosine >= LEAST_COSINE:
            raise ExportError(
                f"the ONNX graph differs from torch: cosine {parity.min_cosine}, not at least "
                f"{LEAST_COSINE}, over {parity.images} pictures; nothing was written to {out}"
            )
        tier = Tier(
            file=file.name,
            precision="fp32",
            patch=tower.config.patch,
            tokens=(spec.size // tower.config.patch) ** 2,
            gflops=round(vit_gflops(tower, spec.size), 3),
        )
        manifest = BundleManifest(
            name=name,
            version=version,
            licence=licence,
            dim=tower.config.dim,
            image=ImageTower(tiers=(tier,)),
            preprocess=spec,
            files={file.name: file_digest(file)},
            parity=parity,
        )
        write_manifest(folder, manifest)
    return manifest
