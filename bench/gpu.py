"""`python -m bench.gpu`: what needs an NVIDIA GPU, measured; JSON on stdout, tables on stderr.

encoder -> against ONNX Runtime alone, the decoder before it, one caller alone
index   -> each kind built by the GPU and by the CPU: seconds, recall, queries/s

A table is printed as soon as its part is done, and a part that fails does not hide the others. What
there is no GPU for is left out, and said, which is no failure but with `--require`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import traceback
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

Part = dict[str, Any]


def encoder_figures(found: Part) -> list[Figure]:
    """Return what was asked of the encoder; nothing of one that was not measured."""
    if _why_not(found):
        return []
    whole, least = found["whole_over_raw"]["median"], found["whole_over_least"]["median"]
    limited = found["limit"] == "decoder"
    said = f"{whole:.2f} x; the {found['limit']} alone does least, of which {least:.2f} x"
    met = whole >= 0.9 or (limited and least >= 0.9)
    asked = ">= 0.9 x, or the decoder the limit"
    alone, p50 = found["encoder_over_raw"]["median"], found["alone_p50_ms"]
    waited = f"{p50['decode_and_encode']} ms, of which encoding {p50['encode']} ms"
    return [
        Figure("images/s, decoding included, over raw", said, asked, met),
        Figure("images/s of the encoder alone over raw", f"{alone:.2f} x"),
        Figure("p50 of one caller alone", waited),
    ]


def index_figures(kind: str, both: Part) -> list[Figure]:
    """Return what was asked of one kind of index; nothing of one that was not measured."""
    if _why_not(both):
        return []
    cpu, gpu = both["cpu"], both["gpu"]
    said = f"{gpu['recall']:.3f} (CPU's {cpu['recall']:.3f})"
    met = gpu["recall"] >= cpu["recall"] - 0.01 and gpu["built_on"] == "gpu"
    rate = f"{both['over_cpu_built']['median']:.2f} x"
    took = f"{gpu['seconds']} s (CPU {cpu['seconds']} s)"
    return [
        Figure(f"recall@10 of {kind} by the GPU", said, "as the CPU's, or 0.01 less", met),
        Figure(f"queries/s of {kind} by the GPU over the CPU's", rate),
        Figure(f"build of {kind} by the GPU, sweep included", took),
    ]


def measure(given: argparse.Namespace, folder: Path) -> Part:
    """Measure what there is a GPU for, and print it; the rest says why not."""
    report: Part = {"machine": {**machine(), "gpus": _gpus()}}
    if given.only != "index":

        def encoder() -> Part:
            options = {"rounds": given.rounds, "seconds": given.seconds}
            return gpu_encoder.measure(given.bundle, given.provider, folder, **options)

        found = report["encoder"] = _or_why_not(encoder)
        _print("encoder", found, encoder_figures(found))
    if given.only != "encoder":
        report["index"] = {}
        for kind in given.kinds:

            def index(kind: str = kind) -> Part:
                use_gpu(BuildOn.GPU)
                return gpu_index.measure(given.rows, kind, folder / kind)

            both = report["index"][kind] = _or_why_not(index)
            _print(f"index {kind}", both, index_figures(kind, both))
    return report


def _print(part: str, found: Part, figures: list[Figure]) -> None:
    if "skipped" in found:
        say(f"no GPU for the {part}, which is not measured: {found['skipped']}")
    elif "failed" in found:
        say(f"the {part} failed: {found['failed']}")
    else:
        print(markdown(figures), file=sys.stderr, flush=True)


def _why_not(found: Part) -> bool:
    return "skipped" in found or "failed" in found


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


def _or_why_not(part: Callable[[], Part]) -> Part:
    try:
        return part()
    except (ProviderUnavailableError, IndexChoiceError) as exc:
        return {"skipped": str(exc)}
    except (Exception, SystemExit) as exc:  # noqa: BLE001 - of a device anything may fail, and the rest be right
        traceback.print_exc()
        return {"failed": f"{type(exc).__name__}: {exc}"}


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line; raises SystemExit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("encoder", "index"), help="leave the other out")
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
    parts = [report.get("encoder", {}), *report.get("index", {}).values()]
    failed = any("failed" in part for part in parts)
    if failed or (given.require and any("skipped" in part for part in parts)):
        sys.exit(1)


if __name__ == "__main__":
    main()
