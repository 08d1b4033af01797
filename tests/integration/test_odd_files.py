"""A folder as shops have them, through the real parts: each file indexed or listed, none fatal."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from service.core.keys import image_digest
from service.settings import Settings
from service.wiring import serving
from support.odd_files import write_odd_files

LIMIT_MB = 300
# Measured inside a process of its own, so that neither pytest nor other tests count.
RUN = """
import json
import re
import sys
from pathlib import Path

import numpy as np

from service.adapters.catalog_sources import open_source
from service.pipeline.reindex import ReindexOptions
from service.settings import Settings
from service.wiring import reindexing


def level(key):
    return int(re.search(rf"{key}:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024


with reindexing(Settings(data_dir=Path(sys.argv[2]), threads=1)) as flow:
    size = flow.encoder.manifest.preprocess.size
    flow.encoder.encode(np.zeros((32, size, size, 3), np.uint8))  # the runtime's own buffers
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = level("VmRSS")
    outcome = flow.run(open_source(Path(sys.argv[1]), columns={}), ReindexOptions(max_failed=1))
    print(json.dumps({
        "grown_mb": level("VmHWM") - before,
        "receipt": outcome.receipt.model_dump(),
        "failures": {Path(f.image).name: [f.code, f.reason] for f in outcome.failures},
        "indexed": list(flow.snapshots.load(outcome.version).image_ids),
    }))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("odd")


def test_each_file_is_indexed_or_listed_and_memory_stays_flat(folder: Path, tmp_path: Path) -> None:
    expected = write_odd_files(folder)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUN, str(folder), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)

    refused = {name: code for name, code in expected.items() if code}
    assert {name: code for name, (code, _) in result["failures"].items()} == refused
    assert all(reason for _, reason in result["failures"].values())
    good = {
        name: image_digest((folder / name).read_bytes()) for name in set(expected) - set(refused)
    }
    assert sorted(result["indexed"]) == sorted(good.values())
    assert result["receipt"]["seen"] == len(expected)
    assert result["receipt"]["embedded"] == len(set(good.values()))
    assert result["receipt"]["reused"] == len(good) - len(set(good.values())) == 1
    assert result["grown_mb"] <= LIMIT_MB

    with serving(Settings(data_dir=tmp_path, threads=1)) as parts:
        for name, image_id in good.items():
            hits = parts.search.by_picture((folder / name).read_bytes(), len(good)).results
            by_itself = [found.hit for found in hits if found.hit.image_id == image_id]
            assert by_itself, name
            assert by_itself[0].similarity == pytest.approx(hits[0].hit.similarity, abs=1e-5)
            assert by_itself[0].similarity == pytest.approx(1, abs=1e-4), name
            assert parts.thumbnails.get(image_id) is not None
