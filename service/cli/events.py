"""`vitrine events`: what shops reported of what shoppers did."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from service.adapters.event_files import write_events
from service.cli.options import DataDir, settings_with
from service.wiring import reported

app = typer.Typer(help="What shoppers did with what was found.", no_args_is_help=True)


@app.callback()
def _events() -> None:
    """Keep `export` a subcommand, though it is the only one."""


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="FILE.parquet or FILE.jsonl; it is replaced.")],
    since: Annotated[
        str | None,
        typer.Option(help="Only what came then or later: 2026-11-01, or 2026-11-01T12:00+01:00."),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Write the events that are kept to a file, oldest first."""
    moment = None if since is None else _moment(since)
    with reported(settings_with(data_dir=data_dir)) as events:
        count = write_events(file, events.since(moment))
    typer.echo(f"{count:,} events in {file}")


def _moment(text: str) -> datetime:
    """Read a date or time, in UTC where it names no zone; raises BadParameter."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise typer.BadParameter(
            f"--since takes 2026-11-01 or 2026-11-01T12:00+01:00, not {text!r}"
        ) from exc
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
