"""CUDA must have a kernel for every operator of a tier of floats, or there is no CUDA graph of it.

ONNX Runtime takes an operator to the CPU if its CUDA kernel was registered for another version of
the operator than the model's, which a newer opset can make of any.
"""

import onnx
import pytest

from service.adapters.bundles import read_bundle
from service.settings import DEFAULT_BUNDLE

KERNELS = {
    ("Add", 14), ("Cast", 23), ("Clip", 13), ("Concat", 13), ("Conv", 22), ("Div", 14),
    ("Expand", 13), ("Gather", 13), ("Gelu", 20), ("Gemm", 13), ("LayerNormalization", 17),
    ("MatMul", 13), ("Mul", 14), ("ReduceL2", 18), ("ReduceMean", 18), ("Relu", 14),
    ("Reshape", 23), ("Shape", 23), ("Slice", 13), ("Softmax", 13), ("Squeeze", 23), ("Sub", 14),
    ("Transpose", 23), ("Unsqueeze", 23),
}  # fmt: skip
"""Of CUDA in docs/OperatorKernels.md of ONNX Runtime, by version of the operator."""
TIERS = [tier for tier in read_bundle(DEFAULT_BUNDLE).image.tiers if tier.precision != "int8"]


@pytest.mark.parametrize("file", [tier.file for tier in TIERS])
def test_cuda_has_a_kernel_for_each_operator_of_a_tier_of_floats(file: str) -> None:
    model = onnx.load(DEFAULT_BUNDLE / file, load_external_data=False)
    (opset,) = [found.version for found in model.opset_import if not found.domain]
    used = {
        (node.op_type, onnx.defs.get_schema(node.op_type, opset, node.domain).since_version)
        for node in model.graph.node
    }
    assert len(used) > 10
    assert used <= KERNELS
