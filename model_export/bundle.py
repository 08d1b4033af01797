"""A bundle folder, written whole or not at all: temporary folder -> rename."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.core.manifest import BundleManifest


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def bundle_folder(final: Path) -> Iterator[Path]:
    """Give a folder to fill; on success it takes the place of `final`, on failure it is removed."""
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


def write_manifest(folder: Path, manifest: BundleManifest) -> None:
    """Write `bundle.json`, one field a line so that a diff can be read."""
    (folder / "bundle.json").write_text(manifest.model_dump_json(indent=2) + "\n")
