"""A bundle folder, written whole or not at all: temporary folder -> rename."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.core.manifest import BundleManifest


class ExportError(Exception):
    """An export that must not become a bundle; the message says why."""


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def bundle_folder(final: Path) -> Iterator[Path]:
    """Give a folder to fill; on success it takes the place of `final`, on failure it is removed.

    Raises:
        ExportError: `final` holds something other than a bundle, which must not be replaced.
    """
    if _holds_something_else(final):
        raise ExportError(f"{final} exists and is not a bundle: choose another --out, or remove it")
    building = final.with_name(f".{final.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    try:
        yield building
        replaced = final.with_name(f".{final.name}.replaced")
        shutil.rmtree(replaced, ignore_errors=True)
        if final.exists():
            final.rename(replaced)
        building.rename(final)
        shutil.rmtree(replaced, ignore_errors=True)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _holds_something_else(path: Path) -> bool:
    if path.is_dir():
        return any(path.iterdir()) and not (path / "bundle.json").is_file()
    return path.exists()


def write_manifest(folder: Path, manifest: BundleManifest) -> None:
    """Write `bundle.json`, one field a line so that a diff can be read."""
    (folder / "bundle.json").write_text(manifest.model_dump_json(indent=2) + "\n")
