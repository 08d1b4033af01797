"""What several commands share: options, how they become Settings, and where they print."""

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console

from service.adapters.golden_file import read_golden
from service.core.errors import IndexUnavailableError
from service.pipeline.gate import GateOptions
from service.settings import Settings

MOST_NEIGHBOURS = 100
"""That a vector may be centralised with; more would mix what has little in common."""
DataDir = Annotated[
    Path | None,
    typer.Option(help="Folder of catalogue and index. [default: VITRINE_DATA_DIR, else ./data]"),
]
Bundle = Annotated[
    Path | None,
    typer.Option(help="Folder of the model bundle. [default: VITRINE_BUNDLE, else the shipped]"),
]
SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--settings", help="File of settings, as `vitrine tune` writes. [VITRINE_SETTINGS_FILE]"
    ),
]
MinCoverage = Annotated[
    str, typer.Option(help="Share of products that must have a vector, as 90% or 0.9.")
]
Golden = Annotated[
    Path | None,
    typer.Option(help='JSONL of {"image": path, "expect": [product ids]} that must be found.'),
]
MinGolden = Annotated[
    str, typer.Option(help="Share of the golden queries that must find what is expected.")
]

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def gate_options(min_coverage: str, golden: Path | None, min_golden: str) -> GateOptions:
    """Return what the gate asks, as the command line has it.

    Raises:
        BadParameter: A share is none.
        CatalogSourceError: The golden file or one of its pictures cannot be read.
    """
    return GateOptions(
        min_coverage=share("--min-coverage", min_coverage),
        golden=read_golden(golden) if golden else (),
        min_golden=share("--min-golden", min_golden),
    )


def share(option: str, text: str) -> float:
    """Read a share, given as 1% or 0.01; raises BadParameter."""
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError as exc:
        raise typer.BadParameter(f"{option} takes 1% or 0.01, not {text!r}") from exc
    if not 0 <= value <= 1:
        raise typer.BadParameter(f"{option} must be between 0% and 100%, not {text!r}")
    return value


def given_version(version: int | None, current: int | None) -> int:
    """Return the version that was asked for, or else the serving one.

    Raises:
        IndexUnavailableError: None was, and none serves.
    """
    if version is None and current is None:
        raise IndexUnavailableError("nothing serves yet: run `vitrine reindex SOURCE`")
    return version if version is not None else current or 0


def console(*, stderr: bool = False) -> Console:
    """Return a console that prints text as it is: a catalogue's "[new]" or ":-)" is no markup."""
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


def settings_with(**overrides: Any) -> Settings:
    """Return the settings of the environment with what the command line gave in their place.

    Raises:
        BadParameter: A setting has a value it cannot have.
        SettingsError: The settings file is not one.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as exc:
        parts = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors())
        raise typer.BadParameter("; ".join(parts)) from exc
