"""The command lines of docs/products.md do what it says they do."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support.live_server import Shop, serving

pytestmark = pytest.mark.integration

DOCS = Path(__file__).parents[2] / "docs" / "products.md"


def test_every_command_line_works(shop: Shop, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl on PATH")
    data_dir = Path(shutil.copytree(shop.data_dir, tmp_path / "data"))
    (tmp_path / "photo.jpg").write_bytes(shop.picture(7, view=5))
    blocks = re.findall(r"^```sh\n(.*?)^```", DOCS.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 5
    with serving(data_dir, tmp_path) as server:
        put, patched, deleted, conflict, bulk = (
            run(block.replace("http://127.0.0.1:8000", server.url), tmp_path) for block in blocks
        )
    written, answer = put.replace("}{", "}\n{").splitlines()
    assert json.loads(written)["attributes"] == {"colour": ["teal", "white"]}
    assert [result["product_id"] for result in json.loads(answer)["results"]] == ["sku-1842"]
    changed, read = patched.replace("}{", "}\n{").splitlines()
    assert changed == read
    shown = json.loads(read)
    assert (shown["price"], shown["attributes"]) == (59.9, {"season": "summer"})
    assert deleted == ""
    assert conflict.endswith("412\n")
    statuses = [json.loads(line) for line in bulk.splitlines()]
    assert [(s["line"], s["id"], s["status"]) for s in statuses] == [
        (1, "sku-1", 201), (2, "sku-1", 200), (3, "no-such", 404),
    ]  # fmt: skip


def run(script: str, folder: Path) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, (script, done.stdout, done.stderr)
    return done.stdout
