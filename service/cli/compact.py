"""`vitrine index compact`: what was written live, folded into a new version."""

import json
import os
import signal
from threading import Thread
from typing import Annotated

import typer

from service.cli.options import AsJson, Bundle, DataDir, settings_with
from service.core.index_choice import IndexChoice
from service.wiring import compacting

_STDIN = 0


def compact(
    data_dir: DataDir = None,
    bundle: Bundle = None,
    as_json: AsJson = False,
    ends_with_stdin: Annotated[bool, typer.Option("--ends-with-stdin", hidden=True)] = False,
) -> None:
    """Fold what was written live into a new version, of the kind that serves, and promote it."""
    if ends_with_stdin:
        Thread(target=_end_with_stdin, daemon=True).start()
    settings = settings_with(data_dir=data_dir, bundle=bundle)
    with compacting(settings) as flow:
        snapshot = flow.run(IndexChoice(settings.index))
    if snapshot is None:
        typer.echo(json.dumps({"version": None}) if as_json else "nothing to fold")
        return
    manifest = snapshot.manifest
    if as_json:
        counts = {"rows": manifest.rows, "products": manifest.products}
        typer.echo(json.dumps({"version": manifest.version, **counts}))
        return
    typer.echo(
        f"v{manifest.version:06d} serves: {manifest.rows:,} pictures of "
        f"{manifest.products:,} products"
    )


def _end_with_stdin() -> None:
    """End as by a signal once nobody holds the other end of stdin: who started this was killed."""
    while os.read(_STDIN, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
