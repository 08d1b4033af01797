"""`vitrine search` and `vitrine embed`: the query flow without a server."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from service.cli.options import Bundle, DataDir, console, settings_with
from service.core.errors import InvalidFilterError, InvalidQueryError, VitrineError
from service.core.filter_text import parse_filter_text
from service.core.filters import Filter
from service.pipeline.outcome import succeeded
from service.pipeline.querying import Picture, Query, Words
from service.pipeline.search import Ask, Found
from service.pipeline.selecting import SearchOptions
from service.wiring import serving


def search(
    image: Annotated[Path | None, typer.Argument(help="JPEG, PNG or WebP.")] = None,
    text: Annotated[str | None, typer.Option(help="Words to search by in its place.")] = None,
    data_dir: DataDir = None,
    bundle: Bundle = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Products wanted.")] = 10,
    wanted: Annotated[
        list[str] | None,
        typer.Option("--filter", help="e.g. 'brand:nike,puma price:10..199'; repeatable."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find the products that look most like a picture, or like what words say."""
    settings = settings_with(data_dir=data_dir, bundle=bundle)
    text = (text or "").strip()
    if (image is None) == (not text):
        raise InvalidQueryError("search by a picture or by --text: give one of them")
    options = SearchOptions(filter=_joined(wanted or []))
    with serving(settings) as parts:
        source = Words(text) if image is None else Picture(_read(image))
        answer = parts.search.answer(Ask(Query.of(source), limit, options))
    query = {"text": text} if image is None else {"image_id": answer.image_id}
    results = answer.results
    if as_json:
        rows = [
            {
                "product_id": found.hit.product_id,
                "similarity": round(found.hit.similarity, 6),
                "title": found.stored.product.title,
            }
            for found in results
        ]
        typer.echo(json.dumps({**query, "results": rows}))
    else:
        _show(results)


def embed(
    images: Annotated[list[Path], typer.Argument(help="JPEG, PNG or WebP files.")],
    bundle: Bundle = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON line an image: file, embedding.")
    ] = False,
) -> None:
    """Embed pictures; a bad one is named on stderr and the rest go on."""
    failed = 0
    with serving(settings_with(bundle=bundle)) as parts:
        for path in images:
            try:
                (found,) = parts.search.embed([Query.of(Picture(_read(path)))])
                vector = succeeded(found).vector
            except VitrineError as exc:
                typer.secho(f"vitrine: {path}: {exc}", fg="red", err=True)
                failed += 1
                continue
            if as_json:
                typer.echo(json.dumps({"file": str(path), "embedding": vector.tolist()}))
            else:
                head = ", ".join(f"{value:+.4f}" for value in vector[:4])
                typer.echo(f"{path}: {len(vector)} values, [{head}, ...]")
    if failed:
        raise typer.Exit(2)


def _joined(texts: list[str]) -> Filter:
    """Read filters, all of which must hold."""
    filters = [parse_filter_text(text) for text in texts]
    if sum(bool(each.should) for each in filters) > 1:
        raise InvalidFilterError("only one --filter may have `should`: put all into that one")
    return Filter(
        must=tuple(c for each in filters for c in each.must),
        should=tuple(c for each in filters for c in each.should),
        must_not=tuple(c for each in filters for c in each.must_not),
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise InvalidQueryError(f"{path} cannot be read: {exc.strerror}") from exc


def _show(results: list[Found]) -> None:
    table = Table("similarity", "id", "title", "category", "price")
    for found in results:
        product = found.stored.product
        price = "" if product.price is None else f"{product.price:.2f} {product.currency}".strip()
        row = (f"{found.hit.similarity:.3f}", product.id, product.title, product.category, price)
        table.add_row(*row)
    console().print(table)
