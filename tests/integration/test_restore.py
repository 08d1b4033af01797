"""docs/runbook.md, "Back up and restore": a copy taken while it serves is enough to go on from."""

import sqlite3
from contextlib import closing
from pathlib import Path

from support.live_server import Shop, serving, vitrine
from support.products_api import address, base64_of, found, picture


def back_up(source: Path, target: Path) -> None:
    """As `sqlite3 SOURCE ".backup TARGET"` does it."""
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)


def test_a_copy_of_the_databases_taken_while_it_serves_is_enough(
    shop: Shop, tmp_path: Path
) -> None:
    data_dir, restored = tmp_path / "data", tmp_path / "restored"
    restored.mkdir()
    done = vitrine("reindex", shop.catalog, "--data-dir", data_dir)
    assert done.returncode == 0, done.stderr
    with serving(data_dir, tmp_path) as server, server.client() as client:
        body = {"title": "Late", "images": [{"image_base64": base64_of(picture(900))}]}
        assert client.put(address("late"), json=body).status_code == 201
        for name in ("catalog.db", "thumbnails.db"):
            back_up(data_dir / name, restored / name)
    built = vitrine("index", "compact", "--data-dir", restored)
    assert built.returncode == 0, built.stderr
    with serving(restored, tmp_path) as server, server.client() as client:
        told = client.get("/v1/index").json()
        assert (told["version"], told["delta_rows"]) == (1, 0)
        assert told["products"] == 61
        assert found(client, picture(900))[0] == "late"
        shown = client.get(address("late")).json()["images"][0]["url"]
        assert client.get(shown).status_code == 200
