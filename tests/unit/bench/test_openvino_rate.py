import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from support.hand_made_bundle import hue_bundle


@pytest.mark.skipif(
    "OpenVINOExecutionProvider" in onnxruntime.get_available_providers(),
    reason="this environment has OpenVINO",
)
def test_an_environment_without_openvino_is_named(tmp_path: Path) -> None:
    np.save(tmp_path / "pictures.npy", np.zeros((8, 48, 48, 3), np.uint8))
    graph = hue_bundle(tmp_path / "hue") / "image.onnx"
    arguments = [graph, graph, tmp_path / "pictures.npy"]
    command = [sys.executable, "-m", "bench.openvino_rate", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "has no OpenVINOExecutionProvider" in last
    assert sys.prefix in last
