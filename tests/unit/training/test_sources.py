import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.adapters.evaluation_tasks import read_tasks
from service.core.manifest import PreprocessSpec
from service.core.split import held_out
from support.pictures import encoded, photo
from support.tiny_run import NO_WEAK_LABELS
from training.batches import make_pools
from training.corpus import load_corpus, vocabularies_of
from training.sources import (
    TASKS_FILE,
    Example,
    Reading,
    catalogue_source,
    demo_source,
    photo_sources,
)

SHARED = Path(__file__).parents[3].parent / "shared" / "data"
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
Row = Mapping[str, object]


def write(path: Path, rows: list[Row]) -> None:
    """A Parquet file as the shared data has it; every picture spells its row."""
    images = [{"bytes": f"{path.stem} {i}".encode(), "path": f"{i}.jpg"} for i in range(len(rows))]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    table = pa.table(columns).append_column("image", pa.array(images, IMAGE))
    pq.write_table(table, path)


def fashion_row(number: int, **changes: object) -> Row:
    return {
        "id": f"f-{number}",
        "title": "A thing",
        "gender": "Women",
        "master_category": "Apparel",
        "sub_category": "Topwear",
        "article_type": "Dresses",
        "base_colour": "Navy Blue",
        "season": "Summer",
        "year": 2012,
        "usage": "Casual",
        **changes,
    }


def clothing_row(number: int, **changes: object) -> Row:
    row = {"id": f"c-{number}", "sender": f"s-{number // 4}", "label": "Dress", "kids": False}
    return {**row, **changes}


def grocery_row(number: int, **changes: object) -> Row:
    return {
        "id": f"g-{number}",
        "kind": "photo",
        "split": "train",
        "product": "Oatly-Milk",
        "coarse": "Oat-Milk",
        "department": "Dairy",
        "description": None,
        **changes,
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "fashion-hires.parquet", [fashion_row(i) for i in range(60)])
    write(tmp_path / "fashion-lowres.parquet", [fashion_row(i) for i in range(60, 120)])
    write(tmp_path / "clothing.parquet", [clothing_row(i) for i in range(120)])
    splits = ["catalog", "train", "val"] * 4
    rows = [grocery_row(i, split=split) for i, split in enumerate(splits)]
    write(tmp_path / "grocery.parquet", rows)
    return tmp_path


def read(folder: Path) -> dict[str, list[Example]]:
    return {source.name: list(source.examples()) for source in photo_sources(folder)}


def test_each_source_labels_what_it_knows(folder: Path) -> None:
    first = {name: examples[0] for name, examples in read(folder).items()}
    fashion = {
        "category": "Dresses",
        "colour": "Navy Blue",
        "audience": "Women",
        "usage": "Casual",
        "look": "Dresses, Navy Blue, Women",
    }
    assert first["fashion-hires"].labels == fashion
    assert first["fashion-lowres"].labels == fashion
    assert first["clothing"].labels == {"category": "clothing Dress"}
    assert first["grocery"].labels == {"category": "Oat-Milk", "product": "Oatly-Milk"}
    assert {name: e.data.decode() for name, e in first.items()} == {n: f"{n} 0" for n in first}


def test_weak_labels_may_read_a_title_and_not_the_answers(folder: Path) -> None:
    first = {name: examples[0] for name, examples in read(folder).items()}
    assert first["fashion-hires"].document == {"title": "A thing"}
    assert first["clothing"].document == {"label": "Dress"}
    assert first["grocery"].document == {
        "product": "Oatly-Milk",
        "coarse": "Oat-Milk",
        "department": "Dairy",
    }
    assert first["fashion-hires"].id == "f-0"


@pytest.mark.parametrize("nothing", [None, "", "NA"])
def test_what_a_catalogue_does_not_know_is_no_label(tmp_path: Path, nothing: str | None) -> None:
    rows = [fashion_row(0, base_colour=nothing), fashion_row(1, gender=nothing)]
    write(tmp_path / "fashion-hires.parquet", rows)
    (examples,) = read(tmp_path).values()
    assert [sorted(example.labels) for example in examples] == [
        ["audience", "category", "usage"],
        ["category", "colour", "usage"],
    ]


def test_a_shops_own_file_is_read_as_reindex_reads_it(tmp_path: Path) -> None:
    (tmp_path / "cap.png").write_bytes(encoded(photo(20, 20), "PNG"))
    lines = ["sku,name,kind,shade,image", "1,Red cap,Caps,Red,cap.png", "2,Lost,Caps,Blue,no.png"]
    (tmp_path / "shop.csv").write_text("\n".join(lines))
    tasks = {"category": "kind", "colour": "shade"}
    reading = Reading(tasks, columns={"id": "sku", "title": "name"})
    source = catalogue_source(tmp_path / "shop.csv", reading)
    examples = list(source.examples())
    assert [e.labels for e in examples] == [
        {"category": "Caps", "colour": "Red"},
        {"category": "Caps", "colour": "Blue"},
    ]
    assert [e.id for e in examples] == ["1", "2"]
    assert examples[0].document["title"] == "Red cap"
    # A picture that is not there is left to the decoder to leave out, as a broken one is.
    corpus = load_corpus(source, PreprocessSpec(size=16), tmp_path / "cache")
    assert list(corpus.ids) == ["1"]


def test_fashion_is_held_out_by_id_clothing_by_sender_grocery_by_split(folder: Path) -> None:
    by_name = {name: [e.held_out for e in examples] for name, examples in read(folder).items()}
    assert by_name["fashion-hires"] == [held_out(f"f-{i}") for i in range(60)]
    assert by_name["clothing"] == [held_out(f"s-{i // 4}") for i in range(120)]
    assert by_name["grocery"] == [False, False, True] * 4
    for name in ("fashion-hires", "fashion-lowres", "clothing"):
        assert 0 < sum(by_name[name]) < 0.3 * len(by_name[name])


def test_nothing_that_evaluation_asks_with_is_trained_on(folder: Path) -> None:
    # The other half of the split is `vitrine evaluate`'s: the two must never disagree.
    examples = [e for per_source in read(folder).values() for e in per_source]
    trained = {e.data for e in examples if not e.held_out}
    kept = {e.data for e in examples if e.held_out}
    tasks = {task.name: task for task in read_tasks(TASKS_FILE, folder)}
    for task in tasks.values():
        queries = {item.data for item in task.queries()}
        assert queries
        assert queries <= kept
        if task.name != "shelf":  # its gallery is what a shop would have: catalogue and train
            assert not {item.data for item in task.gallery()} & trained


def test_only_the_files_that_are_there_are_read(folder: Path) -> None:
    (folder / "clothing.parquet").unlink()
    names = [source.name for source in photo_sources(folder)]
    assert names == ["fashion-hires", "fashion-lowres", "grocery"]


def test_a_folder_without_photos_is_told_what_belongs_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as error:
        photo_sources(tmp_path)
    assert str(tmp_path) in str(error.value)
    for name in ("fashion-hires", "fashion-lowres", "clothing", "grocery"):
        assert f"{name}.parquet" in str(error.value)


def test_a_changed_file_changes_the_fingerprint(folder: Path) -> None:
    before = {source.name: source.fingerprint for source in photo_sources(folder)}
    write(folder / "clothing.parquet", [clothing_row(i) for i in range(200)])
    after = {source.name: source.fingerprint for source in photo_sources(folder)}
    assert {name for name in before if before[name] != after[name]} == {"clothing"}
    assert len(set(after.values())) == len(after)


def test_a_fingerprint_is_the_same_in_every_process(folder: Path) -> None:
    # Sets of strings are ordered anew in each: a cache that follows them is never found again.
    code = (
        "import sys; from pathlib import Path; from training.sources import photo_sources\n"
        "print([s.fingerprint for s in photo_sources(Path(sys.argv[1]))])"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code, str(folder)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1


def test_demo_views_of_a_product_share_its_label() -> None:
    source = demo_source(3, 2)
    examples = list(source.examples())
    products = [example.labels["product"] for example in examples]
    assert len(examples) == 6
    assert products[0::2] == products[1::2]
    assert len(set(products)) == 3
    assert len({example.data for example in examples}) == 6
    assert not any(example.held_out for example in examples)
    assert [e.data for e in source.examples()] == [e.data for e in examples]
    others = [demo_source(4, 2), demo_source(3, 3), demo_source(3, 2, seed=8)]
    assert source.fingerprint not in {other.fingerprint for other in others}


def test_a_street_label_does_not_swallow_the_article_type_of_the_same_name(tmp_path: Path) -> None:
    picture = {"bytes": encoded(photo(20, 20), "PNG"), "path": None}
    types = ["Shorts", "Boxers", "Lounge Shorts"]
    for name, rows in {
        "fashion-hires": [fashion_row(i, article_type=t) for i, t in enumerate(types)],
        "clothing": [clothing_row(0, label="Shorts")],
    }.items():
        columns = {column: [row[column] for row in rows] for column in rows[0]}
        table = pa.table({**columns, "image": pa.array([picture] * len(rows), IMAGE)})
        pq.write_table(table, tmp_path / f"{name}.parquet")
    spec = PreprocessSpec(size=16)
    fashion, street = (load_corpus(s, spec, tmp_path / "cache") for s in photo_sources(tmp_path))
    vocabularies = vocabularies_of([fashion, street])
    pools = make_pools([fashion, street], vocabularies, NO_WEAK_LABELS, balanced=False)
    column = list(vocabularies).index("category")
    allowed = vocabularies["category"].allowed
    assert allowed[pools[0].labels[:, column]].sum(axis=1).tolist() == [1, 1, 1]
    (street_label,) = pools[1].labels[:, column]
    assert allowed[street_label].sum() == 3


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real photos are not on this machine")
def test_kinds_cover_the_real_street_labels_with_article_types_that_exist() -> None:
    types: set[str] = set()
    for name in ("fashion-hires", "fashion-lowres"):
        table = pq.read_table(SHARED / f"{name}.parquet", columns=["article_type"])
        types |= set(table["article_type"].to_pylist())
    labels = pq.read_table(SHARED / "clothing.parquet", columns=["label"])["label"].to_pylist()
    (clothing,) = [s for s in photo_sources(SHARED) if s.name == "clothing"]
    meanings = clothing.stands_for["category"]
    assert set(meanings) == {f"clothing {label}" for label in labels}
    assert {t for covered in meanings.values() for t in covered} <= types
