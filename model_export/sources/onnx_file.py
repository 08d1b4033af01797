"""A bare ONNX file and its recipe to a `Foreign`.

file -> checked (one picture input, a free batch, the recipe's size)
     -> images -> numbers -> the graph as it is -> pooled -> unit vectors      (`around`)
"""

from pathlib import Path

import onnx
import onnxruntime as ort
import torch
from google.protobuf.message import DecodeError
from onnx import ModelProto
from onnx.external_data_helper import ExternalDataInfo, uses_external_data

from model_export.bundle import ExportError
from model_export.foreign import Foreign, PictureSide
from model_export.sources.onnx_around import around
from model_export.sources.onnx_reference import OnnxReference
from model_export.sources.recipe import Recipe, read_recipe

OLDEST_OPSET = 13


def read_onnx(file: Path, recipe_file: Path | None = None) -> Foreign:
    """Read an ONNX file.

    Args:
        file: With its external data beside it, if it has any.
        recipe_file: Its YAML, if not beside it under the same name.

    Raises:
        ExportError: It is no ONNX file, incomplete, not what its recipe says, or of a fixed batch.
    """
    recipe = read_recipe(file, recipe_file)
    model = _load(file)
    session = _session(file)
    reference = OnnxReference(session, recipe, file)
    shape = reference.output.shape
    dim = _width(reference, recipe, file)
    wrapped = around(model, recipe, reference.given, reference.output.name, len(shape), dim)
    patch = recipe.patch
    return Foreign(
        name=file.stem,
        licence=recipe.licence,
        pictures=PictureSide(
            graph=reference,
            spec=recipe.spec(),
            patch=patch,
            tokens=(recipe.size // patch) ** 2 if patch else None,
            model=wrapped,
        ),
    )


def _load(file: Path) -> ModelProto:
    try:
        model = onnx.load(file, load_external_data=False)
    except (OSError, DecodeError, ValueError) as exc:
        raise ExportError(f"{file} cannot be read as an ONNX model: {exc}") from exc
    if not model.graph.node or not model.opset_import:
        raise ExportError(f"{file} is not an ONNX model: it holds no graph")
    outside = [t for t in model.graph.initializer if uses_external_data(t)]
    for name in sorted({ExternalDataInfo(tensor).location for tensor in outside}):
        if not (file.parent / name).is_file():
            raise ExportError(
                f"{file} keeps weights in {name}, which is not beside it: copy both files"
            )
    opset = next((o.version for o in model.opset_import if not o.domain), 0)
    if opset < OLDEST_OPSET:
        raise ExportError(
            f"{file} is of opset {opset}, {OLDEST_OPSET} or later is needed: export it again, or "
            "convert it with onnx.version_converter"
        )
    try:
        onnx.load_external_data_for_model(model, str(file.parent))
    except (OSError, ValueError, onnx.checker.ValidationError) as exc:
        raise ExportError(f"{file}: its weights cannot be read: {exc}") from exc
    return model


def _session(file: Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    except Exception as exc:  # what ONNX Runtime raises has no name of its own
        reason = str(exc).splitlines()[0]
        raise ExportError(f"{file} cannot be run by ONNX Runtime: {reason}") from exc


def _width(reference: OnnxReference, recipe: Recipe, file: Path) -> int:
    """Return the dimensions of a vector; two pictures at once are run, as a bundle must."""
    pictures = torch.zeros((2, recipe.size, recipe.size, 3), dtype=torch.uint8)
    try:
        return int(reference(pictures).shape[1])
    except Exception as exc:  # as in _session
        reason = str(exc).splitlines()[0]
        raise ExportError(f"{file} cannot be run on two pictures at once: {reason}") from exc
