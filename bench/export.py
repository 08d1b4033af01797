"""`make bench-export`: what an export costs and what int8 gives; JSON on stdout, a table on stderr.

random ViT-B/16 -> exported in a child process: seconds, peak memory
its bundle and the shipped one -> an int8 tier -> both tiers on real photos: rates, cosine, P@1
their fp32 graphs -> OpenVINO in bf16, in an environment of its own, against ONNX Runtime
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnx
import onnx.inliner
import onnxruntime
import typer

from bench import child
from bench.export_table import figures
from bench.pictures import catalog
from bench.report import machine, say, tell
from model_export.gate import measure, pictures_of
from model_export.precisions import float_graph, recipes
from model_export.sample import Sample, read_sample
from model_export.shared_weights import save
from model_export.sides import open_side, pixels_for
from model_export.verdict import GateError, Limits, choose, complaints
from service.settings import DEFAULT_BUNDLE

_CALIBRATION = 64
_OPENVINO_PICTURES = 32


@dataclass(frozen=True, slots=True)
class Shape:
    """Of the random ViT, as `bench.random_vit` takes it."""

    size: int
    width: int
    depth: int


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured.

    Attributes:
        products: Size of the catalogue that pictures are drawn from.
        pictures: To judge each model on.
    """

    shape: Shape
    products: int
    pictures: Mapping[str, int]


FULL = Plan(Shape(224, width=768, depth=12), 8000, {"vit": 1000, "default": 4000})
QUICK = Plan(Shape(64, width=128, depth=3), 200, {"vit": 40, "default": 40})


def main(
    openvino_python: Annotated[
        Path | None, typer.Option(help="Python of an environment with onnxruntime-openvino.")
    ] = None,
    quick: Annotated[
        bool, typer.Option(help="A small model and few pictures: whether it runs, not how fast.")
    ] = False,
) -> None:
    """Measure and print."""
    plan = QUICK if quick else FULL
    report: dict[str, Any] = {
        "machine": machine(),
        "onnxruntime": onnxruntime.__version__,
        "vit": asdict(plan.shape),
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # First, while this process is small: its own memory is the least a child seems to take.
        say("exporting a ViT ...")
        report["export"] = asdict(_exported(plan.shape, folder / "vit"))
        source, report["pictures"] = catalog(plan.products, folder)
        bundles = {"vit": folder / "vit" / "bundle", "default": DEFAULT_BUNDLE}
        for model, bundle in bundles.items():
            sample = read_sample([source], count=_CALIBRATION + plan.pictures[model])
            say(f"int8 of {model} ...")
            report[f"int8 {model}"] = _int8(bundle, sample, folder / model)
            say(f"bf16 of {model} ...")
            report[f"bf16 {model}"] = _bf16(openvino_python, bundle, sample, folder)
    tell(report, figures(report))


def _exported(shape: Shape, folder: Path) -> child.Cost:
    """Write a random ViT and export it into `bundle`, each in a process of its own."""
    numbers = [str(number) for number in asdict(shape).values()]
    child.run([sys.executable, "-m", "bench.random_vit", str(folder / "model"), *numbers])
    command = [sys.executable, "-m", "model_export", str(folder / "model")]
    return child.run([*command, "--out", str(folder / "bundle")])


def _int8(bundle: Path, sample: Sample, folder: Path) -> dict[str, Any]:
    """Make the default tier int8 in every way, measure, and name the way that export would take.

    Returns:
        By recipe what the gate says, and the name of the one chosen; where none may pass, of the
        nearest, and why it is refused.
    """
    folder.mkdir(exist_ok=True)
    encoder = open_side(str(bundle)).encoder
    tier, pictures = encoder.tier, pictures_of(sample, encoder.manifest.preprocess, _CALIBRATION)
    graph = float_graph(bundle / tier.file)
    candidates = {}
    for recipe, make in recipes("int8", graph).items():
        candidates[recipe] = folder / f"{recipe}.onnx"
        save(make(graph, pictures.spare), candidates[recipe])
    name = tier.name or tier.file
    gates = measure(name, bundle / tier.file, candidates, pictures.gate)
    told: dict[str, Any] = {"recipes": {k: gate.model_dump() for k, gate in gates.items()}}
    try:
        return told | {"chosen": choose(f"int8 of {name}", gates, Limits()).recipe}
    except GateError:
        nearest = max(gates.values(), key=lambda gate: gate.top10_agreement)
        against = "; ".join(complaints(nearest, Limits()))
        return told | {"chosen": nearest.recipe, "refused": against}


def _plain(graph: Path, folder: Path) -> Path:
    """Return the graph with attention written out, which OpenVINO has no operator for."""
    model = onnx.load(graph)
    if not any(node.op_type == "Attention" for node in model.graph.node):
        return graph
    attention = [("", "Attention")]
    plain = onnx.inliner.inline_selected_functions(model, attention, inline_schema_functions=True)
    onnx.save(plain, folder / "plain.onnx")
    return folder / "plain.onnx"


def _bf16(python: Path | None, bundle: Path, sample: Sample, folder: Path) -> dict[str, Any]:
    """Measure in the other environment, or say why not."""
    if python is None:
        return {"skipped": "no --openvino-python"}
    side = open_side(str(bundle))
    pictures = folder / "pictures.npy"
    np.save(pictures, pixels_for(sample.images[:_OPENVINO_PICTURES], side.encoder))
    graph = bundle / side.encoder.tier.file
    command = [python, "-m", "bench.openvino_rate", graph, _plain(graph, folder), pictures]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"skipped": done.stderr.strip().splitlines()[-1]}
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


if __name__ == "__main__":
    typer.run(main)
