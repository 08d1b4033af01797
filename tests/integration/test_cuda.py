"""What needs a CUDA device: `make gpu-check`."""

import numpy as np
import onnxruntime as ort
import pytest

from service.adapters.onnx_encoder import OnnxEncoder
from service.settings import DEFAULT_BUNDLE

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        "CUDAExecutionProvider" not in ort.get_available_providers(),
        reason="no CUDA: the installed ONNX Runtime has no CUDAExecutionProvider",
    ),
]


def test_cuda_embeds_as_the_cpu_does() -> None:
    on_cuda, on_cpu = OnnxEncoder(DEFAULT_BUNDLE, provider="cuda"), OnnxEncoder(DEFAULT_BUNDLE)
    size = on_cpu.manifest.preprocess.size
    random = np.random.default_rng(0)
    for count in (1, 2, 7, 16):
        pixels = random.integers(0, 256, (count, size, size, 3), dtype=np.uint8)
        cosines = (on_cuda.encode(pixels) * on_cpu.encode(pixels)).sum(axis=1)
        assert cosines.min() > 0.999
    assert on_cuda.provider == "cuda"
