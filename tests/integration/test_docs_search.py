"""Every shell line of docs/search.md, run as it is printed, against a running server."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support.live_server import Server, Shop

pytestmark = pytest.mark.integration

PAGE = Path(__file__).parents[2] / "docs" / "search.md"
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[-1][-40:])
def test_a_line_of_the_page_is_answered(block: str, server: Server, shop: Shop, tmp_path: Path):
    (tmp_path / "photo.jpg").write_bytes(shop.picture(3))
    assert "http://127.0.0.1:8000" in block
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.replace("http://127.0.0.1:8000", server.url)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert "code" not in answer, answer
    if "answers" in answer:
        problems = [item["error"] and item["error"]["code"] for item in answer["answers"]]
        assert problems == [None, None, "product_not_found"]
    elif "results" in answer:
        assert len(answer["results"]) == 3
    else:
        assert answer["data"]


def test_the_page_shows_every_form() -> None:
    page = "\n".join(BLOCKS)
    for form in ("file=", "image_base64", "image_id=", "box=", "product_id", "text=", "queries",
                 "search:batch", "/similar?", "embeddings", "category=auto"):  # fmt: skip
        assert form in page, form
