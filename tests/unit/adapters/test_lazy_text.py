"""The text tower is loaded for the first words, once."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from service.adapters.lazy_text import LazyTextEncoder
from service.core.errors import BundleError
from service.core.types import Vectors


class Letters:
    """Satisfies `TextEncoder`."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        return np.array([[len(text), 1] for text in texts], np.float32)

    def count_tokens(self, texts: Sequence[str]) -> int:
        return sum(map(len, texts))


def test_nothing_is_loaded_before_there_are_words_and_then_once() -> None:
    loads: list[float] = []

    def load() -> Letters:
        loads.append(time.monotonic())
        return Letters()

    lazy = LazyTextEncoder(load)
    assert not loads
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: lazy.encode([text])[0, 0], ["a" * n for n in range(40)]))
    assert found == list(range(40))
    assert lazy.count_tokens(["ab", "c"]) == 3
    assert len(loads) == 1


def test_what_cannot_be_loaded_is_tried_again() -> None:
    answers = iter([BundleError("damaged"), Letters()])

    def load() -> Letters:
        answer = next(answers)
        if isinstance(answer, BundleError):
            raise answer
        return answer

    lazy = LazyTextEncoder(load)
    with pytest.raises(BundleError, match="damaged"):
        lazy.encode(["a"])
    assert lazy.encode(["abc"])[0, 0] == 3
