"""`python -m bench.gpu`: plain words without a GPU; and that what it measures runs, on the CPU."""

import json
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import onnxruntime as ort
import pytest

from bench import gpu_encoder, gpu_index
from bench.gpu import encoder_figures, index_figures, main, measure, parsed
from service.core.index_choice import BuildOn
from support.hand_made_bundle import hue_bundle


@pytest.mark.skipif(
    "CUDAExecutionProvider" in ort.get_available_providers(), reason="CUDA is installed here"
)
@pytest.mark.parametrize(("options", "status"), [([], 0), (["--require"], 1)])
def test_without_a_gpu_it_says_so_and_fails_only_where_one_is_required(
    options: list[str], status: int
) -> None:
    command = [sys.executable, "-m", "bench.gpu", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    report = json.loads(done.stdout)
    parts = {"encoder": report["encoder"]}
    parts |= {f"index {kind}": both for kind, both in report["index"].items()}
    assert list(parts) == ["encoder", "index hnsw", "index ivf", "index ivf-rabitq"]
    said = done.stderr.splitlines()
    for line, (part, found) in zip(said, parts.items(), strict=True):
        lacking = "CUDAExecutionProvider" if part == "encoder" else "GPU support"
        assert lacking in found["skipped"]
        assert line == f"bench: no GPU for the {part}, which is not measured: {found['skipped']}"
    assert encoder_figures(report["encoder"]) == []
    assert index_figures("ivf", report["index"]["ivf"]) == []


def test_what_fails_is_told_and_hides_nothing_that_comes_after_it(
    index: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(*_: object, **__: object) -> NoReturn:
        raise RuntimeError("CUDA failure 700")

    def built(rows: int, kind: str, folder: Path) -> dict[str, object]:
        return index if kind == "ivf" else failing()

    monkeypatch.setattr(gpu_encoder, "measure", failing)
    monkeypatch.setattr(gpu_index, "measure", built)
    monkeypatch.setattr("bench.gpu.use_gpu", lambda build_on: True)
    report = measure(parsed(["--kinds", "hnsw", "ivf"]), tmp_path)
    assert report["encoder"] == report["index"]["hnsw"]
    assert report["encoder"] == {"failed": "RuntimeError: CUDA failure 700"}
    assert report["index"]["ivf"] == index
    said = capsys.readouterr().err
    assert "bench: the encoder failed: RuntimeError: CUDA failure 700" in said
    assert "| recall@10 of ivf by the GPU |" in said
    monkeypatch.setattr(sys, "argv", ["gpu", "--only", "encoder"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "index" not in json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    folder = tmp_path_factory.mktemp("encoder")
    bundle = hue_bundle(folder / "hue")
    return gpu_encoder.measure(bundle, "cpu", folder, rounds=1, seconds=0.1, count=12)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    return gpu_index.measure(2000, "ivf", tmp_path_factory.mktemp("index"), BuildOn.CPU)


def test_every_rate_of_the_encoder_is_of_work_that_was_done(encoder: dict) -> None:
    rates = encoder["images_per_second"]
    assert set(rates) == {"raw", "encoder", "decoder", "whole"}
    assert min(rates.values()) > 0
    assert encoder["limit"] in ("encoder", "decoder")
    alone = encoder["alone_p50_ms"]
    assert 0 < alone["encode"] < alone["decode_and_encode"]


def test_two_builds_by_the_cpu_are_one_index(index: dict) -> None:
    assert index["cpu"]["recall"] == index["gpu"]["recall"] > 0.9
    assert index["same_results"] == 1
    assert index["over_cpu_built"]["median"] > 0


def test_what_was_asked_is_met_by_the_decoder_too_where_that_is_the_limit(
    encoder: dict, index: dict
) -> None:
    def row(whole: float, least: float, limit: str) -> bool | None:
        told = {
            **encoder,
            "limit": limit,
            "whole_over_raw": {"median": whole},
            "whole_over_least": {"median": least},
        }
        return encoder_figures(told)[0].met

    assert row(0.95, 0.95, "encoder")
    assert row(0.3, 0.95, "decoder")
    assert not row(0.3, 0.95, "encoder")
    assert not row(0.3, 0.5, "decoder")
    recall = index_figures("ivf", index)[0]
    assert recall.met is False  # as good as the CPU's, but it was the CPU's
