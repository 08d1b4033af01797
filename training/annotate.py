"""`vitrine-train annotate`: weak labels from the text of a catalogue.

paths -> open_source -> products, the held-out ones left aside -> documents
      -> learn_weak_labels -> labels.json + report.md + curve.png
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from service.adapters.catalog_sources import open_source
from service.core.errors import CatalogSourceError
from service.core.split import held_out
from service.core.types import CatalogRow
from training.agreement import agreement
from training.annotate_report import agreement_table, write_report
from training.labels import DataError
from training.options import Columns, Data, Sources, one_of, pairs
from training.sources import photo_sources
from training.terms import document_of
from training.weak_labels import learn_weak_labels

LABELS = "labels.json"
_ALIASED = ("category", "brand")
_TRUE = ("category", "colour", "audience")


def annotate(
    sources: Sources = None,
    data: Data = None,
    out: Annotated[Path, typer.Option(help="Folder for labels.json, report.md, curve.png.")] = (
        Path("runs/labels")
    ),
    fields: Annotated[
        str, typer.Option(help="Text fields to read, by comma; all where not given.")
    ] = "",
    columns: Columns = None,
    truth: Annotated[
        str, typer.Option(help="Attributes, by comma, that labels are compared with and not read.")
    ] = "",
) -> None:
    """Find labels in a catalogue's text, for pictures to be trained on."""
    one_of(sources, data)
    mapping, wanted = pairs(columns, "--map"), names(fields)
    try:
        if data:
            texts = read_photos(data)
        else:
            rows = (row for p in sources or [] for row in open_source(p, columns=mapping).rows())
            chosen = frozenset(wanted) if wanted else None
            texts = read_texts(rows, fields=chosen, truth=names(truth))
        weak = learn_weak_labels(texts.documents)
        targets = [weak.targets(document) for document in texts.documents]
        agreements = agreement(weak, targets, texts.truth)
        out.mkdir(parents=True, exist_ok=True)
        weak.save(out / LABELS)
        write_report(out, weak, texts.documents, targets, agreements)
    except (CatalogSourceError, DataError, OSError) as exc:
        typer.secho(f"vitrine-train: {exc}", fg="red", err=True)
        raise typer.Exit(2) from exc
    covered = sum(map(bool, targets)) / len(targets)
    typer.echo(
        f"{len(weak.labels):,} labels from {len(weak.vocabulary):,} terms; "
        f"{covered:.1%} of {len(targets):,} products have one"
    )
    if agreements:
        typer.echo(agreement_table(agreements))
    typer.echo(f"done: {out / LABELS}, {out / 'report.md'}", err=True)


@dataclass(frozen=True, slots=True)
class Texts:
    """What the products of a catalogue say, the held-out ones left aside.

    Attributes:
        documents: The text of n products, by field.
        truth: Attribute to its value for each of them, None where it has none.
    """

    documents: Sequence[Mapping[str, str]]
    truth: Mapping[str, Sequence[str | None]] = field(default_factory=dict)


def read_photos(data: Path) -> Texts:
    """Read the texts of the photos of photos.toml, their labels kept apart as the truth.

    Raises:
        FileNotFoundError: The folder has none of the files.
    """
    documents: list[Mapping[str, str]] = []
    truth: dict[str, list[str | None]] = {task: [] for task in _TRUE}
    for source in photo_sources(data):
        for example in source.examples():
            if not example.held_out:
                documents.append(example.document)
                for task, column in truth.items():
                    known = task not in source.stands_for
                    column.append(example.labels.get(task) if known else None)
    return Texts(documents, truth)


def read_texts(
    rows: Iterable[CatalogRow], *, fields: frozenset[str] | None = None, truth: Sequence[str] = ()
) -> Texts:
    """Read the products of a catalogue; rows that share an id are one.

    Args:
        rows: Of any number of sources.
        fields: Only these are text; all where None.
        truth: Attributes to keep apart from the text.

    Raises:
        DataError: No product has one of the attributes, or any of the fields.
    """
    documents: dict[str, dict[str, str]] = {}
    values: dict[str, dict[str, str]] = {}
    for product in (row.product for row in rows):
        if held_out(product.id):
            continue
        document = documents.setdefault(product.id, {})
        known = values.setdefault(product.id, {})
        facts = {"category": product.category, "brand": product.brand, **product.attributes}
        for name in truth:
            if isinstance(value := facts.get(name), str) and value:
                known.setdefault(name, value)
        for name, text in document_of(product, fields).items():
            # A column may be read twice: article_type is also the category.
            told = name in truth or (name in _ALIASED and text in known.values())
            if not told:
                document.setdefault(name, text)
    if documents and fields is not None and not any(documents.values()):
        raise DataError(f"no product has text in {', '.join(sorted(fields))}")
    columns = {name: [values[i].get(name) for i in documents] for name in truth}
    for name, column in columns.items():
        if not any(column):
            raise DataError(f"no product has an attribute {name!r} to compare labels with")
    return Texts(list(documents.values()), columns)


def names(option: str) -> tuple[str, ...]:
    """Read a list by comma."""
    return tuple(name.strip() for name in option.split(",") if name.strip())
