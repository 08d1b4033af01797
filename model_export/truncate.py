"""Fewer dimensions for a whole bundle: sample -> matrix -> the end of every graph.

    embedding (before) -> x matrix (before, after) -> to unit length -> embedding
                       `-> heads, which go on reading what they learnt from

`pca` turns the space so that its first dimensions hold the most of the sample's vectors (their
right singular vectors, uncentred: cosines are of vectors as they are). `prefix` keeps the first
dimensions as they are, for models trained so (Matryoshka Representation Learning, Kusupati et
al., 2022). Text goes the same way into the same space.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from model_export.bundle import ExportError, file_digest
from model_export.gate import Embedder, Pictures, quality
from model_export.retrieval import nearest
from model_export.shared_weights import save
from model_export.verdict import GateError, Limits, describe_quality, losses
from service.core.gate import Truncation
from service.core.manifest import BundleManifest
from service.core.types import Vectors

Method = Literal["pca", "prefix"]
_WHOLE = "embedding.whole"
_LEAST_LENGTH = 1e-12


@dataclass(frozen=True, slots=True)
class Cut:
    """How many dimensions are left, and how they are chosen."""

    dim: int
    method: Method = "pca"


def truncated(
    folder: Path,
    manifest: BundleManifest,
    pictures: Pictures,
    cut: Cut,
    limits: Limits,
) -> BundleManifest:
    """Shorten the vectors of a bundle that has no variants.

    Args:
        folder: Its files, which are rewritten; the manifest is left to the caller.
        manifest: Of the bundle.
        pictures: To fit to, and to judge by.
        cut: What to do.
        limits: What it may cost.

    Returns:
        The manifest of what the files are now. Its quality figures, of the longer vectors, are
        gone.

    Raises:
        GateError: It costs more than it may.
        ExportError: There are no so many dimensions to leave out, or the pictures are too few.
    """
    tiers = manifest.image.tiers
    default = folder / tiers[0].file
    session = Embedder(default)
    before = session.embed(pictures.gate.pixels)
    matrix = fit(session.embed(pictures.spare), cut)
    changed = [tier.file for tier in tiers] + ([manifest.text.file] if manifest.text else [])
    for file in changed:
        shorten(folder / file, matrix)
    after = Embedder(default).embed(pictures.gate.pixels)
    figures = quality(before, after, pictures.gate.labels)
    if found := losses(figures, limits):
        raise GateError(
            f"{cut.dim} of {manifest.dim} dimensions are refused: {'; '.join(found)} "
            f"({cut.method}: {describe_quality(figures)})"
        )
    calibration = manifest.calibration
    return manifest.model_copy(
        update={
            "dim": cut.dim,
            "files": manifest.files | {file: file_digest(folder / file) for file in changed},
            "calibration": calibration and recalibrated(calibration, before, after),
            "quality": {},
            "truncation": Truncation(
                **figures.model_dump(), method=cut.method, of_dim=manifest.dim
            ),
        }
    )


def fit(vectors: Vectors, cut: Cut) -> NDArray[np.float16]:
    """Return the (before, after) matrix that shortens vectors.

    Args:
        vectors: (n, before) of unit length; `pca` needs as many as dimensions after.
        cut: What to do.

    Raises:
        ExportError: There are no so many dimensions to leave out, or the pictures are too few.
    """
    (n, before), dim = vectors.shape, cut.dim
    if not 2 <= dim < before:
        raise ExportError(
            f"--dim is from 2 to {before - 1}, since the bundle has {before}: not {dim}"
        )
    if cut.method == "prefix":
        return np.eye(before, dim, dtype=np.float16)
    if n < dim:
        raise ExportError(
            f"pca to {dim} dimensions needs at least {dim} pictures besides those that judge it, "
            f"not {n}: take a larger sample, or --truncate prefix"
        )
    _, _, directions = np.linalg.svd(vectors, full_matrices=False)
    # A direction and its opposite serve alike: the largest component decides, for equal bytes.
    first = directions[:dim]
    signs = np.sign(first[np.arange(dim), np.abs(first).argmax(axis=1)])
    matrix: NDArray[np.float16] = (first * signs[:, None]).T.astype(np.float16)
    return matrix


def shorten(file: Path, matrix: NDArray[np.float16]) -> None:
    """Rewrite a graph so that its `embedding` is shortened; weights beside it stay as they are."""
    model = onnx.load(file, load_external_data=False)
    graph = model.graph
    for node in graph.node:
        node.input[:] = [_WHOLE if name == "embedding" else name for name in node.input]
        node.output[:] = [_WHOLE if name == "embedding" else name for name in node.output]
    (output,) = [value for value in graph.output if value.name == "embedding"]
    output.type.tensor_type.shape.dim[1].dim_value = matrix.shape[1]
    _append(model, matrix)
    save(model, file)


def _append(model: ModelProto, matrix: NDArray[np.float16]) -> None:
    constants: dict[str, NDArray[Any]] = {
        "truncation.fp16": matrix,
        "truncation.axes": np.array([-1], dtype=np.int64),
        "truncation.least": np.array(_LEAST_LENGTH, dtype=np.float32),
    }
    for name, value in constants.items():
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    made, cut, length, safe = (f"truncation{end}" for end in ("", ".cut", ".length", ".safe"))
    model.graph.node.extend(
        [
            helper.make_node("Cast", ["truncation.fp16"], [made], made, to=TensorProto.FLOAT),
            helper.make_node("MatMul", [_WHOLE, made], [cut], cut),
            helper.make_node("ReduceL2", [cut, "truncation.axes"], [length], length, keepdims=1),
            helper.make_node("Max", [length, "truncation.least"], [safe], safe),
            helper.make_node("Div", [cut, safe], ["embedding"], "truncation.div"),
        ]
    )


def recalibrated(
    calibration: dict[str, float], before: Vectors, after: Vectors
) -> dict[str, float]:
    """Carry P(same product) over to the cosines of shortened vectors.

    Near pairs decide it: over each picture's ten nearest, cosines before are fitted as a line of
    those after, and the line is put into the curve.

    Args:
        calibration: `slope` and `intercept` of the logistic curve over cosines before.
        before: (n, dim) of unit length.
        after: (n, fewer) of the same pictures.
    """
    n = len(before)
    rows = np.arange(n)[:, None]
    near = nearest(before, min(10, n - 1))
    old = (before[rows] * before[near]).sum(axis=2).ravel()
    new = (after[rows] * after[near]).sum(axis=2).ravel()
    gain, shift = np.polyfit(new, old, 1)
    slope, intercept = calibration["slope"], calibration["intercept"]
    return {"slope": float(slope * gain), "intercept": float(intercept + slope * shift)}
