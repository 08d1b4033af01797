"""`make bench` in its short form: every path is taken, so that none of it can rot."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.suite import BENCHES

ROOT = Path(__file__).parents[2]
BENCH = [sys.executable, "-m", "bench"]
MODELS = ("vit",)


@pytest.mark.integration
def test_the_short_form_measures_every_figure_and_judges_none(tmp_path: Path) -> None:
    picture, photos = tmp_path / "serving.png", str(tmp_path)  # without any: the demo's are drawn
    run = subprocess.run(
        [*BENCH, "--short", "--plot", str(picture)],
        check=False,
        cwd=ROOT,
        env={**os.environ, "VITRINE_BENCH_PHOTOS": photos},
        capture_output=True,
        text=True,
        timeout=500,
    )

    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    assert report.keys() >= {"machine", *BENCHES}
    peers = {"fastapi"} | ({"litserve"} if importlib.util.find_spec("litserve") else set())
    for model in MODELS:
        latency, serving = report["latency"][model], report["serving"][model]
        assert latency["calls"] > 0
        assert all(latency[share]["ratio_median"] > 0 for share in ("p50", "p99"))
        # The peers see the same pictures, model and index: they find the same.
        assert serving["same_top1"] == dict.fromkeys(peers, "10 of 10")
        assert len(serving["left_out"]) == 2 - len(peers)
        for sides in serving["concurrency"].values():
            assert sides.keys() == {"raw", "service", *peers}
            assert min(sides["raw"]["images_per_second"]) > 0
            for name in sides.keys() - {"raw"}:
                assert sides[name]["answers"] >= 3
                assert sides[name]["processor_ms"] > 0
                assert 0 < sides[name]["p50_ms"][0] <= sides[name]["p99_ms_all"]
            lengths = {sides[name]["answer_bytes"] for name in sides.keys() - {"raw"}}
            assert max(lengths) < 1.1 * min(lengths)
    rows = [line for line in run.stderr.splitlines() if line.startswith("| ")][1:]
    wanted = [figure for name, bench in BENCHES.items() for figure in bench.figures(report[name])]
    assert len(rows) == len(wanted) > 0
    of_serving = len(MODELS) * (2 * (2 + 2 * len(peers)) + 2 - len(peers))
    assert len(BENCHES["serving"].figures(report["serving"])) == of_serving
    assert all(row.endswith("|  |  |") for row in rows)
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.integration
def test_a_profile_is_drawn_or_py_spy_is_asked_for(tmp_path: Path) -> None:
    out, here = tmp_path / "flame.svg", str(Path(sys.executable).parent)
    found = shutil.which("py-spy", path=here) or shutil.which("py-spy")
    run = subprocess.run(
        [sys.executable, "-m", "bench.profile", str(out), "--short", "--seconds", "1"],
        check=False,
        cwd=ROOT,
        env={**os.environ, "VITRINE_BENCH_PHOTOS": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )

    if found is None:
        assert run.returncode == 2
        assert "py-spy is not installed" in run.stderr
    else:
        assert run.returncode == 0, run.stderr
        assert "answers a second while sampled" in run.stdout
        assert "<svg" in out.read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--only", "speed"], "no benchmark speed: latency, serving, reindex, decode"),
        (["--only", "reindex", "--plot", "x.png"], "--plot draws `serving`"),
    ],
)
def test_what_cannot_be_measured_is_said_at_once(options: list[str], said: str) -> None:
    run = subprocess.run(
        [*BENCH, *options], check=False, cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 2
    assert said in " ".join(run.stderr.replace("│", " ").split())
    assert run.stdout == ""
