"""held_out(): the same rows on every machine, the asked share of them, none that changes sides."""

import pytest

from service.core.split import held_out

KEYS = [f"product-{i}" for i in range(5_000)]


def test_the_split_is_pinned() -> None:
    """Moving a row would let a trained model see what it is measured on."""
    assert [i for i in range(60) if held_out(f"product-{i}")] == [6, 7, 16, 20, 53, 55]


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5])
def test_the_share_is_kept(share: float) -> None:
    measured = sum(held_out(key, share) for key in KEYS) / len(KEYS)
    # Four standard deviations of a fair draw.
    assert measured == pytest.approx(share, abs=4 * (share * (1 - share) / len(KEYS)) ** 0.5)


def test_the_ends_hold_out_nothing_and_everything() -> None:
    assert not any(held_out(key, 0.0) for key in KEYS)
    assert all(held_out(key, 1.0) for key in KEYS)


def test_a_larger_share_only_adds_rows() -> None:
    small = {key for key in KEYS if held_out(key, 0.1)}
    large = {key for key in KEYS if held_out(key, 0.2)}
    assert small < large


def test_neighbouring_ids_are_independent() -> None:
    """Ids that differ in their last digit must not fall on one side together."""
    pairs = zip(KEYS[::2], KEYS[1::2], strict=True)
    both = sum(held_out(a, 0.5) and held_out(b, 0.5) for a, b in pairs)
    assert both / (len(KEYS) / 2) == pytest.approx(0.25, abs=0.04)
