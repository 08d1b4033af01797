from copy import deepcopy
from typing import Any

from bench.export_table import figures
from bench.report import Figure, machine, markdown

GATE = {
    "rates": [
        {"batch": 1, "before": 4.0, "after": 10.0},
        {"batch": 8, "before": 5.0, "after": 7.0},
    ],
    "cosine_mean": 0.99941,
    "cosine_p1": 0.998,
    "top10_agreement": 0.97,
    "labelled": 950,
    "p_at_1": 0.7,
    "p_at_1_change": -0.004,
    "p_at_1_error": 0.003,
}
INT8 = {"recipes": {"dynamic": GATE}, "chosen": "dynamic"}
BF16 = {"1": {"fp32": 4, "bf16": 9, "ratio": 2.25}, "8": {"fp32": 5, "bf16": 9, "ratio": 1.8}}
REPORT: dict[str, Any] = {
    "vit": {"size": 224, "width": 768, "depth": 12},
    "export": {"seconds": 80.4, "megabytes": 4100.0},
    "int8 vit": INT8,
    "int8 default": INT8 | {"refused": "5 % of the top 10 differ"},
    "bf16 vit": BF16 | {"least_cosine": 0.9991},
    "bf16 default": {"skipped": "no --openvino-python"},
}


def found(report: dict[str, Any], words: str) -> Figure:
    """The first that says so; the ViT comes before the default bundle."""
    return next(figure for figure in figures(report) if words in figure.what)


def test_every_figure_stands_beside_what_was_asked() -> None:
    assert found(REPORT, "export of a ViT of width 768") == Figure(
        "export of a ViT of width 768, depth 12, 224 px", "80 s", "< 120 s", met=True
    )
    assert found(REPORT, "peak memory").met is False
    fast, slow, *_ = [figure for figure in figures(REPORT) if "int8 over" in figure.what]
    assert (fast.measured, fast.asked, fast.met) == ("2.50 x (10.0 over 4.0)", ">= 1.8 x", True)
    assert (slow.measured, slow.asked, slow.met) == ("1.40 x (7.0 over 5.0)", ">= 1.5 x", False)
    lost = found(REPORT, "points of P@1 lost")
    assert (lost.measured, lost.asked, lost.met) == ("0.40 ± 0.59 of 70.0", "<= 0.5", True)


def test_a_gain_is_no_loss_and_more_than_half_a_point_is_missed() -> None:
    report = deepcopy(REPORT)
    gate = report["int8 vit"]["recipes"]["dynamic"]
    gate["p_at_1_change"] = 0.01
    assert found(report, "points of P@1 lost").met is True
    gate["p_at_1_change"] = -0.0051
    assert found(report, "points of P@1 lost").met is False


def test_what_was_not_measured_says_why() -> None:
    assert found(REPORT, "bf16 over ONNX Runtime fp32 of the default").measured == (
        "not measured: no --openvino-python"
    )


def test_the_gate_has_its_say() -> None:
    says = [figure.measured for figure in figures(REPORT) if figure.what == "what the gate says"]
    assert says == ["takes dynamic", "refuses dynamic: 5 % of the top 10 differ"]


def test_the_table_names_what_is_missed() -> None:
    lines = markdown(figures(REPORT)).splitlines()
    assert lines[:2] == ["| what | measured | asked | |", "|---|---|---|---|"]
    assert all(line.count("|") == 5 for line in lines)
    assert [line for line in lines if "MISSED" in line] == [
        line for line in lines if "4,100 MB" in line or "1.40 x" in line
    ]


def test_the_machine_is_described() -> None:
    told = machine()
    assert isinstance(told["cores"], int)
    assert told["cores"] >= 1
    assert told["processor"]
