from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model_export.bundle import ExportError
from model_export.sample import read_sample
from service.core.errors import CatalogSourceError
from support.pictures import encoded, photo

KINDS = ("Shoes", "Bags", "NA")


def picture(number: int) -> bytes:
    return encoded(photo(24, 18, seed=number), "PNG")


def catalogue(path: Path, pictures: list[bytes], first: int = 0) -> Path:
    numbers = range(first, first + len(pictures))
    columns = {
        "sku": [f"p-{i}" for i in numbers],
        "kind": [KINDS[i % 3] for i in numbers],
        "colour": [None if i % 2 else "Red" for i in numbers],
        "image": [{"bytes": data, "path": None} for data in pictures],
    }
    pq.write_table(pa.table(columns), path)
    return path


def test_pictures_come_with_their_labels(tmp_path: Path) -> None:
    pictures = [picture(i) for i in range(6)]
    source = catalogue(tmp_path / "shop.parquet", pictures)
    sample = read_sample([source], count=10, mapping={"category": "kind"})
    label = dict(zip(sample.images, sample.labels, strict=True))
    expected = ["Shoes", "Bags", None, "Shoes", "Bags", None]  # NA is no label
    assert label == dict(zip(pictures, expected, strict=True))


def test_any_column_gives_labels(tmp_path: Path) -> None:
    source = catalogue(tmp_path / "shop.parquet", [picture(i) for i in range(4)])
    sample = read_sample([source], count=4, label="colour")
    assert Counter(sample.labels) == {"Red": 2, None: 2}


def test_several_sources_are_one_sample(tmp_path: Path) -> None:
    one = catalogue(tmp_path / "one.parquet", [picture(i) for i in range(3)])
    two = catalogue(tmp_path / "two.parquet", [picture(i) for i in range(3, 8)], first=3)
    sample = read_sample([one, two], count=8)
    assert set(sample.images) == {picture(i) for i in range(8)}


def test_a_seed_gives_one_sample_and_another_seed_another(tmp_path: Path) -> None:
    source = catalogue(tmp_path / "shop.parquet", [picture(i) for i in range(30)])
    one, again, other = (read_sample([source], count=8, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert set(one.images) != set(other.images)


def test_a_smaller_sample_is_the_beginning_of_a_larger(tmp_path: Path) -> None:
    source = catalogue(tmp_path / "shop.parquet", [picture(i) for i in range(20)])
    large = read_sample([source], count=12, seed=3)
    assert read_sample([source], count=5, seed=3).images == large.images[:5]


def test_every_sound_picture_is_as_likely_whatever_is_broken_before_it(tmp_path: Path) -> None:
    sound = [picture(i) for i in range(6)]
    broken = [data[:60] for data in sound]
    source = catalogue(tmp_path / "shop.parquet", broken + sound)
    drawn = Counter[bytes]()
    for seed in range(120):
        sample = read_sample([source], count=3, seed=seed)
        assert len(sample.images) == 3
        drawn.update(sample.images)
    # 60 each: a binomial's deviation is 5.5.
    assert set(drawn) == set(sound)
    assert min(drawn.values()) > 38
    assert max(drawn.values()) < 82


def test_folders_of_pictures_are_labelled_by_their_folders(tmp_path: Path) -> None:
    for kind in ("bags", "shoes"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "1.png").write_bytes(picture(len(kind)))
    sample = read_sample([tmp_path], count=9)
    assert Counter(sample.labels) == {"bags": 1, "shoes": 1}


def test_nothing_left_is_one_clear_error(tmp_path: Path) -> None:
    source = catalogue(tmp_path / "shop.parquet", [b"GIF89a...", b"", picture(1)[:30]])
    said = "shop.parquet: not one picture that can be decoded among 3 rows"
    with pytest.raises(ExportError, match=said):
        read_sample([source], count=3)


def test_a_label_that_no_row_has_is_named_with_those_there_are(tmp_path: Path) -> None:
    source = catalogue(tmp_path / "shop.parquet", [picture(i) for i in range(3)])
    with pytest.raises(ExportError, match=r"nothing is called 'kinds'.*category, colour,.* kind,"):
        read_sample([source], count=3, label="kinds")


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogSourceError, match=r"nowhere\.parquet: does not exist"):
        read_sample([tmp_path / "nowhere.parquet"], count=3)
