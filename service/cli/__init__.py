"""The `vitrine` command: one module a group of subcommands."""

import sys
from collections.abc import Sequence

import structlog
import typer

from service.cli import demo, evaluate, events, index, keys, query, reindex, serve, tune
from service.cli.options import console
from service.core.errors import IndexRefusedError, VitrineError

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
app.command()(tune.tune)
app.add_typer(index.app, name="index")
app.add_typer(events.app, name="events")
app.add_typer(keys.app, name="keys")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command, of `sys.argv` by default; an error of Vitrine is one line and exit status 2.

    What fails a check that was asked for is status 1.

    Raises:
        SystemExit: Always, with the exit status.
    """
    # A command's answer is alone on stdout.
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))
    try:
        app(arguments)
    except VitrineError as exc:
        console(stderr=True).print(f"vitrine: {exc}", style="red", soft_wrap=True)
        sys.exit(1 if isinstance(exc, IndexRefusedError) else 2)
