"""Golden queries: read with their pictures, or refused with the line named."""

from pathlib import Path

import pytest

from service.adapters.golden_file import read_golden
from service.core.errors import CatalogSourceError


def test_queries_are_read_with_pictures_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.jpg").write_bytes(b"a picture")
    path = tmp_path / "golden.jsonl"
    path.write_text('{"image": "photos/a.jpg", "expect": ["p1", "p2"]}\n\n')
    (query,) = read_golden(path)
    assert (query.name, query.data) == ("photos/a.jpg", b"a picture")
    assert query.expect == {"p1", "p2"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no golden queries"),
        ('{"image": "gone.jpg", "expect": ["p"]}', r"gone\.jpg cannot be read"),
        ('{"image": "a.jpg", "expect": []}', "line 1 is not of the form"),
        ('{"image": "a.jpg", "expect": ["p"], "k": 3}', "line 1 is not of the form"),
        ('\n{"image": "a.jpg"', "line 2 is not of the form"),
        ("7", "line 1 is not of the form"),
    ],
)
def test_what_is_no_golden_file_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "golden.jsonl").write_text(text)
    with pytest.raises(CatalogSourceError, match=words):
        read_golden(tmp_path / "golden.jsonl")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogSourceError, match=r"golden\.jsonl cannot be read"):
        read_golden(tmp_path / "golden.jsonl")
