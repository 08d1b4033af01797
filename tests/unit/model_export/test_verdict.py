"""The fastest candidate that loses little enough; what is refused is refused with its figures."""

import pytest

from model_export.verdict import (
    GateError,
    Limits,
    choose,
    complaints,
    describe,
    losses,
    speedup,
)
from service.core.gate import Gate, Quality, Rate


def gate(
    recipe: str = "dynamic",
    *,
    top10: float = 0.985,
    change: float | None = 0.001,
    speeds: tuple[float, ...] = (2.0, 2.0),
) -> Gate:
    labelled = {} if change is None else {"labelled": 900, "p_at_1": 0.7, "p_at_1_error": 0.002}
    rates = [Rate(batch=b, before=10, after=10 * x) for b, x in zip((1, 8), speeds, strict=False)]
    return Gate(
        of="best",
        recipe=recipe,
        pictures=1000,
        top10_agreement=top10,
        p_at_1_change=change,
        cosine_mean=0.99991,
        cosine_p1=0.9991,
        timed_on="cpu, 2 threads" if rates else "",
        rates=tuple(rates),
        **labelled,
    )


def test_the_fastest_of_those_that_pass_is_chosen() -> None:
    gates = {
        "quick": gate("quick", speeds=(4, 4), top10=0.97),
        "static": gate("static", speeds=(1.5, 2.5)),
        "dynamic": gate("dynamic", speeds=(2, 2)),
    }
    assert choose("best-int8", gates, Limits()).recipe == "dynamic"
    assert choose("best-int8", gates, Limits(top10_loss=0.03)).recipe == "quick"
    assert speedup(gates["static"]) == pytest.approx((1.5 * 2.5) ** 0.5)


@pytest.mark.parametrize(
    ("figures", "found"),
    [
        ({}, []),
        ({"change": -0.005}, []),
        ({"change": -0.0051}, ["P@1 loses 0.51 points of at most 0.5 (--max-quality-loss)"]),
        ({"change": None}, []),
        ({"top10": 0.98}, []),
        ({"top10": 0.9799}, ["2.01 % of the top 10 differ, of at most 2 % (--max-top10-loss)"]),
        (
            {"speeds": (2.0, 1.0)},
            ["it is not faster, at 10.0 -> 10.0 (1.00x) at batch 8 (--keep-slower takes it)"],
        ),
        ({"speeds": ()}, []),
    ],
)
def test_each_limit_is_held_to_itself(figures: dict[str, object], found: list[str]) -> None:
    assert complaints(gate(**figures), Limits()) == found


def test_a_slower_variant_may_be_kept_and_a_worse_one_may_not() -> None:
    limits = Limits(keep_slower=True)
    assert complaints(gate(speeds=(0.5, 0.5)), limits) == []
    assert len(complaints(gate(speeds=(0.5, 0.5), top10=0.5), limits)) == 1


def test_what_is_refused_is_one_line_of_the_candidate_that_comes_nearest() -> None:
    gates = {
        "quick": gate("quick", speeds=(4, 4), top10=0.9, change=-0.02),
        "static": gate("static", speeds=(0.5, 0.5)),
    }
    with pytest.raises(GateError) as refused:
        choose("best-int8", gates, Limits())
    assert str(refused.value) == (
        "best-int8 is refused: it is not faster, at 10.0 -> 5.0 (0.50x) at batch 1, "
        "10.0 -> 5.0 (0.50x) at batch 8 (--keep-slower takes it) (static: P@1 70.0 % +0.10 points "
        "(standard error 0.20) over 900 pictures, top-10 agreement 98.50 %, cosine 0.99991, 99 % "
        "over 0.99910; images/s 10.0 -> 5.0 (0.50x) at batch 1, 10.0 -> 5.0 (0.50x) at batch 8 on "
        "cpu, 2 threads)"
    )


def test_a_variant_of_no_candidates_is_refused() -> None:
    with pytest.raises(GateError, match="best-fp16 is refused: it makes vectors of no finite"):
        choose("best-fp16", {}, Limits())


def test_what_was_not_measured_is_said() -> None:
    line = describe(gate(change=None, speeds=()))
    assert "P@1 not measured without labels" in line
    assert line.endswith("not timed: this machine has no CUDA")


def test_a_truncation_is_held_to_the_same_losses() -> None:
    quality = Quality(pictures=100, top10_agreement=0.9)
    assert losses(quality, Limits()) == [
        "10.00 % of the top 10 differ, of at most 2 % (--max-top10-loss)"
    ]
    assert losses(quality, Limits(top10_loss=0.1)) == []
