"""What several commands share: options, how they become Settings, and where they print."""

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console

from service.settings import Settings

DataDir = Annotated[
    Path | None,
    typer.Option(help="Folder of catalogue and index. [default: VITRINE_DATA_DIR, else ./data]"),
]
Bundle = Annotated[
    Path | None,
    typer.Option(help="Folder of the model bundle. [default: VITRINE_BUNDLE, else the shipped]"),
]


def console(*, stderr: bool = False) -> Console:
    """Return a console that prints text as it is: a catalogue's "[new]" or ":-)" is no markup."""
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


def settings_with(**overrides: Any) -> Settings:
    """Return the settings of the environment with what the command line gave in their place.

    Raises:
        BadParameter: A setting has a value it cannot have.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as exc:
        parts = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors())
        raise typer.BadParameter("; ".join(parts)) from exc
