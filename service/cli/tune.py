"""`vitrine tune`: which settings suit this machine, measured on it, and a file of them."""

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, fields
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from service.adapters.bundles import read_bundle
from service.adapters.catalog_sources import open_source
from service.adapters.onnx_session import ON_GPU
from service.cli.options import AsJson, Bundle, SettingsFile, console, settings_with
from service.cli.tune_report import (
    MARK,
    as_json,
    conclusion,
    file_text,
    table,
    tier_costs,
)
from service.core.cores import core_count
from service.core.errors import CatalogSourceError, SettingsError
from service.core.manifest import BundleManifest, Tier
from service.core.preprocess import decode_for, preprocess
from service.core.types import CatalogSource
from service.demo.catalog import encode
from service.demo.products import products
from service.demo.render import render
from service.encoders import image_limits, make_batcher, make_decoding, make_encoder
from service.pipeline.pace import Ask
from service.pipeline.tuning import Knobs, Sweep, stages_for
from service.settings import Settings

_PICTURES = 24
_DEMO_SIDES = (256, 512, 800, 1600)  # pixels: from thumbnails to what a phone sends


class For(StrEnum):
    """What is to be better."""

    BOTH = "both"
    THROUGHPUT = "throughput"
    LATENCY = "latency"


def tune(
    source: Annotated[
        Path | None,
        typer.Argument(help="Catalogue whose pictures to ask with; else the demo's are."),
    ] = None,
    bundle: Bundle = None,
    settings: SettingsFile = None,
    seconds: Annotated[
        float, typer.Option(min=1, max=3600, help="To measure for, opening models aside.")
    ] = 60,
    goal: Annotated[
        For, typer.Option("--for", help="Pictures a second at 8 callers, ms at one, or both.")
    ] = For.BOTH,
    exact: Annotated[
        bool, typer.Option("--exact", help="Leave out tiers of fewer bits, which cost quality.")
    ] = False,
    out: Annotated[Path, typer.Option(help="File of settings to write.")] = Path("vitrine.env"),
    as_json_: AsJson = False,
) -> None:
    """Try settings of encoder and decoder on this machine, and write those that are better."""
    _check(out)
    chosen = settings_with(bundle=bundle, settings_file=settings)
    manifest = read_bundle(chosen.bundle)
    start = Knobs(**{field.name: getattr(chosen, field.name) for field in fields(Knobs)})
    pictures = _pictures(open_source(source, columns={})) if source else _demo_pictures()
    sweep = Sweep(
        opened=lambda knobs: _opened(chosen, knobs),
        pictures=pictures,
        goal=goal.value,
        seconds=seconds,
        tell=lambda stage: typer.echo(f"{stage} ...", err=True),
    )
    on_gpu = chosen.provider in ON_GPU
    variants = [] if exact or on_gpu else _variants(manifest)
    tiers = [None, *(tier.name for tier in variants)] if variants else []
    cores = core_count()
    tuned = sweep.run(start, stages_for(start, tiers=tiers, cores=cores, on_gpu=on_gpu))
    machine = f"{platform.machine()}, {cores} cores, provider {chosen.provider}"
    _write(out, file_text(tuned, f"{machine}, bundle {manifest.name}, for {goal}"))
    hidden = [name for name in _changed(tuned.start, tuned.best) if _in_environment(name)]
    if as_json_:
        typer.echo(as_json(tuned, machine, variants, out))
    else:
        console().print(table(tuned))
        for line in (*tier_costs(variants), *conclusion(tuned)):
            typer.echo(line)
        typer.echo(f"{out} is written: vitrine serve --settings {out}")
    for name in hidden:
        typer.echo(f"{_variable(name)} is set in the environment, which comes first", err=True)


def _check(out: Path) -> None:
    """Raise SettingsError where the file cannot be written, or somebody else wrote it."""
    if not out.parent.is_dir():
        raise SettingsError(f"{out.parent} is no folder: name another file with --out")
    if out.exists() and not (out.is_file() and out.read_text(errors="replace").startswith(MARK)):
        raise SettingsError(
            f"{out} is there, and not written by `vitrine tune`: name another file with --out"
        )


def _write(out: Path, text: str) -> None:
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text)
        partial.replace(out)
    except OSError as exc:
        partial.unlink(missing_ok=True)
        raise SettingsError(f"{out} cannot be written: {exc.strerror}") from exc


def _opened(settings: Settings, knobs: Knobs) -> Ask:
    """Open the encoder under some knobs; return the way from bytes to vector that queries go."""
    own = settings.model_copy(update=asdict(knobs))
    encoder = make_encoder(own)
    batcher, decoding, limits = make_batcher(own, encoder), make_decoding(own), image_limits(own)
    spec = encoder.manifest.preprocess

    def ask(data: bytes) -> object:
        with decoding.turn():
            pixels = preprocess(spec, decode_for(spec, data, limits))
        return batcher.encode(pixels)

    return ask


def _pictures(source: CatalogSource) -> list[bytes]:
    """Return the first pictures of a catalogue that are at hand; raises CatalogSourceError."""
    found = []
    for row in islice(source.rows(), 100 * _PICTURES):
        image = row.image
        if image is not None and (image.data or (image.path and image.path.is_file())):
            found.append(image.data or image.path.read_bytes())  # type: ignore[union-attr]
        if len(found) == _PICTURES:
            break
    if not found:
        raise CatalogSourceError("the catalogue has no picture at hand: URLs are not fetched here")
    return found


def _demo_pictures() -> list[bytes]:
    shown = products(_PICTURES, seed=1)
    sides = _DEMO_SIDES * (_PICTURES // len(_DEMO_SIDES))
    return [encode(render(item, view=1, size=s)) for item, s in zip(shown, sides, strict=True)]


def _variants(manifest: BundleManifest) -> Sequence[Tier]:
    """Return what the gate let stand in for the bundle's first tier."""
    first, *others = manifest.image.tiers
    return [tier for tier in others if tier.gate and tier.gate.of == first.name]


def _changed(before: Knobs, after: Knobs) -> list[str]:
    was = asdict(before)
    return [name for name, value in asdict(after).items() if value != was[name]]


def _variable(name: str) -> str:
    return f"VITRINE_{name.upper()}"


def _in_environment(name: str) -> bool:
    return _variable(name) in os.environ
