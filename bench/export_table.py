"""The report of `bench.export` as figures beside what was asked."""

from collections.abc import Mapping
from typing import Any

from bench.report import Figure

MOST_SECONDS, MOST_MEGABYTES = 120, 4000
LEAST_RATIO = {"1": 1.8, "8": 1.5}
MOST_POINTS = 0.5


def figures(report: Mapping[str, Any]) -> list[Figure]:
    """Return the figures, each as the report says or why it has none."""
    shape, models = report["vit"], ("vit", "default")
    names = {
        "vit": f"ViT of width {shape['width']}, depth {shape['depth']}, {shape['size']} px",
        "default": "the default bundle",
    }
    rows = _export(report["export"], names["vit"])
    for model in models:
        rows += _int8(report[f"int8 {model}"], names[model])
    for model in models:
        rows += _bf16(report[f"bf16 {model}"], names[model])
    return rows


def _export(cost: Mapping[str, float], name: str) -> list[Figure]:
    seconds, megabytes = cost["seconds"], cost["megabytes"]
    return [
        Figure(
            f"export of a {name}",
            f"{seconds:.0f} s",
            f"< {MOST_SECONDS} s",
            seconds < MOST_SECONDS,
        ),
        Figure(
            "its peak memory",
            f"{megabytes:,.0f} MB",
            f"< {MOST_MEGABYTES:,} MB",
            megabytes < MOST_MEGABYTES,
        ),
    ]


def _int8(told: Mapping[str, Any], name: str) -> list[Figure]:
    if "skipped" in told:
        return [Figure(f"int8 of {name}", f"not measured: {told['skipped']}")]
    rows = []
    for batch, rate in told["batches"].items():
        least = LEAST_RATIO[batch]
        measured = f"{rate['ratio']:.2f} x ({rate['int8']:.1f} over {rate['fp32']:.1f})"
        what = f"int8 over fp32 of {name}, images/s, batch {batch}"
        rows.append(Figure(what, measured, f">= {least} x", rate["ratio"] >= least))
    change = told["p1_change"]
    lost, margin = -100 * change["value"], 100 * change["margin"]
    cosine = told["cosine"]
    return [
        *rows,
        Figure(
            "points of P@1 lost by it",
            f"{lost:.2f} ± {margin:.2f} of {100 * told['p1']:.1f}",
            f"<= {MOST_POINTS}",
            lost <= MOST_POINTS,
        ),
        Figure(
            "its cosine to fp32: mean, first percentile; overlap of the nearest ten",
            f"{cosine['mean']:.4f}, {cosine['first_percentile']:.4f}; {told['overlap']:.3f}",
        ),
    ]


def _bf16(told: Mapping[str, Any], name: str) -> list[Figure]:
    what = f"OpenVINO bf16 over ONNX Runtime fp32 of {name}, images/s"
    if "skipped" in told:
        return [Figure(what, f"not measured: {told['skipped']}")]
    rows = [
        Figure(
            f"{what}, batch {batch}",
            f"{told[batch]['ratio']:.2f} x ({told[batch]['bf16']:.1f} over "
            f"{told[batch]['fp32']:.1f})",
        )
        for batch in LEAST_RATIO
    ]
    return [*rows, Figure("its least cosine to fp32", f"{told['least_cosine']:.4f}")]
