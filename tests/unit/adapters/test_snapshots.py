"""Versions on disk: whole or refused, current by one rename, old ones cleared away."""

import json
import os
import re
import resource
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from service.adapters import snapshot_files
from service.adapters.snapshots import SnapshotFolder
from service.core.centralize import centralized, nearest
from service.core.errors import IndexChoiceError, IndexCorruptError, StoreError
from service.core.index_choice import IndexChoice
from service.core.keys import bundle_digest
from service.core.manifest import SNAPSHOT_SCHEMA, Receipt
from service.core.types import Product
from support.fake_state import State
from support.fake_store import FakeProductStore, FakeView, fill
from support.fakes import fake_manifest

BUNDLE = fake_manifest()
FILES = (
    "index.faiss",
    "vectors.f16.npy",
    "products.arrow",
    "attributes.arrow",
    "product_rows.npy",
)
RECEIPT = Receipt(products=30, seen=30, embedded=30, reused=0, failed=0, removed=0, seconds=1)


@pytest.fixture(scope="module")
def view() -> FakeView:
    """Thirty products of a picture each."""
    vectors = np.random.default_rng(0).normal(size=(30, BUNDLE.dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    store = FakeProductStore()
    catalog = [(Product(id=f"p{i}"), [f"{i:064x}"]) for i in range(30)]
    images = {f"{i:064x}": v for i, v in enumerate(vectors)}
    fill(store, catalog, bundle_digest(BUNDLE), images)
    with store.view() as filled:
        return filled


@pytest.fixture
def snapshots(tmp_path: Path) -> SnapshotFolder:
    return SnapshotFolder(tmp_path)


@pytest.fixture
def publish(snapshots: SnapshotFolder, view: FakeView) -> Callable[[], int]:
    def build_and_promote() -> int:
        version = snapshots.build(view, BUNDLE, RECEIPT).manifest.version
        snapshots.promote(version)
        return version

    return build_and_promote


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_folder_holds_what_the_design_says(tmp_path: Path, publish: Callable[[], int]) -> None:
    publish()
    assert names(tmp_path) == ["CURRENT", "snapshots"]
    assert (tmp_path / "CURRENT").read_text() == "v000001\n"
    assert names(tmp_path / "snapshots/v000001") == sorted([*FILES, "manifest.json"])


def test_vectors_are_kept_as_half_floats_that_can_be_mapped(
    tmp_path: Path, publish: Callable[[], int], view: FakeView
) -> None:
    publish()
    found = np.load(tmp_path / "snapshots/v000001/vectors.f16.npy", mmap_mode="r")
    (rows,) = view.rows(bundle_digest(BUNDLE), 100)
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, rows.vectors.astype(np.float16))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("where", [0.0, 0.5, 1.0])
def test_a_flipped_bit_is_refused_and_the_file_named(
    tmp_path: Path,
    snapshots: SnapshotFolder,
    publish: Callable[[], int],
    name: str,
    where: float,
) -> None:
    publish()
    path = tmp_path / "snapshots/v000001" / name
    data = bytearray(path.read_bytes())
    data[int(where * (len(data) - 1))] ^= 1
    path.write_bytes(data)
    with pytest.raises(IndexCorruptError, match=re.escape(str(path))) as refused:
        snapshots.load(1)
    assert "vitrine reindex" in str(refused.value)


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
@pytest.mark.parametrize("damage", ["gone", "empty", "half", "a folder"])
def test_a_file_that_is_not_whole_is_refused_and_named(
    tmp_path: Path,
    snapshots: SnapshotFolder,
    publish: Callable[[], int],
    name: str,
    damage: str,
) -> None:
    publish()
    path = tmp_path / "snapshots/v000001" / name
    data = path.read_bytes()
    path.unlink()
    if damage == "a folder":
        path.mkdir()
    elif damage != "gone":
        path.write_bytes(data[: len(data) // 2] if damage == "half" else b"")
    with pytest.raises(IndexCorruptError, match=re.escape(str(path))):
        snapshots.load(1)


@pytest.mark.parametrize(
    "change",
    [
        {"rows": 29},
        {"products": 29},
        {"dim": 31},
        {"version": 2},
        {"files": {}},
        {"files": {"index.faiss": "0" * 64}},
        {"rows": "many"},
        {"unheard_of": 1},
    ],
    ids=str,
)
def test_a_manifest_that_contradicts_the_files_is_refused(
    tmp_path: Path,
    snapshots: SnapshotFolder,
    publish: Callable[[], int],
    change: dict[str, object],
) -> None:
    publish()
    rewrite_manifest(tmp_path, change)
    with pytest.raises(IndexCorruptError, match="v000001"):
        snapshots.load(1)


@pytest.mark.parametrize("schema", [SNAPSHOT_SCHEMA + 1, 1])
def test_a_manifest_of_another_vitrine_is_named_as_such(
    tmp_path: Path, snapshots: SnapshotFolder, publish: Callable[[], int], schema: int
) -> None:
    publish()
    rewrite_manifest(tmp_path, {"schema_version": schema, "something_new": True})
    expected = f"has schema {schema}, this Vitrine reads {SNAPSHOT_SCHEMA}: run `vitrine reindex`"
    with pytest.raises(IndexCorruptError, match=expected):
        snapshots.load(1)


def rewrite_manifest(data_dir: Path, change: dict[str, object]) -> None:
    path = data_dir / "snapshots/v000001/manifest.json"
    said = json.loads(path.read_text())
    del said["digest"]  # as one wrote them before there was one
    path.write_text(json.dumps({**said, **change}))


def test_a_manifest_is_its_own_witness(
    tmp_path: Path, snapshots: SnapshotFolder, publish: Callable[[], int]
) -> None:
    publish()
    path = tmp_path / "snapshots/v000001/manifest.json"
    path.write_text(path.read_text().replace('"target_recall": 0.95', '"target_recall": 0.35'))
    with pytest.raises(IndexCorruptError, match=r"manifest.json is damaged .* `vitrine reindex`"):
        snapshots.load(1)


@pytest.mark.parametrize("text", ["", "seven", "v", "\xff", "v0001x"])
def test_a_current_that_names_nothing_is_refused(
    tmp_path: Path, snapshots: SnapshotFolder, text: str
) -> None:
    (tmp_path / "CURRENT").write_bytes(text.encode("latin-1"))
    with pytest.raises(IndexCorruptError, match="CURRENT does not name a version"):
        snapshots.current()


def test_a_current_that_is_a_folder_is_refused(tmp_path: Path, snapshots: SnapshotFolder) -> None:
    (tmp_path / "CURRENT").mkdir()
    with pytest.raises(IndexCorruptError, match="CURRENT"):
        snapshots.current()


def test_a_reindex_mends_a_broken_current(
    tmp_path: Path, snapshots: SnapshotFolder, publish: Callable[[], int]
) -> None:
    publish()
    (tmp_path / "CURRENT").write_text("")
    assert publish() == 2
    assert snapshots.current() == 2


def test_what_a_killed_run_left_is_ignored_and_cleared(
    tmp_path: Path, snapshots: SnapshotFolder, publish: Callable[[], int]
) -> None:
    publish()
    left = tmp_path / "snapshots/.v000002.building"
    left.mkdir()
    (left / "index.faiss").write_bytes(b"half")
    (tmp_path / "CURRENT.tmp").write_text("v0000")
    assert snapshots.current() == 1
    assert len(snapshots.load(1).index) == 30
    assert publish() == 2
    assert names(tmp_path) == ["CURRENT", "snapshots"]
    assert names(tmp_path / "snapshots") == ["v000001", "v000002"]


def test_a_build_that_fails_leaves_nothing_behind(
    tmp_path: Path, snapshots: SnapshotFolder
) -> None:
    class Breaking(FakeView):
        def count_rows(self, bundle_digest: str) -> int:
            raise StoreError("the disk is gone")

    with pytest.raises(StoreError):
        snapshots.build(Breaking(State()), BUNDLE, RECEIPT)
    assert names(tmp_path / "snapshots") == []


def test_a_version_built_but_not_promoted_is_not_built_over(
    snapshots: SnapshotFolder, view: FakeView, publish: Callable[[], int]
) -> None:
    """As when a run is killed between the two."""
    publish()
    assert snapshots.build(view, BUNDLE, RECEIPT).manifest.version == 2
    assert publish() == 3
    assert snapshots.current() == 3


def test_three_versions_are_kept(
    tmp_path: Path, snapshots: SnapshotFolder, publish: Callable[[], int]
) -> None:
    for _ in range(5):
        publish()
    assert names(tmp_path / "snapshots") == ["v000003", "v000004", "v000005"]
    snapshots.promote(3)
    assert names(tmp_path / "snapshots") == ["v000003", "v000004", "v000005"]
    assert snapshots.current() == 3


def test_what_served_last_is_kept_though_newer_ones_never_served(
    snapshots: SnapshotFolder, view: FakeView, publish: Callable[[], int]
) -> None:
    """Refused by the gate, say; a rollback must find what it goes back to."""
    publish()
    for _ in range(4):
        snapshots.build(view, BUNDLE, RECEIPT)
    publish()
    assert [m.version for m in snapshots.manifests()] == [1, 6]
    assert snapshots.history() == (6, 1)
    assert snapshots.roll_back() == 1
    assert len(snapshots.load(1).index) == 30


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
def test_the_first_version_is_waited_for_and_those_after_it_give_way(
    tmp_path: Path, publish: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three busy processes beside a first load at the lowered priority held it up for 14 s."""

    def patience() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    def watched(path: Path) -> str | None:
        seen.append(patience())
        return digest(path)

    publish()
    seen: list[int] = []
    digest = snapshot_files._digest_or_none
    monkeypatch.setattr(snapshot_files, "_digest_or_none", watched)
    fresh = SnapshotFolder(tmp_path)
    fresh.load(1)
    assert set(seen) == {patience()}
    seen.clear()
    fresh.load(1)
    assert set(seen) == {max(15, patience())}


def test_pruning_forgets_what_it_removes(
    snapshots: SnapshotFolder, view: FakeView, publish: Callable[[], int]
) -> None:
    for _ in range(3):
        publish()
    snapshots.build(view, BUNDLE, RECEIPT)
    assert snapshots.prune(2) == [1, 4]
    assert snapshots.history() == (3, 2)
    assert snapshots.prune(2) == []


@pytest.mark.parametrize("kind", ["flat", "hnsw", "ivf", "ivf-rabitq", "binary", "IVF2,SQ4"])
def test_every_kind_says_what_it_is_worth_and_loads_with_its_search_point(
    snapshots: SnapshotFolder, view: FakeView, kind: str
) -> None:
    manifest = snapshots.build(view, BUNDLE, RECEIPT, IndexChoice(kind, 0.9)).manifest
    assert (manifest.index_kind, manifest.target_recall) == (kind, 0.9)
    assert manifest.chosen in manifest.operating_points
    assert manifest.chosen.recall >= 0.9
    assert manifest.bytes_per_vector > 0
    (rows,) = view.rows(bundle_digest(BUNDLE), 100)
    similarities, found = snapshots.load(1).index.search(rows.vectors, 1)
    np.testing.assert_allclose(similarities, 1, atol=3e-4)
    assert similarities.max() <= 1 + 1e-6
    np.testing.assert_array_equal(found[:, 0], np.arange(30))


@pytest.mark.parametrize("kind", ["flat", "hnsw", "ivf", "ivf-rabitq", "binary", "IVF2,SQ4"])
def test_every_kind_is_built_of_centralised_vectors_if_so_asked(
    tmp_path: Path, snapshots: SnapshotFolder, view: FakeView, kind: str
) -> None:
    plain = snapshots.build(view, BUNDLE, RECEIPT, IndexChoice(kind, 1.0))
    moved = snapshots.build(view, BUNDLE, RECEIPT, IndexChoice(kind, 1.0, centralize=4))
    assert (plain.manifest.centralize, moved.manifest.centralize) == (0, 4)
    every = np.arange(30)
    vectors = plain.vectors.take(every)
    expected = np.concatenate(list(centralized(nearest(vectors, 4), vectors.__getitem__)))
    assert np.abs(expected - vectors).max() > 0.1
    right = np.isclose(moved.vectors.take(every), expected, rtol=0, atol=1e-3).all(axis=1)
    # Signs may miss a neighbour: of the points that are as good, the one that is quickest is taken.
    assert right.mean() >= (0.7 if kind == "binary" else 1)
    similarities, found = moved.index.search(expected, 1)
    np.testing.assert_array_equal(found[:, 0], every)
    np.testing.assert_allclose(similarities, 1, atol=1e-3)
    assert names(tmp_path / "snapshots/v000002") == sorted([*FILES, "manifest.json"])


def test_neighbours_are_found_in_blocks_on_every_core(
    snapshots: SnapshotFolder, view: FakeView, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = np.arange(30)
    choice = IndexChoice("ivf", 1.0, centralize=3)
    whole = snapshots.build(view, BUNDLE, RECEIPT, choice).vectors.take(every)
    monkeypatch.setattr("service.adapters.centralizing._BLOCK", 7)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    parts = snapshots.build(view, BUNDLE, RECEIPT, choice).vectors.take(every)
    np.testing.assert_array_equal(parts, whole)


def test_one_picture_has_no_neighbours_to_be_centralised_with(snapshots: SnapshotFolder) -> None:
    single, digest = FakeProductStore(), bundle_digest(BUNDLE)
    vector = np.eye(1, BUNDLE.dim, dtype=np.float32)[0]
    fill(single, [(Product(id="p"), ["0" * 64])], digest, {"0" * 64: vector})
    for store in (single, FakeProductStore()):
        with store.view() as view:
            built = snapshots.build(view, BUNDLE, RECEIPT, IndexChoice(centralize=5))
        assert len(built.index) == built.manifest.rows == store.count_products()


def test_a_manifest_from_before_there_was_centralisation_or_a_gpu_is_of_neither(
    tmp_path: Path, snapshots: SnapshotFolder, publish: Callable[[], int]
) -> None:
    publish()
    path = tmp_path / "snapshots/v000001/manifest.json"
    said = json.loads(path.read_text())
    assert said["built_on"] == "cpu"
    del said["centralize"], said["built_on"], said["digest"]
    path.write_text(json.dumps(said))
    manifest = snapshots.load(1).manifest
    assert (manifest.centralize, manifest.built_on) == (0, "cpu")


@pytest.mark.parametrize("size", [100, 1000, 3000, 5000, 7000])
def test_a_disk_that_is_full_while_centralising_leaves_nothing(
    tmp_path: Path, snapshots: SnapshotFolder, view: FakeView, size: int
) -> None:
    choice = IndexChoice("flat", centralize=5)
    with files_of_at_most(size), suppress(StoreError):
        snapshots.build(view, BUNDLE, RECEIPT, choice)
    left = names(tmp_path / "snapshots")
    assert left in ([], ["v000001"])
    assert [snapshots.load(1).manifest.centralize for _ in left] == [5] * len(left)


def test_a_kind_that_cannot_be_built_leaves_nothing_behind(
    tmp_path: Path, snapshots: SnapshotFolder, view: FakeView
) -> None:
    with pytest.raises(IndexChoiceError, match="of 30 vectors cannot be built"):
        snapshots.build(view, BUNDLE, RECEIPT, IndexChoice("IVF64,Flat"))
    assert names(tmp_path / "snapshots") == []


def test_a_snapshot_outlives_its_folder(
    tmp_path: Path, snapshots: SnapshotFolder, publish: Callable[[], int]
) -> None:
    """A slow request may hold a version that is cleared away meanwhile."""
    publish()
    held = snapshots.load(1)
    for _ in range(3):
        publish()
    assert not (tmp_path / "snapshots/v000001").exists()
    assert list(held.product_ids) == [f"p{i}" for i in range(30)]


@pytest.mark.parametrize("name", ["v000001.bak", "v1-copy", "vanilla", "v", "notes.txt"])
def test_what_an_operator_puts_beside_is_left_alone(
    tmp_path: Path, publish: Callable[[], int], name: str
) -> None:
    (tmp_path / "snapshots" / name).mkdir(parents=True)
    assert publish() == 1
    assert (tmp_path / "snapshots" / name).exists()


def test_where_nothing_can_be_written_says_so(tmp_path: Path, view: FakeView) -> None:
    (tmp_path / "file").touch()
    blocked = SnapshotFolder(tmp_path / "file")
    with pytest.raises(StoreError, match="cannot be written"):
        blocked.build(view, BUNDLE, RECEIPT)
    with pytest.raises(StoreError, match="cannot be written"):
        blocked.promote(1)


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """As on a full disk, writing beyond fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [0, 1000, 2000, 3000, 4000, 5000, 6000])
def test_a_disk_that_is_full_leaves_the_old_serving_and_nothing_else(
    tmp_path: Path,
    snapshots: SnapshotFolder,
    view: FakeView,
    publish: Callable[[], int],
    size: int,
) -> None:
    """Whichever file it is that does not fit."""
    publish()
    sizes = [path.stat().st_size for path in (tmp_path / "snapshots/v000001").iterdir()]
    if size >= max(sizes):
        snapshots.build(view, BUNDLE, RECEIPT)
        return
    with files_of_at_most(size), pytest.raises(StoreError, match="cannot be written"):
        snapshots.build(view, BUNDLE, RECEIPT)
    with files_of_at_most(0), pytest.raises(StoreError, match="cannot be written"):
        snapshots.promote(1)
    assert names(tmp_path / "snapshots") == ["v000001"]
    assert snapshots.current() == 1
    assert len(snapshots.load(1).index) == 30
    assert publish() == 2


def test_products_are_those_in_the_index_and_not_those_of_the_run(
    snapshots: SnapshotFolder, view: FakeView
) -> None:
    """A run over part of a catalogue leaves the rest in the index."""
    partial = RECEIPT.model_copy(update={"products": 1})
    assert snapshots.build(view, BUNDLE, partial).manifest.products == 30
