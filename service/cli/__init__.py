"""The `vitrine` command: one module a group of subcommands."""

import sys

import typer
from rich.console import Console

from service.cli import demo, evaluate, query, reindex, serve
from service.core.errors import VitrineError

app = typer.Typer(
    help="Visual product search: what do we sell that looks like this picture?",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(demo.demo)
app.command()(reindex.reindex)
app.command()(serve.serve)
app.command()(query.search)
app.command()(query.embed)
app.command()(evaluate.evaluate)


def main() -> None:
    """Run a command; an error of Vitrine is one line and exit status 2."""
    try:
        app()
    except VitrineError as exc:
        Console(stderr=True).print(f"vitrine: {exc}", style="red", highlight=False, soft_wrap=True)
        sys.exit(2)
