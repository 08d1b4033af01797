"""`python -m bench.gpu`: what needs an NVIDIA GPU, measured; JSON on stdout, a table on stderr.

encoder -> against ONNX Runtime alone, the decoder before it, one caller alone
index   -> built by the GPU and by the CPU: seconds, recall, queries/s

What there is no GPU for is left out, and said, which is no failure but with `--require`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from bench import gpu_encoder, gpu_index
from bench.report import Figure, machine, markdown, say
from service.adapters.faiss_gpu import use_gpu
from service.core.errors import IndexChoiceError, ProviderUnavailableError
from service.core.index_choice import BuildOn
from service.settings import DEFAULT_BUNDLE


def figures(report: dict[str, Any]) -> list[Figure]:
    """Return what was asked of the parts that were measured."""
    rows = []
    encoder, index = report["encoder"], report["index"]
    if "skipped" not in encoder:
        whole, least = encoder["whole_over_raw"]["median"], encoder["whole_over_least"]["median"]
        limited = encoder["limit"] == "decoder"
        said = f"{whole:.2f} x; the {encoder['limit']} alone does least, of which {least:.2f} x"
        met = whole >= 0.9 or (limited and least >= 0.9)
        asked = ">= 0.9 x, or the decoder the limit"
        rows.append(Figure("images/s, decoding included, over raw", said, asked, met))
        alone = encoder["encoder_over_raw"]["median"]
        rows.append(Figure("images/s of the encoder alone over raw", f"{alone:.2f} x"))
        p50 = encoder["alone_p50_ms"]
        said = f"{p50['decode_and_encode']} ms, of which encoding {p50['encode']} ms"
        rows.append(Figure("p50 of one caller alone", said))
    for kind, both in index.items() if "skipped" not in index else ():
        cpu, gpu = both["cpu"], both["gpu"]
        said = f"{gpu['recall']:.3f} (CPU's {cpu['recall']:.3f})"
        met = gpu["recall"] >= cpu["recall"] - 0.01 and gpu["built_on"] == "gpu"
        rows.append(
            Figure(f"recall@10 of {kind} by the GPU", said, "as the CPU's, or 0.01 less", met)
        )
        said = f"{both['over_cpu_built']['median']:.2f} x"
        rows.append(Figure(f"queries/s of {kind} by the GPU over the CPU's", said))
        said = f"{gpu['seconds']} s (CPU {cpu['seconds']} s)"
        rows.append(Figure(f"build of {kind} by the GPU, sweep included", said))
    return rows


def measure(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Measure what there is a GPU for; the rest says why not."""

    def encoder() -> dict[str, Any]:
        options = {"rounds": given.rounds, "seconds": given.seconds}
        return gpu_encoder.measure(given.bundle, given.provider, folder, **options)

    def index() -> dict[str, Any]:
        use_gpu(BuildOn.GPU)
        return gpu_index.measure(given.rows, given.kinds, folder)

    return {
        "machine": {**machine(), "gpus": _gpus()},
        "encoder": _or_why_not(encoder),
        "index": _or_why_not(index),
    }


def _gpus() -> list[str]:
    """Return name, memory and driver of every GPU, as the driver's own command lists them."""
    asked = "--query-gpu=name,memory.total,driver_version"
    try:
        done = subprocess.run(
            ["nvidia-smi", asked, "--format=csv,noheader"],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return []
    return done.stdout.splitlines() if not done.returncode else []


def _or_why_not(part: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return part()
    except (ProviderUnavailableError, IndexChoiceError) as exc:
        return {"skipped": str(exc)}


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line; raises SystemExit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=DEFAULT_BUNDLE)
    parser.add_argument("--provider", choices=("cuda", "tensorrt"), default="cuda")
    parser.add_argument("--rows", type=int, default=1_000_000, help="vectors of an index")
    parser.add_argument("--kinds", nargs="+", default=list(gpu_index.KINDS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of a round")
    parser.add_argument("--require", action="store_true", help="fail where anything is left out")
    return parser.parse_args(arguments)


def main() -> None:
    """Run and print."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    given = parsed()
    with tempfile.TemporaryDirectory() as name:
        report = measure(given, Path(name))
    json.dump(report, sys.stdout, indent=2)
    print()
    why = {
        part: report[part]["skipped"] for part in ("encoder", "index") if "skipped" in report[part]
    }
    for part, reason in why.items():
        say(f"no GPU for the {part}, which is not measured: {reason}")
    if len(why) < 2:
        print(markdown(figures(report)), file=sys.stderr)
    if why and given.require:
        sys.exit(1)


if __name__ == "__main__":
    main()
