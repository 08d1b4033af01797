"""Options that several commands of `vitrine-train` share, and how they are read."""

from pathlib import Path
from typing import Annotated

import typer

Sources = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Catalogue files, as `vitrine reindex` takes them; or --data.", metavar="SOURCE"
    ),
]
Data = Annotated[Path | None, typer.Option(help="Folder with the photos of training/photos.toml.")]
Tasks = Annotated[
    list[str] | None,
    typer.Option("--task", help="TASK=COLUMN with its labels; category=category by itself."),
]
Columns = Annotated[
    list[str] | None, typer.Option("--map", help="FIELD=COLUMN of the source; repeatable.")
]
Run = Annotated[Path, typer.Option(help="Folder of a finished `images` run.")]
Cache = Annotated[Path, typer.Option(help="Folder for decoded pictures.")]


def one_of(paths: list[Path] | None, data: Path | None) -> None:
    """Refuse both or neither of a catalogue and the photos."""
    if bool(paths) == bool(data):
        raise typer.BadParameter("name catalogue files, or --data with the photos, one of the two")


def pairs(options: list[str] | None, name: str) -> dict[str, str]:
    """Read options such as `colour=base_colour`."""
    split = [option.partition("=") for option in options or []]
    if wrong := [left for left, middle, right in split if not (left and middle and right)]:
        raise typer.BadParameter(f"{name} {wrong[0]}: expected the form NAME=COLUMN")
    return {left: right for left, _, right in split}
