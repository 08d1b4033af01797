"""`python -m bench.runtime`: what options of ONNX Runtime are worth on a CPU; prints JSON.

    graph of each tier -> a session an option, one thread -> runs in turn -> processor time

Processor time of one thread hardly depends on what else the machine does. `again` is a second
session of the options that are in use: what differs from them by no more than it does, is noise.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from bench.report import say
from service.adapters.bundles import read_bundle
from service.settings import DEFAULT_BUNDLE

_BATCHES = (1, 8)
_EXTENDED = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
_OPTIONS: Mapping[str, Callable[[Any], Any]] = {
    "in use": lambda options: None,
    "again": lambda options: None,
    "no arena": lambda options: setattr(options, "enable_cpu_mem_arena", False),
    "no memory pattern": lambda options: setattr(options, "enable_mem_pattern", False),
    "denormals as zero": lambda options: options.add_session_config_entry(
        "session.set_denormal_as_zero", "1"
    ),
    "no layout optimisations": lambda options: setattr(
        options, "graph_optimization_level", _EXTENDED
    ),
    "approximate GELU": lambda options: options.add_session_config_entry(
        "optimization.enable_gelu_approximation", "1"
    ),
    "no prepacking": lambda options: options.add_session_config_entry(
        "session.disable_prepacking", "1"
    ),
    "dynamic blocks": lambda options: options.add_session_config_entry(
        "session.dynamic_block_base", "4"
    ),
}


def measure(bundle: Path, rounds: int) -> dict[str, Any]:
    """Return by tier and batch the ms of what is in use, and what of it each option takes."""
    manifest = read_bundle(bundle)
    size = manifest.preprocess.size
    shape = (max(_BATCHES), size, size, 3)
    pictures = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    result: dict[str, Any] = {"onnxruntime": ort.__version__}
    for tier in manifest.image.tiers:
        say(f"{tier.name} ...")
        sessions = {name: _session(bundle / tier.file, change) for name, change in _OPTIONS.items()}
        result[tier.name or tier.file] = {
            str(batch): _shares(sessions, pictures[:batch], rounds) for batch in _BATCHES
        }
    return result


def _shares(sessions: Mapping[str, Any], pictures: Any, rounds: int) -> dict[str, float]:
    spent: dict[str, list[float]] = {name: [] for name in sessions}
    for _ in range(rounds):
        for name, session in sessions.items():
            session.run(["embedding"], {"images": pictures})  # others' weights are in the caches
            start = time.thread_time()
            session.run(["embedding"], {"images": pictures})
            spent[name].append(time.thread_time() - start)
    middle = {name: statistics.median(times) for name, times in spent.items()}
    in_use = middle.pop("in use")
    shares = {name: round(each / in_use, 3) for name, each in middle.items()}
    return {"in use, ms": round(1000 * in_use, 2), **shares}


def _session(file: Path, change: Callable[[Any], Any]) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    change(options)
    return ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--bundle", type=Path, default=DEFAULT_BUNDLE)
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.bundle, arguments.rounds), indent=2))
