"""Heads, matches and words against answers worked out by hand."""

from collections.abc import Sequence

import numpy as np
import pytest

from service.core.manifest import BundleManifest, Head
from service.core.preprocess import decode_for, preprocess
from service.core.types import Vectors
from support.fakes import FakeEncoder
from support.pictures import encoded, photo
from training.evaluate_heads import evaluate_heads, reporting_rows
from training.evaluate_matches import calibration_of, evaluate_matches
from training.evaluate_text import evaluate_text
from training.sources import Example, Source
from training.splits import calibration_half

CATEGORIES = ("Shirts", "Tops", "Bags")


def source(
    examples: Sequence[Example],
    name: str = "fashion-hires",
    stands_for: dict[str, dict[str, tuple[str, ...]]] | None = None,
) -> Source:
    return Source(name, 1.0, name, lambda: iter(examples), stands_for or {})


def reported_ids(count: int) -> list[str]:
    return [id for id in (f"p{i}" for i in range(400)) if not calibration_half(id)][:count]


def example(number: int, id: str, *, held_out: bool = True, **labels: str) -> Example:
    data = encoded(photo(32, 32, seed=number), "PNG")
    return Example(data, labels, {"title": f"title {number}"}, held_out, id)


class Told:
    """Answers by picture what it was told to."""

    provider = "cpu"
    bundle_digest = "told"

    def __init__(self, answers: dict[int, tuple[Sequence[float], Sequence[float]]]) -> None:
        manifest = FakeEncoder().manifest
        head = Head(output="head_category", name="category", labels=CATEGORIES)
        self.manifest: BundleManifest = manifest.model_copy(update={"heads": (head,)})
        spec = manifest.preprocess
        self._answers = {}
        for seed, answer in answers.items():
            data = encoded(photo(32, 32, seed=seed), "PNG")
            self._answers[preprocess(spec, decode_for(spec, data)).tobytes()] = answer

    def encode(self, images: np.ndarray) -> Vectors:
        return self.classify(images)[0]

    def classify(self, images: np.ndarray) -> tuple[Vectors, dict[str, np.ndarray]]:
        answers = [self._answers[image.tobytes()] for image in images]
        vectors = np.array([answer[0] for answer in answers], np.float32)
        return vectors, {"category": np.array([answer[1] for answer in answers], np.float32)}


class Words:
    """Each word has a direction."""

    def __init__(self, directions: dict[str, Sequence[float]]) -> None:
        self._directions = directions

    def encode(self, texts: Sequence[str]) -> Vectors:
        return np.array([self._directions[text] for text in texts], np.float32)


def test_the_halves_are_disjoint_and_about_equal() -> None:
    examples = [example(0, f"p{i}", held_out=i % 2 == 0) for i in range(200)]
    reported = {row.id for row in reporting_rows(source(examples))}
    held = {row.id for row in examples if row.held_out}
    calibrating = {id for id in held if calibration_half(id)}
    assert reported | calibrating == held
    assert not reported & calibrating
    assert 30 < len(reported) < 70
    assert len(list(reporting_rows(source(examples), limit=3))) == 3


def test_accuracy_and_calibration_error_of_a_head() -> None:
    ids = reported_ids(4)
    shop = source(
        [
            example(1, ids[0], category="Shirts"),
            example(2, ids[1], category="Bags"),
            example(3, ids[2], category="Hats"),
            example(4, ids[3], colour="Red"),
        ]
    )
    street = source(
        [example(5, ids[0], category="clothing Top")],
        "clothing",
        {"category": {"clothing Top": ("Tops", "Shirts")}},
    )
    nowhere = (1.0, 0.0)
    told = Told(
        {
            1: (nowhere, (0.9, 0.05, 0.05)),  # right
            2: (nowhere, (0.6, 0.2, 0.2)),  # wrong
            3: (nowhere, (0.1, 0.1, 0.8)),  # a label that the head does not have
            4: (nowhere, (0.4, 0.3, 0.3)),  # no label: not counted
            5: (nowhere, (0.7, 0.2, 0.1)),  # one of the two that it stands for
        }
    )
    (result,) = evaluate_heads([shop, street], {"best": told})
    assert (result.tier, result.head, result.unknown) == ("best", "category", 1)
    assert result.figures.rows == 4
    assert result.figures.accuracy == pytest.approx(2 / 4)
    # Each falls into a bin of its own: |1 - .9|, |0 - .6|, |0 - .8|, |1 - .7|.
    assert result.figures.ece == pytest.approx((0.1 + 0.6 + 0.8 + 0.3) / 4, abs=1e-6)
    assert result.by_source["clothing"].accuracy == 1
    assert result.by_source["fashion-hires"].accuracy == pytest.approx(1 / 3)


def test_matches_are_judged_by_the_curve() -> None:
    asking, _ = reported_ids(2)
    calibrating = next(id for id in (f"p{i}" for i in range(400)) if calibration_half(id))
    grocery = source(
        [
            example(1, asking, product="Milk"),
            example(2, calibrating, product="Milk"),
            example(3, "g1", held_out=False, product="Milk"),
            example(4, "g2", held_out=False, product="Juice"),
        ],
        "grocery",
    )
    flat = (1.0, 0.0, 0.0)
    told = Told({1: ((1, 0), flat), 3: ((1, 0), flat), 4: ((0, 1), flat)})
    # The calibrating row is not asked: `told` has no answer for it and would raise.
    result = evaluate_matches(grocery, told, (4.0, -2.0))
    assert result is not None
    assert (result.queries, result.pairs, result.same) == (1, 2, 0.5)
    sure, unsure = 1 / (1 + np.exp(-2.0)), 1 / (1 + np.exp(2.0))
    assert result.ece == pytest.approx((1 - sure + unsure) / 2)
    assert result.brier == pytest.approx(((1 - sure) ** 2 + unsure**2) / 2)
    assert evaluate_matches(source([]), told, (1.0, 0.0)) is None


def test_the_curve_is_the_manifest_s() -> None:
    manifest = FakeEncoder().manifest
    assert calibration_of(manifest) is None
    calibrated = manifest.model_copy(update={"calibration": {"slope": 2.0, "intercept": -1.0}})
    assert calibration_of(calibrated) == (2.0, -1.0)


def shop_of_shirts(red: int, blue: int) -> tuple[Source, Told]:
    colours = ["Red"] * red + ["Navy Blue"] * blue
    examples = [
        example(i, f"p{i}", category="Shirts", colour=colour) for i, colour in enumerate(colours)
    ]
    unlabelled = example(90, "p90", category="Shirts")
    trained_on = example(91, "p91", held_out=False, category="Shirts", colour="Red")
    directions = {"Red": (1.0, 0.0), "Navy Blue": (0.0, 1.0)}
    told = {i: (directions[colour], (1, 0, 0)) for i, colour in enumerate(colours)}
    return source([*examples, unlabelled, trained_on]), Told({**told, 90: ((-1, 0), (1, 0, 0))})


def test_words_find_what_they_say() -> None:
    shop, told = shop_of_shirts(red=12, blue=5)
    words = Words(
        {
            "red shirts": (1, 0),
            "navy blue shirts": (0, 1),
            "navy blue shirt men": (0.1, 1),
        }
    )
    result = evaluate_text([shop], told, words)
    assert result is not None
    assert (result.queries, result.gallery) == (2, 18)
    assert result.normalised == 1
    assert result.p10 == result.ceiling == pytest.approx((10 + 5) / 20)
    assert result.shown[0] == "Navy Blue, Shirts, title 12"
    backwards = Words(
        {"red shirts": (-1, 0), "navy blue shirts": (0, -1), "navy blue shirt men": (0, 1)}
    )
    worse = evaluate_text([shop], told, backwards)
    assert worse is not None
    assert worse.p10 < result.p10
    assert worse.ceiling == result.ceiling


def test_a_pair_needs_five_products_and_both_labels() -> None:
    shop, told = shop_of_shirts(red=4, blue=4)
    assert evaluate_text([shop], told, Words({})) is None
    other = Source("grocery", 1.0, "grocery", shop.examples)
    assert evaluate_text([other], told, Words({})) is None
