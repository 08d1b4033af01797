"""Teachers to learn embeddings from: any ONNX graph or bundle, or one of our own checkpoints.

    bundle folder | graph.onnx | checkpoint.pt -> Teacher: float views -> (b, dim) unit vectors

A teacher sees the student's own view, resized to what it takes.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from torch import Tensor
from torch.nn import functional as F

from service.adapters.bundles import read_bundle
from training import checkpoint as checkpoints
from training.labels import DataError
from training.vit import ViT

Teacher = Callable[[Tensor], Tensor]
"""(b, 3, h, w) float32 in -1..1 -> (b, dim) float32 unit vectors."""


def load_teacher(path: Path) -> tuple[Teacher, int]:
    """Return a teacher and the width of its vectors.

    A graph takes either (n, h, w, 3) uint8, as a bundle's do, or (n, 3, h, w) floats in -1..1, and
    its first output is the vector.

    Raises:
        CheckpointError: A checkpoint that cannot be read.
        BundleError: A bundle that is damaged.
        DataError: Nothing that can teach, and why.
    """
    if path.suffix == ".pt":
        return _torch_teacher(path)
    if path.is_dir():
        manifest = read_bundle(path)
        return _onnx_teacher(path / manifest.image.tiers[0].file)
    return _onnx_teacher(path)


def _torch_teacher(path: Path) -> tuple[Teacher, int]:
    state = checkpoints.load(path)
    tower = ViT(state.config.model).eval()
    tower.load_state_dict(state.ema)
    size, patch = state.config.model.size, state.config.tiers[0]

    def teach(views: Tensor) -> Tensor:
        with torch.inference_mode():
            vectors: Tensor = tower.to(views.device)(_resized(views, size), patch)
        return vectors.clone()

    return teach, state.config.model.dim


def _onnx_teacher(path: Path) -> tuple[Teacher, int]:
    try:
        session = ort.InferenceSession(path, providers=ort.get_available_providers())
    except Exception as exc:
        first_line = str(exc).splitlines()[0]
        raise DataError(f"{path} cannot teach: not an ONNX graph ({first_line})") from exc
    picture, output = session.get_inputs()[0], session.get_outputs()[0]
    last_is_channel = picture.shape[-1] == 3
    size = picture.shape[1] if last_is_channel else picture.shape[-1]
    if len(picture.shape) != 4 or not all(isinstance(n, int) for n in (size, output.shape[-1])):
        raise DataError(
            f"{path} cannot teach: its input {picture.shape} and output {output.shape} should be "
            "pictures of a fixed size and vectors of a fixed width"
        )

    def teach(views: Tensor) -> Tensor:
        pictures = _resized(views.cpu(), size)
        if picture.type == "tensor(uint8)":
            pictures = ((pictures + 1) * 127.5).round().clamp(0, 255).byte()
        if last_is_channel:
            pictures = pictures.permute(0, 2, 3, 1)
        feed = {picture.name: np.ascontiguousarray(pictures.numpy())}
        vectors = torch.from_numpy(session.run([output.name], feed)[0]).to(views.device)
        return F.normalize(vectors.float().flatten(1), dim=-1)

    return teach, output.shape[-1]


def _resized(views: Tensor, size: int) -> Tensor:
    """Show a teacher of another resolution the same crop."""
    if views.shape[-1] == size:
        return views
    return F.interpolate(
        views, size=(size, size), mode="bilinear", antialias=True, align_corners=False
    )
