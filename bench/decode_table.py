"""The report of `bench.decode` as figures beside what was asked."""

from collections.abc import Mapping
from typing import Any

from bench.report import Figure

LEAST_RATIO, LEAST_COSINE = 4.0, 0.995
_ASKED = "12 MP baseline"


def figures(report: Mapping[str, Any]) -> list[Figure]:
    """Return how much faster than Pillow's full decode each case is, and how near its vectors."""
    rows = []
    for name, case in report["cases"].items():
        low, high = case["ratio_quartiles"]
        ratio, cosine = case["ratio"], case["cosine_mean"]
        faster = f"{ratio:.2f} x ({low:.2f} to {high:.2f}; {case['ours_ms']:.1f} ms)"
        near = f"{cosine:.4f}, least {case['cosine_least']:.4f}"
        what = (f"decode + resize over Pillow's full one, {name}", f"cosine to it, mean, {name}")
        if name == _ASKED:
            rows.append(Figure(what[0], faster, f">= {LEAST_RATIO:g} x", ratio >= LEAST_RATIO))
            rows.append(Figure(what[1], near, f">= {LEAST_COSINE}", cosine >= LEAST_COSINE))
        else:
            rows += [Figure(what[0], faster), Figure(what[1], near)]
    return rows
