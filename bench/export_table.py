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
    """The recipe that the gate takes, in figures; the others are in the JSON."""
    recipe = told["chosen"]
    gate = told["recipes"][recipe]
    rows = []
    for rate in gate["rates"]:
        before, after, least = rate["before"], rate["after"], LEAST_RATIO[str(rate["batch"])]
        what = f"int8 over fp32 of {name}, images/s, batch {rate['batch']}"
        measured = f"{after / before:.2f} x ({after:.1f} over {before:.1f})"
        rows.append(Figure(what, measured, f">= {least} x", after / before >= least))
    lost, margin = 0 - 100 * gate["p_at_1_change"], 196 * gate["p_at_1_error"]
    shared = 100 * gate["top10_agreement"]
    verdict = f"refuses {recipe}: {told['refused']}" if "refused" in told else f"takes {recipe}"
    return [
        *rows,
        Figure(
            f"points of P@1 lost by it over {gate['labelled']:,} pictures",
            f"{lost:.2f} ± {margin:.2f} of {100 * gate['p_at_1']:.1f}",
            f"<= {MOST_POINTS}",
            lost <= MOST_POINTS,
        ),
        Figure(
            "its cosine to fp32, mean and first percentile; top-10 agreement",
            f"{gate['cosine_mean']:.4f}, {gate['cosine_p1']:.4f}; {shared:.1f} %",
        ),
        Figure("what the gate says", verdict),
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
    return [*rows, Figure("its least cosine to fp32", f"{told['least_cosine']:.5f}")]
