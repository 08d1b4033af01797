"""`python -m bench.child COMMAND ...`: what a command costs, as JSON.

run -> this module as a small process -> the command -> its seconds and peak memory

A process that starts another counts its own memory as the other's peak until the other begins, so
that what starts the command must be small.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one command: wall time, and the most resident memory it held at once."""

    seconds: float
    megabytes: float


def run(command: Sequence[str]) -> Cost:
    """Run a command to its end.

    Raises:
        RuntimeError: It failed; with what it said.
    """
    whole = [sys.executable, "-m", "bench.child", *command]
    done = subprocess.run(whole, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr[-2000:]}")
    return Cost(**json.loads(done.stdout))


def peak_megabytes() -> float:
    """Return the most resident memory that this process held at once, since it began."""
    lines = Path("/proc/self/status").read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
    return round(int(kilobytes) / 1024, 1)


def _cost(command: Sequence[str]) -> Cost:
    start = time.perf_counter()
    done = subprocess.run(command, stdout=sys.stderr, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(done.returncode)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss  # kilobytes on Linux
    return Cost(seconds, peak * 1024 / 1e6)


if __name__ == "__main__":
    print(json.dumps(asdict(_cost(sys.argv[1:]))))
