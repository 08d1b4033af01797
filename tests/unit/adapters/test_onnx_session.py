import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from service.adapters.onnx_session import PROVIDERS, open_session, provider_options
from service.adapters.processor import BF16, processor_flags
from support.tiny_bundle import noise


@pytest.mark.parametrize("flag", BF16)
def test_openvino_is_asked_for_the_bits_that_the_processor_multiplies(flag: str) -> None:
    told = json.loads(provider_options("openvino", ("sse", flag))["load_config"])
    assert told == {"CPU": {"INFERENCE_PRECISION_HINT": "bf16"}}


def test_nothing_else_is_asked_for() -> None:
    assert provider_options("openvino", ("sse", "avx512_vnni")) == {}
    assert provider_options("cpu", BF16, threads=2, lanes=2) == {}
    assert provider_options("cuda", BF16, threads=2, lanes=2) == {}


@pytest.mark.parametrize(
    ("threads", "lanes", "told"),
    [
        (3, 1, {"INFERENCE_NUM_THREADS": "3"}),
        (None, 2, {"NUM_STREAMS": "2"}),
        (3, 2, {"INFERENCE_NUM_THREADS": "6", "NUM_STREAMS": "2"}),
    ],
)
def test_openvino_divides_all_its_threads_among_the_runs_at_once(
    threads: int | None, lanes: int, told: dict[str, str]
) -> None:
    options = provider_options("openvino", (), threads=threads, lanes=lanes)
    assert json.loads(options["load_config"]) == {"CPU": told}


@pytest.mark.skipif(
    PROVIDERS["openvino"] not in ort.get_available_providers(), reason="no OpenVINO here"
)
def test_openvino_embeds_as_the_cpu_does_in_the_bits_it_was_asked_for(tiny: Path) -> None:
    vectors = [
        open_session(tiny / "image-12.onnx", provider=provider, threads=1, spinning=False).run(
            ["embedding"], {"images": noise(5)}
        )[0]
        for provider in ("cpu", "openvino")
    ]
    difference = float(np.abs(vectors[0] - vectors[1]).max())
    assert (vectors[0] * vectors[1]).sum(axis=1).min() > 0.999
    assert (difference > 1e-5) == bool(processor_flags() & set(BF16))
