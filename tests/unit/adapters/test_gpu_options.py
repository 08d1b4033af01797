"""What the providers of an NVIDIA GPU are told, to the letter of ONNX Runtime's documentation."""

from pathlib import Path

from service.adapters.gpu_options import GpuOptions

INPUTS = {"images": (96, 96, 3)}


def test_cuda_is_told_what_the_documentation_recommends_for_batches_of_several_sizes() -> None:
    ((name, told),) = GpuOptions(inputs=INPUTS).chosen("cuda")
    assert name == "CUDAExecutionProvider"
    assert told == {
        "cudnn_conv_algo_search": "HEURISTIC",
        "use_tf32": "1",
        "arena_extend_strategy": "kSameAsRequested",
        "enable_cuda_graph": "0",
    }
    ((_, graphs),) = GpuOptions(graphs=True).chosen("cuda")
    assert graphs == {**told, "enable_cuda_graph": "1"}


def test_tensorrt_compiles_for_all_sizes_at_once_keeps_it_and_leaves_the_rest_to_cuda() -> None:
    (name, told), (rest, _) = GpuOptions(engines=Path("/d/engines"), inputs=INPUTS).chosen(
        "tensorrt"
    )
    assert (name, rest) == ("TensorrtExecutionProvider", "CUDAExecutionProvider")
    assert told == {
        "trt_engine_cache_enable": "True",
        "trt_engine_cache_path": "/d/engines",
        "trt_timing_cache_enable": "True",
        "trt_timing_cache_path": "/d/engines",
        "trt_profile_min_shapes": "images:1x96x96x3",
        "trt_profile_opt_shapes": "images:16x96x96x3",
        "trt_profile_max_shapes": "images:32x96x96x3",
    }


def test_tensorrt_with_nowhere_to_keep_engines_keeps_none() -> None:
    (_, told), _ = GpuOptions().chosen("tensorrt")
    assert told == {}
