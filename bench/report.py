"""Figures beside what was asked of them: a Markdown table for people, JSON for the rest."""

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from service.core.cores import core_count

_TOLD = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8", "amx_bf16")
"""Flags of a processor that decide how fast int8 and bf16 are."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    Attributes:
        asked: The aim in words; empty where the figure is only told.
        met: Whether the aim is reached; None without one.
    """

    what: str
    measured: str
    asked: str = ""
    met: bool | None = None


def markdown(figures: Sequence[Figure]) -> str:
    """Return the figures as a table."""
    said = {True: "met", False: "MISSED", None: ""}
    rows = [f"| {f.what} | {f.measured} | {f.asked} | {said[f.met]} |" for f in figures]
    return "\n".join(["| what | measured | asked | |", "|---|---|---|---|", *rows])


def say(what: str) -> None:
    """Tell of progress, on stderr."""
    print(f"bench: {what}", file=sys.stderr, flush=True)


def tell(report: Mapping[str, object], figures: Sequence[Figure]) -> None:
    """Print a report as JSON, and its figures as a table on stderr."""
    print(json.dumps(report, indent=2))
    print(markdown(figures), file=sys.stderr)


def machine() -> dict[str, object]:
    """Describe where the figures come from."""
    name, flags = _processor()
    return {
        "processor": name,
        "instructions": [flag for flag in _TOLD if flag in flags],
        "cores": core_count(),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
    }


def _processor() -> tuple[str, set[str]]:
    """Name and flags, as Linux tells them."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine(), set()
    told = dict(line.split(":", 1) for line in lines if ":" in line)
    values = {name.strip(): value.strip() for name, value in told.items()}
    return values.get("model name", platform.machine()), set(values.get("flags", "").split())
