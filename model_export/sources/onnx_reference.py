"""An ONNX file as it came: what the graph that is made of it must compute.

bytes -> numbers, by NumPy -> ONNX Runtime -> pooled and normalised, by NumPy
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from model_export.bundle import ExportError
from model_export.sources.recipe import Recipe

_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
}
_AS_BYTES = {"range": (0, 255), "mean": (0, 0, 0), "std": (1, 1, 1)}


class OnnxReference(nn.Module):
    """The file as it came, its pictures made and its vectors pooled by NumPy."""

    def __init__(self, session: ort.InferenceSession, recipe: Recipe, file: Path) -> None:
        """Check the session's input and output against the recipe.

        Raises:
            ExportError: They do not fit.
        """
        super().__init__()
        self.session = session
        self.recipe = recipe
        self.given = _picture_input(session, recipe, file)
        self.output = _vector_output(session, recipe, file)

    def forward(self, images: Tensor) -> Tensor:
        """(n, size, size, 3) uint8 -> (n, dim) float32 of unit length."""
        numbers = _numbers(images.numpy(), self.recipe).astype(_TYPES[self.given.type])
        (made,) = self.session.run([self.output.name], {self.given.name: numbers})
        vectors = _pooled(made.astype(np.float32), self.recipe)
        return torch.from_numpy(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _numbers(images: NDArray[np.uint8], recipe: Recipe) -> NDArray[np.float32]:
    low, high = recipe.range
    numbers: NDArray[Any] = images.astype(np.float32) / 255 * (high - low) + low
    if recipe.channels == "bgr":
        numbers = numbers[..., ::-1]
    mean, std = (np.asarray(three, dtype=np.float32) for three in (recipe.mean, recipe.std))
    numbers = ((numbers - mean) / std).astype(np.float32, copy=False)
    return numbers.transpose(0, 3, 1, 2) if recipe.layout == "nchw" else numbers


def _pooled(made: NDArray[np.float32], recipe: Recipe) -> NDArray[np.float32]:
    if recipe.pooling == "cls":
        made = made[:, 0]
    elif recipe.pooling == "gap":
        made = made[:, recipe.prefix :].mean(axis=1) if made.ndim == 3 else made.mean(axis=(2, 3))
    return made


def _picture_input(session: ort.InferenceSession, recipe: Recipe, file: Path) -> Any:
    inputs = session.get_inputs()
    if len(inputs) != 1:
        names = ", ".join(given.name for given in inputs)
        raise ExportError(f"{file} takes {len(inputs)} inputs ({names}); it should take pictures")
    (given,) = inputs
    if given.type not in _TYPES:
        raise ExportError(f"{file}: its input {given.name} is {given.type}, which no pictures are")
    batch, *rest = given.shape or [None]
    size = recipe.size
    expected = [3, size, size] if recipe.layout == "nchw" else [size, size, 3]
    fits = len(rest) == 3 and all(
        not isinstance(has, int) or has == wanted
        for has, wanted in zip(rest, expected, strict=True)
    )
    if not fits:
        raise ExportError(
            f"{file}: its input {given.name} has the shape {given.shape}; the recipe says "
            f"{recipe.layout} of {size} pixels, which is [n, {', '.join(map(str, expected))}]"
        )
    if isinstance(batch, int):
        raise ExportError(
            f"{file} takes batches of {batch} only: export it again with a dynamic first dimension"
        )
    if given.type == "tensor(uint8)" and not _leaves_bytes(recipe):
        raise ExportError(
            f"{file} takes bytes, so its recipe should say range: [0, 255], mean: [0, 0, 0] and "
            "std: [1, 1, 1]"
        )
    return given


def _may_be(has: int | str | None, wanted: int) -> bool:
    return has == wanted or not isinstance(has, int)


def _leaves_bytes(recipe: Recipe) -> bool:
    return all(getattr(recipe, field) == value for field, value in _AS_BYTES.items())


def _vector_output(session: ort.InferenceSession, recipe: Recipe, file: Path) -> Any:
    outputs = {output.name: output for output in session.get_outputs()}
    if recipe.output is None and len(outputs) > 1:
        raise ExportError(f"{file} has the outputs {', '.join(outputs)}: name one as output")
    name = recipe.output or next(iter(outputs))
    if name not in outputs:
        raise ExportError(f"{file} has no output {name}; it has {', '.join(outputs)}")
    output = outputs[name]
    rank = len(output.shape or [])
    ranks = {"none": (2,), "cls": (3,), "gap": (3, 4)}[recipe.pooling]
    if rank not in ranks:
        raise ExportError(
            f"{file}: its output {name} has the shape {output.shape}, which pooling: "
            f"{recipe.pooling} cannot make one vector of: none takes [n, width], cls "
            "[n, tokens, width], gap that or [n, width, h, w]"
        )
    return output
