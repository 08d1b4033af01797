"""`PYTHON -m bench.openvino_rate GRAPH PLAIN PICTURES.npy`: bf16 against float32.

Prints JSON. Runs in an environment of its own, since the wheels of ONNX Runtime overwrite each
other; it needs nothing there but onnxruntime-openvino and numpy. Both sides are of that runtime.
"""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from model_export.speed import images_per_second

Pictures = NDArray[np.uint8]

_BATCHES = (1, 8)
_ROUNDS = 10
_BF16 = {
    "device_type": "CPU",
    "load_config": json.dumps({"CPU": {"INFERENCE_PRECISION_HINT": "bf16"}}),
}


def measure(graph: Path, plain: Path, pictures: Pictures) -> dict[str, Any]:
    """Return images a second of both by batch size, their ratio, and the cosine between them.

    Args:
        graph: (n, size, size, 3) uint8 `images` -> `embedding`, in float32.
        plain: The same in operators that OpenVINO has.
        pictures: At least eight such.

    Raises:
        RuntimeError: OpenVINO is not in use after loading.
    """
    sessions = {
        "fp32": _session(graph, "CPUExecutionProvider", {}),
        "bf16": _session(plain, "OpenVINOExecutionProvider", _BF16),
    }
    result: dict[str, Any] = {"onnxruntime": ort.__version__}
    for batch in _BATCHES:
        runs = {name: partial(_run, s, pictures[:batch]) for name, s in sessions.items()}
        rates = images_per_second(runs, batch, _ROUNDS)
        result[str(batch)] = {**rates, "ratio": rates["bf16"] / rates["fp32"]}
    exact, coarse = (_run(session, pictures) for session in sessions.values())
    result["least_cosine"] = float((exact * coarse).sum(axis=1).min())
    return result


def _session(graph: Path, provider: str, options: dict[str, str]) -> Any:
    if provider not in ort.get_available_providers():
        raise RuntimeError(f"onnxruntime {ort.__version__} in {sys.prefix} has no {provider}")
    settings = ort.SessionOptions()
    settings.log_severity_level = 3
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(graph, settings, providers=[(provider, options)])
    if session.get_providers()[0] != provider:
        raise RuntimeError(f"{provider} is not in use: {session.get_providers()}")
    return session


def _run(session: Any, pictures: Pictures) -> Any:
    return session.run(["embedding"], {"images": pictures})[0]


if __name__ == "__main__":
    *graphs, pictures = sys.argv[1:]
    print(json.dumps(measure(*map(Path, graphs), np.load(pictures))))
