from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from service.core.manifest import PreprocessSpec
from service.core.preprocess import decode_for, preprocess
from support.pictures import encoded, photo
from training.corpus import data_digest, load_corpus
from training.labels import DataError
from training.sources import Example, Source

SPEC = PreprocessSpec(size=16)
GOOD = [encoded(photo(40 + i, 30, seed=i), "JPEG", quality=95) for i in range(3)]


def examples() -> Iterator[Example]:
    yield Example(GOOD[0], {"colour": "Red", "audience": "Men"}, {"title": "a red cap"}, id="a")
    yield Example(b"not a picture", {"colour": "Broken"})
    yield Example(GOOD[1], {"product": "milk"}, held_out=True, id="b")
    yield Example(GOOD[2][:200], {"colour": "Cut"}, held_out=True)
    yield Example(GOOD[2], {}, id="c")


def never() -> Iterator[Example]:
    raise AssertionError("a cached source was decoded again")


def interrupted() -> Iterator[Example]:
    yield Example(GOOD[0], {"colour": "Red"})
    raise KeyboardInterrupt


def source(examples=examples, fingerprint: str = "three-1") -> Source:  # type: ignore[no-untyped-def]
    return Source("three", 0.4, fingerprint, examples)


def test_pictures_are_what_a_query_would_be_and_broken_ones_are_left_out(tmp_path: Path) -> None:
    corpus = load_corpus(source(), SPEC, tmp_path)
    expected = np.stack([preprocess(SPEC, decode_for(SPEC, data)) for data in GOOD])
    np.testing.assert_array_equal(corpus.pixels, expected)
    assert corpus.held_out.tolist() == [False, True, False]
    assert corpus.labels == [{"colour": "Red", "audience": "Men"}, {"product": "milk"}, {}]
    assert corpus.documents == [{"title": "a red cap"}, {}, {}]
    assert corpus.ids == ["a", "b", "c"]
    assert corpus.training_rows().tolist() == [0, 2]
    assert (corpus.source.name, corpus.source.share) == ("three", 0.4)


def test_a_second_load_decodes_nothing(tmp_path: Path) -> None:
    first = load_corpus(source(), SPEC, tmp_path)
    second = load_corpus(source(never), SPEC, tmp_path)
    np.testing.assert_array_equal(first.pixels, second.pixels)
    np.testing.assert_array_equal(first.held_out, second.held_out)
    assert first.labels == second.labels
    assert first.documents == second.documents
    assert data_digest([first]) == data_digest([second])


@pytest.mark.parametrize(
    ("fingerprint", "spec"),
    [
        ("three-2", SPEC),
        ("three-1", PreprocessSpec(size=17)),
        ("three-1", PreprocessSpec(size=16, resize="pad")),
    ],
    ids=["other examples", "other size", "other resize"],
)
def test_what_changes_the_pictures_is_decoded_anew(
    tmp_path: Path, fingerprint: str, spec: PreprocessSpec
) -> None:
    load_corpus(source(), SPEC, tmp_path)
    with pytest.raises(AssertionError, match="decoded again"):
        load_corpus(source(never, fingerprint), spec, tmp_path)


def test_an_interrupted_build_leaves_nothing_and_the_next_starts_over(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        load_corpus(source(interrupted), SPEC, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert len(load_corpus(source(), SPEC, tmp_path).held_out) == 3


def test_what_a_killed_build_left_is_cleared(tmp_path: Path) -> None:
    remains = tmp_path / "three-1-squash16.building"
    remains.mkdir()
    (remains / "pixels.u8").write_bytes(b"half")
    assert len(load_corpus(source(), SPEC, tmp_path).held_out) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["three-1-squash16"]


def test_a_source_without_one_sound_picture_is_refused_by_name(tmp_path: Path) -> None:
    broken = source(lambda: iter([Example(b"", {"colour": "Red"})]))
    with pytest.raises(DataError, match="not one picture of 'three' can be decoded"):
        load_corpus(broken, SPEC, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_digest_of_the_data_follows_its_sources(tmp_path: Path) -> None:
    one = load_corpus(source(), SPEC, tmp_path)
    other = load_corpus(source(fingerprint="three-2"), SPEC, tmp_path)
    digests = {data_digest([one]), data_digest([other]), data_digest([one, other])}
    assert len(digests) == 3
