"""`python -m training.card`: an evaluation and the runs behind it -> the bundle's model card.

FILE.json of training.evaluate, checkpoint.pt and text.pt of the runs -> CARD.md, which export
copies beside the graphs.
"""

from pathlib import Path
from typing import Annotated

import typer

from training.card_runs import RunFacts, image_run, runs_table, text_run
from training.checkpoint import CheckpointError
from training.evaluate import fail
from training.evaluate_report import Evaluation, read_evaluation
from training.evaluate_tables import Figures, aims_table, tables_of
from training.labels import DataError

COMMANDS = Path(__file__).parents[1] / "docs" / "training.md"

DATA = Figures(
    "training data",
    ("photos", "pictures", "what they are", "licence"),
    [
        (
            "fashion-hires",
            "8,610",
            "studio photos of a fashion shop's products",
            "MIT, as its publisher lists it",
        ),
        (
            "fashion-lowres",
            "31,320",
            "the rest of that shop's catalogue, 60x80 pixels",
            "MIT, as its publisher lists it",
        ),
        ("clothing", "3,824", "clothes as people photograph them themselves", "CC0"),
        ("grocery", "3,017", "81 grocery products, studio and in shops", "MIT"),
    ],
)

USE = """\
The model embeds photos of products, and short English descriptions where the bundle has a text
tower, into one space in which what looks alike is near. It is meant for finding similar products
in a shop's own catalogue: by a photo, by a product, or by words. Its heads suggest a type, a
colour, an audience and a use for a picture that has none.

It is not meant for recognising people, nor for deciding anything about them: the audience head
repeats how one shop files its clothes."""

HELD_OUT = """\
Counts are before the hold-out: a tenth of the fashion products, a tenth of the people who sent
clothing photos, and the publisher's validation split of the groceries were never trained on."""

MEASURED = """\
Measured through this bundle on held-out rows. Every number is between 0 and 1 unless its column
says otherwise. What fitted the heads' and the matches' probabilities is left out of what judges
them. The fast tier is held against the aims in int8 where there is such a tier."""

LIMITS = """\
- The photos are of clothes, accessories and groceries. Other goods can be searched, by colour and
  shape more than by kind.
- Held-out rows come from the same shops and photographers as the training rows: expect less of
  another shop's photos until the model is trained on its catalogue.
- Labels are the publishers' own. "Navy Blue" beside "Blue" is a matter of taste, and a part of what
  counts as wrong is a product that a person would have accepted.
- Most catalogue pictures are 60x80 pixels: fine texture, logos and writing are hardly learnt.
- Probabilities were fitted to this data. P(same product) is judged on grocery photos alone, the
  only ones that show one product several times.
- The tiers are one network at several patch sizes; a coarse one loses small detail first."""


def model_card(evaluation: Evaluation, runs: list[RunFacts], commands: str) -> str:
    """Write the card.

    Args:
        evaluation: Of the whole held-out data.
        runs: What was trained, in order.
        commands: That made the model, for a shell.

    Raises:
        DataError: The evaluation was only a look at some of the queries.
    """
    if evaluation.limit is not None:
        raise DataError(
            f"the evaluation asked {evaluation.limit} queries of each task at most; "
            "a card reports them all: run it again without --limit"
        )
    bundle = evaluation.bundle
    tiers = ", ".join(f"{cost.tier} ({cost.tokens or '?'} tokens)" for cost in evaluation.tiers)
    heads = ", ".join(sorted({found.head for found in evaluation.heads}))
    facts = [
        f"- input: pictures of {bundle.size}x{bundle.size} pixels",
        f"- output: a vector of {bundle.dim} numbers, of unit length",
        f"- tiers: {tiers}",
        f"- heads: {heads or 'none'}",
        f"- text: {'yes' if evaluation.text else 'none'}",
        f"- size: {bundle.megabytes:.1f} MB",
        f"- digest: `{bundle.digest}`",
        f"- licence of the weights: {bundle.licence}",
    ]
    sections = [
        f"# {bundle.name} {bundle.version}",
        "A model for visual product search, trained on the photos below.",
        "\n".join(facts),
        "## Intended use",
        USE,
        "## Training data",
        DATA.markdown(),
        HELD_OUT,
        "## Figures",
        MEASURED,
        *_figures(evaluation),
        "## Limits",
        LIMITS,
        "## How it was made",
        f"```\n{commands}\n```",
        runs_table(runs).markdown(),
    ]
    return "\n\n".join(sections) + "\n"


def _figures(evaluation: Evaluation) -> list[str]:
    parts = []
    for table in [aims_table(evaluation), *tables_of(evaluation)]:
        parts += [f"### {table.title[0].upper()}{table.title[1:]}", table.markdown()]
    if evaluation.skipped:
        parts += ["Not measured:", "\n".join(f"- {sentence}" for sentence in evaluation.skipped)]
    return parts


def commands_in(document: Path) -> str:
    """Return the first block of commands of a document, or where to look for one."""
    if not document.is_file():
        return "# the commands are in docs/training.md of the source tree"
    _, *blocks = document.read_text(encoding="utf-8").split("```")
    if not blocks:
        return f"# {document.name} lists no commands"
    _, _, commands = blocks[0].partition("\n")  # the fence's own line may name a language
    return commands.strip("\n")


def write_card(
    evaluation: Annotated[Path, typer.Option(help="JSON of `python -m training.evaluate`.")],
    run: Annotated[
        list[Path], typer.Option(help="Folder of a run; repeatable, the one exported last.")
    ],
    out: Annotated[Path, typer.Option(help="File to write.")],
    text: Annotated[Path | None, typer.Option(help="Folder of the text tower's run.")] = None,
) -> None:
    """Write the model card of a bundle."""
    try:
        runs = [image_run(folder) for folder in run]
        runs += [text_run(text)] if text else []
        card = model_card(read_evaluation(evaluation), runs, commands_in(COMMANDS))
    except (CheckpointError, DataError) as exc:
        fail("training.card", exc)
    out.write_text(card, encoding="utf-8")
    typer.echo(f"{out}: {len(card.splitlines())} lines", err=True)


if __name__ == "__main__":
    typer.run(write_card)
