import numpy as np
import pytest

from training.labels import DataError, build_vocabulary


def test_labels_are_sorted_whatever_order_they_come_in() -> None:
    names = ["Shirts", "Jeans", "Caps", "Jeans", "Shirts", "Belts"]
    vocabulary = build_vocabulary(names)
    assert vocabulary.labels == vocabulary.classes == ("Belts", "Caps", "Jeans", "Shirts")
    np.testing.assert_array_equal(vocabulary.allowed, np.eye(4, dtype=bool))
    reordered = build_vocabulary(sorted(names, reverse=True))
    assert (reordered.labels, reordered.classes) == (vocabulary.labels, vocabulary.classes)


def test_an_alias_stands_for_the_classes_that_exist_and_is_none_itself() -> None:
    aliases = {"Pants": ("Jeans", "Trousers", "Leggings"), "Hat": ("Caps",)}
    vocabulary = build_vocabulary(["Pants", "Jeans", "Caps", "Trousers"], aliases)
    assert vocabulary.labels == ("Caps", "Jeans", "Pants", "Trousers")
    assert vocabulary.classes == ("Caps", "Jeans", "Trousers")
    assert vocabulary.allowed.tolist() == [
        [True, False, False],
        [False, True, False],
        [False, True, True],
        [False, False, True],
    ]


def test_an_alias_that_covers_nothing_is_named_with_what_it_wanted() -> None:
    with pytest.raises(DataError, match=r"'Hat' stands for Caps, Berets, none of which"):
        build_vocabulary(["Hat", "Jeans"], {"Hat": ("Caps", "Berets")})


def test_an_alias_that_nobody_uses_is_no_error() -> None:
    assert build_vocabulary(["Jeans"], {"Hat": ("Caps",)}).labels == ("Jeans",)


def test_no_labels_make_an_empty_vocabulary() -> None:
    vocabulary = build_vocabulary([])
    assert (vocabulary.labels, vocabulary.allowed.shape) == ((), (0, 0))


def test_labels_become_numbers_and_what_is_unknown_minus_one() -> None:
    vocabulary = build_vocabulary(["Red", "Blue"])
    assert vocabulary.numbers(["Red", None, "Blue", "Mauve"]).tolist() == [1, -1, 0, -1]
