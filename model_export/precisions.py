"""A tier's graph at fewer bits: file -> folded float32 graph -> int8 or float16 graph.

    int8   dynamic       products of matrices: activations scaled as they come, no calibration
           dynamic-conv  the same, and convolutions at scales calibrated on pictures
           static        products and convolutions at calibrated scales
    fp16   half          weights and arithmetic, for GPUs

Weights have a scale per output channel. Which recipe is fastest depends on the processor, which
loses least on the model: `model_export.gate` measures, nobody guesses.
"""

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import ModelProto, NodeProto, TensorProto, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)

from model_export.bundle import ExportError
from model_export.half_precision import to_half
from service.core.types import Pixels

Recipe = Callable[[ModelProto, Pixels], ModelProto]
"""(float32 graph, pictures to calibrate on) -> a graph with the same inputs and outputs."""

PRECISIONS = ("int8", "fp16")
PRODUCTS = ("MatMul", "Gemm")
CALIBRATION_BATCH = 8
_MOST_BYTES = 2**31 - 2**20  # what protobuf holds in one message, and room for the nodes
_PREPARED = "onnx.quant.pre_process"  # tells onnxruntime.quantization not to ask for preparation


def float_graph(file: Path) -> ModelProto:
    """Read a graph with its weights, in float32 and with constants folded.

    Weights may lie beside the file or behind a Cast from 16 bits (docs/adr/0004).

    Raises:
        ExportError: It cannot be loaded, or is too large to be held in one message.
    """
    stored = onnx.load(file, load_external_data=False)
    size = sum(4 * int(np.prod(tensor.dims)) for tensor in stored.graph.initializer)
    if size > _MOST_BYTES:
        raise ExportError(
            f"{file.name} holds {size / 1e9:.1f} GB in float32; variants are made of graphs "
            f"of at most {_MOST_BYTES / 1e9:.1f} GB"
        )
    try:
        with _made() as folded:
            _fold(onnx.load(file), folded)
            model = onnx.load(folded)
    except Exception as exc:  # what ONNX and ONNX Runtime raise has no common name
        raise ExportError(f"{file} cannot be loaded: {str(exc).splitlines()[0]}") from exc
    return _tidied(model)


def dynamic(model: ModelProto, pictures: Pixels) -> ModelProto:
    """Products in int8, activations scaled at run time by the extremes of the whole batch.

    A picture's vector therefore depends a little on those it is embedded with.
    """
    del pictures
    return _dynamic(model)


def dynamic_conv(model: ModelProto, pictures: Pixels) -> ModelProto:
    """As `dynamic`, and convolutions at calibrated scales."""
    return _dynamic(_static(model, pictures, convolutional(model)))


def static(model: ModelProto, pictures: Pixels) -> ModelProto:
    """Products and convolutions at calibrated scales, products handing on float32."""
    products = [node.name for node in _wide_products(model)]
    return _static(model, pictures, [*products, *convolutional(model)])


def half(model: ModelProto, pictures: Pixels) -> ModelProto:
    """Weights and arithmetic in float16, but the end of the graph: a vector is of unit length."""
    del pictures
    return _tidied(to_half(model, kept={node.name for node in _narrow(model)}))


def half_emulated(model: ModelProto, pictures: Pixels) -> ModelProto:
    """What `half` makes of a vector on a GPU, computed on a CPU."""
    del pictures
    kept = {node.name for node in _narrow(model)}
    return _tidied(to_half(model, kept, emulated=True))


def check_precision(precision: str) -> None:
    """Refuse what no file is made for.

    Raises:
        ExportError: With what to do instead.
    """
    if precision == "bf16":
        raise ExportError(
            "bf16 needs no file: OpenVINO computes any fp32 tier so where the processor can; "
            "`vitrine-export verify` says whether this one does"
        )
    if precision not in PRECISIONS:
        raise ExportError(f"no precision {precision!r}; choose {' or '.join(PRECISIONS)}")


def recipes(precision: str, model: ModelProto) -> Mapping[str, Recipe]:
    """Return what is worth trying on a graph for a precision of `PRECISIONS`, by name."""
    if precision == "fp16":
        return {"half": half}
    tried: dict[str, Recipe] = {"dynamic": dynamic, "static": static}
    return tried | ({"dynamic-conv": dynamic_conv} if convolutional(model) else {})


def convolutional(model: ModelProto) -> list[str]:
    """Name the convolutions worth eight bits, and the ReLUs that read them.

    Those that stride stay in floats: they cut patches, or read the few channels of pixels. With
    them in eight bits too, the top 10 of 800 fashion pictures agreed by 98.3 % in place of 98.9 %,
    for a tenth of the time.
    """
    dense = {
        output: node.name
        for node in model.graph.node
        if node.op_type == "Conv" and not _strides(node)
        for output in node.output
    }
    relus = [node for node in model.graph.node if node.op_type == "Relu" and node.input[0] in dense]
    return [*dense.values(), *(node.name for node in relus)]


def _strides(node: NodeProto) -> bool:
    strides = [list(entry.ints) for entry in node.attribute if entry.name == "strides"]
    return any(step > 1 for steps in strides for step in steps)


def _fold(model: ModelProto, folded: Path) -> None:
    """Write a graph as ONNX Runtime simplifies it for any machine, in standard operators."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(folded)
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _dynamic(model: ModelProto) -> ModelProto:
    with _made() as file:
        quantize_dynamic(
            _prepared(model),
            file,
            op_types_to_quantize=list(PRODUCTS),
            nodes_to_quantize=[node.name for node in _wide_products(model)],
            per_channel=True,
            weight_type=QuantType.QInt8,
            extra_options={"MatMulConstBOnly": True, "DefaultTensorType": TensorProto.FLOAT},
        )
        return _tidied(onnx.load(file))


def _static(model: ModelProto, pictures: Pixels, nodes: Sequence[str]) -> ModelProto:
    with _made() as file:
        quantize_static(
            _prepared(model),
            file,
            _Batches(model.graph.input[0].name, pictures),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=[*PRODUCTS, "Conv", "Relu"],
            nodes_to_quantize=list(nodes),
            per_channel=True,
            # The pair that AVX512-VNNI and AMX multiply; signed activations are half as fast.
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={
                "MatMulConstBOnly": True,
                "OpTypesToExcludeOutputQuantization": list(PRODUCTS),
            },
        )
        return _tidied(onnx.load(file))


class _Batches(CalibrationDataReader):  # type: ignore[misc]  # comes without types
    """Pictures in the batches that calibration runs."""

    def __init__(self, name: str, pictures: Pixels) -> None:
        self._batches: Iterator[dict[str, Pixels]] = (
            {name: pictures[start : start + CALIBRATION_BATCH]}
            for start in range(0, len(pictures), CALIBRATION_BATCH)
        )

    def get_next(self) -> dict[str, Pixels] | None:
        """Return the next batch, None after the last."""
        return next(self._batches, None)


def _wide_products(model: ModelProto) -> list[NodeProto]:
    """Products of many rows a picture with a constant.

    What is left out is the last linear map and the heads: they cost nothing, and the vector is
    what they make it.
    """
    constants = {tensor.name for tensor in model.graph.initializer}
    narrow = {node.name for node in _narrow(model)}
    return [
        node
        for node in model.graph.node
        if node.op_type in PRODUCTS and node.input[1] in constants and node.name not in narrow
    ]


def _narrow(model: ModelProto) -> list[NodeProto]:
    """Nodes that make a single row a picture of a single row: the end of the graph."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    ranks = {
        value.name: len(value.type.tensor_type.shape.dim)
        for value in (*graph.value_info, *graph.output)
        if value.type.tensor_type.HasField("shape")
    }
    return [node for node in model.graph.node if node.input and ranks.get(node.input[0]) == 2]


def _prepared(model: ModelProto) -> ModelProto:
    copy = ModelProto()
    copy.CopyFrom(model)
    copy.metadata_props.add(key=_PREPARED, value="onnxruntime.quant")
    return copy


def _tidied(model: ModelProto) -> ModelProto:
    """Leave the graph alone: no notes, no stale shapes, no domains it does not use."""
    del model.graph.value_info[:]
    del model.metadata_props[:]
    used = {node.domain for node in model.graph.node}
    kept = [opset for opset in model.opset_import if opset.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    for tensor in model.graph.initializer:
        if not tensor.raw_data:  # where `shared_weights` looks for bytes
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name))
    return model


@contextmanager
def _made() -> Iterator[Path]:
    """Give a file to write; the quantisers' advice on how else to use them is not passed on."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder) / "made.onnx"
    finally:
        logging.disable(level)
