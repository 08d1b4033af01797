"""What ONNX Runtime's providers on an NVIDIA GPU are told.

    cuda      -> CUDA
    tensorrt  -> TensorRT, and CUDA for what it cannot do

Names and defaults: onnxruntime.ai/docs/execution-providers, CUDA and TensorRT.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from service.core.buckets import SIZES

CUDA, TENSORRT = "CUDAExecutionProvider", "TensorrtExecutionProvider"
Chosen = list[tuple[str, dict[str, str]]]
"""Providers by falling preference, with their options."""


@dataclass(frozen=True, slots=True)
class GpuOptions:
    """How a session is to run on a GPU.

    Attributes:
        graphs: Whether CUDA records a run of each size once and replays it, which saves launching
            its hundreds of kernels one by one; every run must then be bound to fixed memory.
        engines: Where TensorRT keeps what it compiled, which takes minutes; None keeps nothing.
        inputs: Shape of every input, the batch left aside, by name; TensorRT compiles for these.
    """

    graphs: bool = False
    engines: Path | None = None
    inputs: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def chosen(self, provider: str) -> Chosen:
        """Return what `cuda` or `tensorrt` stands for."""
        cuda = (CUDA, self._cuda())
        return [cuda] if provider == "cuda" else [(TENSORRT, self._tensorrt()), cuda]

    def _cuda(self) -> dict[str, str]:
        return {
            # Asks cuDNN which convolution is likely quickest; by default it times all of them, for
            # every new size of batch, while a caller waits.
            "cudnn_conv_algo_search": "HEURISTIC",
            # ONNX Runtime's default, named since vectors depend on it: products of 10 bits'
            # fraction, sums in float32.
            "use_tf32": "1",
            # By default memory is taken in powers of two, which leaves less to build an index in.
            "arena_extend_strategy": "kSameAsRequested",
            "enable_cuda_graph": str(int(self.graphs)),
        }

    def _tensorrt(self) -> dict[str, str]:
        told: dict[str, str] = {}
        if self.engines is not None:
            folder = str(self.engines)
            told |= {"trt_engine_cache_enable": "True", "trt_engine_cache_path": folder}
            told |= {"trt_timing_cache_enable": "True", "trt_timing_cache_path": folder}
        if self.inputs:  # else it compiles anew for every size that it has not met
            bounds = {"min": SIZES[0], "opt": SIZES[-2], "max": SIZES[-1]}
            told |= {f"trt_profile_{name}_shapes": self._shapes(n) for name, n in bounds.items()}
        return told

    def _shapes(self, batch: int) -> str:
        """Write shapes as TensorRT reads them: `images:16x224x224x3`."""
        return ",".join(
            f"{name}:{'x'.join(str(side) for side in (batch, *shape))}"
            for name, shape in self.inputs.items()
        )


AS_IT_IS = GpuOptions()
"""For sessions that are run on what they are given."""
