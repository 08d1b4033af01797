"""`vitrine keys`: keys of the API."""

from typing import Annotated

import typer

from service.cli.options import console
from service.core.access import Scope, new_key
from service.core.errors import SettingsError

app = typer.Typer(help="Keys of the API.", no_args_is_help=True)


@app.callback()
def _keys() -> None:
    """Keep `new` a subcommand, though it is the only one."""


@app.command()
def new(
    name: Annotated[str, typer.Option(help="Who will use it.")] = "default",
    scopes: Annotated[
        str, typer.Option(help="What it opens: search, write, admin, separated by commas.")
    ] = "search",
) -> None:
    """Make a key: the secret for whoever uses it, and the line that the service keeps."""
    secret, key = new_key(name, _scopes(scopes))
    console(stderr=True).print(
        "The secret is shown this once. Add the line to VITRINE_API_KEYS, or to the file "
        "that VITRINE_API_KEYS_FILE names, and start the service again."
    )
    console().print(f"secret: {secret}\nline:   {key}", soft_wrap=True)


def _scopes(text: str) -> list[Scope]:
    names = [name.strip() for name in text.split(",")]
    unknown = sorted(set(names) - set(Scope))
    if unknown:
        raise SettingsError(f"scope {unknown[0]!r} is unknown; known are {', '.join(Scope)}")
    return [Scope(name) for name in names]
