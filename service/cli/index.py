"""`vitrine index`: the versions of the index, and which of them serves."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.table import Table

from service.cli.compact import compact
from service.cli.options import (
    AsJson,
    Bundle,
    DataDir,
    Golden,
    MinCoverage,
    MinGolden,
    console,
    gate_options,
    given_version,
    settings_with,
)
from service.cli.report import report
from service.core.manifest import SnapshotManifest
from service.core.snapshot import KeptVersion
from service.pipeline.gate import Check, inspect, require
from service.pipeline.promoting import promote as promote_version
from service.pipeline.promoting import version_before
from service.pipeline.versions import state_of
from service.wiring import alone_in, inspecting, snapshots

app = typer.Typer(
    help="List, look at, verify, promote, roll back, compact and prune versions of the index.",
    no_args_is_help=True,
)
app.command()(compact)
app.command()(report)
Version = Annotated[int | None, typer.Argument(help="A version. [default: the serving one]")]


@app.command("list")
def list_versions(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the versions on disk, the serving one and those it may be rolled back to."""
    folder = snapshots(settings_with(data_dir=data_dir))
    history, versions = folder.history(), folder.kept()
    if as_json:
        typer.echo(json.dumps([_as_json(kept, history) for kept in versions if kept.manifest]))
        return
    # What fits 80 columns; `show` and --json have the rest.
    table = Table("version", "state", "built", "rows", "products", "kind", "recall@10")
    for kept in versions:
        state = state_of(kept.version, history) if kept.whole else "damaged"
        table.add_row(f"v{kept.version:06d}", state, *_about(kept.manifest))
    console().print(table)


@app.command()
def show(version: Version = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show what one version says of itself, with every operating point that was measured."""
    folder = snapshots(settings_with(data_dir=data_dir))
    manifest = folder.manifest(given_version(version, folder.current()))
    if as_json:
        typer.echo(manifest.model_dump_json())
        return
    plain = manifest.model_dump(
        mode="json", exclude={"operating_points", "chosen", "files", "receipt", "schema_version"}
    )
    about = Table(show_header=False)
    for name, value in plain.items():
        about.add_row(name.replace("_", " "), str(value))
    console().print(about)
    points = Table("efSearch", "nprobe", "depth", "recall@10", "at least", "ms/query", "")
    for point in manifest.operating_points:
        look = point.search
        points.add_row(
            str(look.ef_search or ""),
            str(look.nprobe or ""),
            str(look.depth),
            f"{point.recall:.4f}",
            f"{point.promised:.4f}",
            f"{point.milliseconds:.3f}",
            "serves" if point == manifest.chosen else "",
        )
    console().print(points)


@app.command()
def verify(version: Version = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Read every byte of a version and compare it with its checksums."""
    folder = snapshots(settings_with(data_dir=data_dir))
    manifest = folder.load(given_version(version, folder.current())).manifest
    if as_json:
        typer.echo(json.dumps({"version": manifest.version, "files": manifest.files}))
    else:
        typer.echo(f"v{manifest.version:06d} is whole: {', '.join(sorted(manifest.files))}")


@app.command()
def promote(
    version: Annotated[int, typer.Argument(help="The version that shall serve.")],
    data_dir: DataDir = None,
    bundle: Bundle = None,
    min_coverage: MinCoverage = "50%",
    golden: Golden = None,
    min_golden: MinGolden = "95%",
    force: Annotated[bool, typer.Option("--force", help="Also where a check fails.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put a version in service if it passes the gate; serving processes swap within a second."""
    settings = settings_with(data_dir=data_dir, bundle=bundle)
    options = gate_options(min_coverage, golden, min_golden)
    with (
        alone_in(settings) as folder,
        inspecting(settings, embeds=bool(options.golden)) as (store, encoder),
    ):
        with store.view() as view:
            checks = inspect(folder.load(version), view, encoder, options)
        if not as_json:
            _show_checks(checks)
        if not force:
            require(checks, version)
        promote_version(folder, store, version)
    _say_serving(version, as_json=as_json)


@app.command()
def rollback(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Put the version in service that served before this one."""
    with alone_in(settings_with(data_dir=data_dir)) as folder:
        version = version_before(folder)
        folder.load(version)
        folder.roll_back()
    _say_serving(version, as_json=as_json)


@app.command()
def prune(
    keep: Annotated[
        int, typer.Option(min=1, help="Versions to keep, the serving one included.")
    ] = 3,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Remove all but the serving version and those that served last before it."""
    settings = settings_with(data_dir=data_dir)
    with alone_in(settings) as folder:
        removed = folder.prune(keep)
    if as_json:
        typer.echo(json.dumps({"removed": removed}))
    else:
        names = ", ".join(f"v{version:06d}" for version in removed)
        typer.echo(f"removed {names}" if removed else "nothing to remove")


def _about(manifest: SnapshotManifest | None) -> Iterator[str]:
    if manifest is not None:
        yield manifest.built_at[:16].replace("T", " ")
        yield f"{manifest.rows:,}"
        yield f"{manifest.products:,}"
        yield manifest.index_kind
        yield f"{manifest.chosen.recall:.4f}"


def _as_json(kept: KeptVersion, history: tuple[int, ...]) -> dict[str, Any]:
    assert kept.manifest is not None
    said = kept.manifest.model_dump(mode="json", exclude={"operating_points"})
    about = {"state": state_of(kept.version, history), "bytes": kept.size, "sound": kept.whole}
    return {**about, **said}


def _show_checks(checks: list[Check]) -> None:
    table = Table("check", "found", "required", "")
    for check in checks:
        table.add_row(
            check.name,
            f"{check.found:,.4g}",
            f"{check.required:,.4g}",
            "ok" if check.passed else "fails",
        )
    console().print(table)


def _say_serving(version: int, *, as_json: bool) -> None:
    typer.echo(json.dumps({"version": version}) if as_json else f"v{version:06d} serves")
