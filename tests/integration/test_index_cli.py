"""`vitrine index` and `reindex --index` as a shell sees them, under a server where it matters."""

import json
import shutil
from pathlib import Path

import pytest

from service.adapters.data_lock import writing_to
from service.settings import Settings
from support.live_server import (
    PRODUCTS,
    VIEWS,
    Shop,
    eventually,
    kept_up,
    serving,
    vitrine,
    vitrine_here,
)

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def _a_plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    for name in Settings.model_fields:
        monkeypatch.delenv(f"VITRINE_{name.upper()}", raising=False)


@pytest.fixture
def data_dir(shop: Shop, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shop.data_dir, tmp_path / "data"))


def reindex(shop: Shop, data_dir: Path, *options: object):
    return vitrine_here("reindex", shop.catalog, "--data-dir", data_dir, "--json", *options)


def index(command: str, data_dir: Path, *options: object):
    done = vitrine_here("index", command, *options, "--data-dir", data_dir, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def states(data_dir: Path) -> dict[int, str]:
    return {row["version"]: row["state"] for row in index("list", data_dir)}


def golden(path: Path, shop: Shop, expect: str) -> Path:
    (path / "photo.jpg").write_bytes(shop.picture(7))
    line = {"image": "photo.jpg", "expect": [expect]}
    (path / "golden.jsonl").write_text(json.dumps(line) + "\n")
    return path / "golden.jsonl"


def test_a_version_goes_live_back_and_live_again_under_searches(
    shop: Shop, data_dir: Path, tmp_path: Path
) -> None:
    with serving(data_dir, tmp_path) as server, server.client() as client:

        def search() -> int:
            body = client.post("/v1/search", files={"file": shop.picture(3)}, data={"limit": 5})
            assert body.status_code == 200, body.text
            assert body.json()["results"][0]["product_id"] == "demo-000003"
            version: int = body.json()["index"]["version"]
            return version

        with kept_up(search):
            assert reindex(shop, data_dir, "--index", "hnsw").returncode == 0
            eventually(lambda: search() == 2)
            assert vitrine("index", "rollback", "--data-dir", data_dir).returncode == 0
            eventually(lambda: search() == 1)
            assert index("promote", data_dir, 2) == {"version": 2}
            eventually(lambda: search() == 2)
    assert states(data_dir) == {1: "served", 2: "serves"}


def test_a_centralised_index_says_so_and_serves(shop: Shop, data_dir: Path, tmp_path: Path) -> None:
    done = reindex(shop, data_dir, "--centralize", 5)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["embedded"] == 0
    assert index("show", data_dir)["centralize"] == 5
    assert index("show", data_dir, 1)["centralize"] == 0
    with serving(data_dir, tmp_path) as server, server.client() as client:
        body = client.post("/v1/search", files={"file": shop.picture(3)}, data={"limit": 5}).json()
    assert body["index"]["version"] == 2
    similarities = [result["similarity"] for result in body["results"]]
    assert len(similarities) == 5
    assert similarities == sorted(similarities, reverse=True)
    assert "demo-000003" in [result["product_id"] for result in body["results"]]
    assert max(similarities) < 1 - 1e-3, "its own picture was averaged with its like"


@pytest.mark.parametrize("k", [-1, 101, "few"])
def test_a_number_of_neighbours_that_makes_no_sense_is_refused(
    shop: Shop, data_dir: Path, k: object
) -> None:
    done = reindex(shop, data_dir, "--centralize", k)
    assert done.returncode == 2
    assert "--centralize" in done.stderr
    assert states(data_dir) == {1: "serves"}


@pytest.mark.parametrize("kind", ["ivf", "ivf-rabitq", "binary", "IVF4,SQ8"])
def test_reindex_builds_the_kind_it_is_asked_for_and_embeds_nothing(
    shop: Shop, data_dir: Path, kind: str
) -> None:
    done = reindex(shop, data_dir, "--index", kind, "--target-recall", 0.97)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["embedded"], told["built_on"]) == (0, "cpu")
    shown = index("show", data_dir)
    assert (shown["index_kind"], shown["rows"]) == (kind, PRODUCTS * VIEWS)
    assert shown["chosen"]["recall"] >= 0.97
    assert shown["chosen"] in shown["operating_points"]


def test_a_gpu_that_has_nothing_to_do_is_said_beside_the_answer(
    shop: Shop, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if there were one: of a flat index it computes nothing."""
    monkeypatch.setenv("VITRINE_INDEX_BUILD", "gpu")
    for module in ("service.wiring", "service.adapters.faiss_gpu"):
        monkeypatch.setattr(f"{module}.use_gpu", lambda _: True)
    done = reindex(shop, data_dir, "--index", "flat", "--target-recall", 0.9)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["built_on"] == "cpu"
    assert "index built on the CPU: a GPU does nothing for it" in done.stderr


def test_a_golden_query_that_misses_keeps_the_old_version_and_names_the_check(
    shop: Shop, data_dir: Path, tmp_path: Path
) -> None:
    missed = golden(tmp_path, shop, "no-such-product")
    done = reindex(shop, data_dir, "--golden", missed)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()[-1:]
    assert "golden hits 0.0000, required 0.9500, short by 0.9500" in line
    assert states(data_dir) == {1: "serves", 2: "not promoted"}

    refused = vitrine_here("index", "promote", 2, "--data-dir", data_dir, "--golden", missed)
    assert refused.returncode == 1
    assert "v000002 is not promoted" in refused.stderr
    assert index("promote", data_dir, 2, "--golden", missed, "--force") == {"version": 2}
    assert index("rollback", data_dir) == {"version": 1}
    found = golden(tmp_path, shop, "demo-000007")
    assert index("promote", data_dir, 2, "--golden", found) == {"version": 2}


def test_what_the_tables_show(data_dir: Path) -> None:
    listed = vitrine_here("index", "list", "--data-dir", data_dir)
    assert listed.returncode == 0
    assert "v000001" in listed.stdout
    assert "serves" in listed.stdout
    shown = vitrine_here("index", "show", "--data-dir", data_dir)
    assert "index factory" in shown.stdout
    assert "1.0000" in shown.stdout


def test_verify_reads_every_byte(data_dir: Path) -> None:
    assert set(index("verify", data_dir)["files"]) >= {"index.faiss", "vectors.f16.npy"}
    path = data_dir / "snapshots/v000001/vectors.f16.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    done = vitrine_here("index", "verify", "--data-dir", data_dir)
    assert done.returncode == 2
    assert "vectors.f16.npy is missing or damaged" in done.stderr


def test_prune_keeps_what_serves_and_what_it_may_be_rolled_back_to(
    shop: Shop, data_dir: Path
) -> None:
    for kind in ("hnsw", "flat"):  # what has not changed is not built again
        assert reindex(shop, data_dir, "--index", kind).returncode == 0
    assert index("rollback", data_dir) == {"version": 2}
    assert index("prune", data_dir, "--keep", 2) == {"removed": [3]}
    assert states(data_dir) == {1: "served", 2: "serves"}
    assert index("prune", data_dir, "--keep", 1) == {"removed": [1]}
    done = vitrine_here("index", "rollback", "--data-dir", data_dir)
    assert done.returncode == 2
    assert "no version served before this one" in done.stderr


def test_prune_waits_for_no_reindex(data_dir: Path) -> None:
    with writing_to(data_dir):
        done = vitrine_here("index", "prune", "--data-dir", data_dir)
    assert done.returncode == 2
    assert "is being reindexed or compacted by process" in done.stderr


@pytest.mark.parametrize("command", ["show", "verify", "rollback"])
def test_before_the_first_reindex_there_is_nothing_to_act_on(command: str, tmp_path: Path) -> None:
    done = vitrine_here("index", command, "--data-dir", tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "vitrine" in line


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--index", "hsnw"], "'hsnw' is neither auto, flat"),
        (["--golden", "gone.jsonl"], "gone.jsonl cannot be read"),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(
    shop: Shop, data_dir: Path, options: list[str], words: str
) -> None:
    done = reindex(shop, data_dir, *options)
    assert done.returncode == 2
    assert words in done.stderr.splitlines()[-1]
    assert states(data_dir) == {1: "serves"}
