from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from typer import Typer
from typer.testing import CliRunner

from service.pipeline.evaluate import TaskResult
from support.tiny_bundle import tiny_checkpoint, tiny_text
from training import card
from training.card_runs import image_run, text_run
from training.checkpoint import CheckpointError
from training.evaluate_aims import judged
from training.evaluate_report import BundleFacts, Evaluation, write_evaluation
from training.evaluate_retrieval import Retrieval
from training.labels import DataError


def evaluation(limit: int | None = None) -> Evaluation:
    labels = {"article_type": 0.93, "base_colour": 0.61, "gender": 0.8}
    result = TaskResult("catalogue", 860, 4032, 0.57, 0.5, 0.4, labels, 0.01)
    facts = BundleFacts("vitrine-tiny", "3", "CC0-1.0", "d" * 64, 16, 48, {"image.onnx": 1.5}, 1.5)
    found = Evaluation(
        bundle=facts,
        limit=limit,
        retrieval=[Retrieval("best", "best", result)],
        text=None,
        heads=[],
        matches=None,
        tiers=[],
        machine="a machine",
        skipped=["search by words: the bundle has no text tower"],
        aims=[],
    )
    return replace(found, aims=judged(found))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for name in ("pretrained", "multitask"):
        (tmp_path / name).mkdir()
        tiny_checkpoint(tmp_path / name / "checkpoint.pt")
    tiny_text(tmp_path / "text")
    return tmp_path


def test_the_card_says_what_the_model_is_and_what_it_is_worth(runs: Path) -> None:
    write_evaluation(runs / "evaluation.json", evaluation())
    app, out = Typer(), runs / "CARD.md"
    app.command()(card.write_card)
    options = [
        ("evaluation", runs / "evaluation.json"),
        ("run", runs / "pretrained"),
        ("run", runs / "multitask"),
        ("text", runs / "text"),
        ("out", out),
    ]
    arguments = [part for name, path in options for part in (f"--{name}", str(path))]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    text = out.read_text()
    assert text.startswith("# vitrine-tiny 3\n")
    for heading in ("Intended use", "Training data", "Figures", "Limits", "How it was made"):
        assert f"\n## {heading}\n" in text
    for licence in ("MIT, as its publisher lists it", "CC0", "MIT |"):
        assert licence in text
    # An aim that is met, one that is missed, and one that could not be measured.
    assert "| catalogue: article type P@1 | >= 0.9 | 0.930 | met by 0.030 |" in text
    assert "| catalogue: base colour P@1 | >= 0.65 | 0.610 | MISSED by 0.040 |" in text
    assert "| text: P@10 | >= 0.6 | not measured | - |" in text
    assert "- search by words: the bundle has no text tower" in text
    assert "|  | pretrained | multitask | text |" in text
    assert "vitrine-train" in text


def test_every_table_of_the_card_has_as_many_cells_in_every_row(runs: Path) -> None:
    lines = card.model_card(evaluation(), [image_run(runs / "multitask")], "true").splitlines()
    for above, line in pairwise(lines):
        if above.startswith("|") and line.startswith("|"):
            assert above.count("|") == line.count("|")


def test_a_look_at_some_queries_makes_no_card() -> None:
    with pytest.raises(DataError, match="without --limit"):
        card.model_card(evaluation(limit=20), [], "true")


def test_a_run_s_facts_are_its_checkpoint_s(runs: Path) -> None:
    facts = image_run(runs / "multitask").facts
    assert facts["steps"].startswith("0 of ")
    assert facts["data digest"] == f"`{'0' * 12}`"
    assert facts["tiers"] == "8, 12, 24"
    assert "colour 4" in facts["classes"]
    words = text_run(runs / "text").facts
    assert "max length 12" in words["model"]
    assert words["steps"] == "unknown"


def test_a_run_that_is_not_there_or_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        image_run(tmp_path)
    with pytest.raises(CheckpointError, match="no text tower at"):
        text_run(tmp_path)
    torch.save({"weights": 1}, tmp_path / "text.pt")
    with pytest.raises(CheckpointError, match="not a text tower"):
        text_run(tmp_path)


def test_commands_are_the_first_block_of_the_document(tmp_path: Path) -> None:
    document = tmp_path / "training.md"
    assert "docs/training.md" in card.commands_in(document)
    document.write_text("# Nothing yet\n")
    assert "no commands" in card.commands_in(document)
    document.write_text("Text.\n\n```bash\nfirst\n\nsecond\n```\n\n```\nother\n```\n")
    assert card.commands_in(document) == "first\n\nsecond"
    assert "vitrine-train" in card.commands_in(card.COMMANDS)
