"""Reading a model bundle: folder -> bundle.json -> schema -> digests of the files."""

import hashlib
import json
from pathlib import Path

from pydantic import ValidationError

from service.core.errors import BundleError
from service.core.manifest import BUNDLE_SCHEMA, BundleManifest


def read_bundle(folder: Path) -> BundleManifest:
    """Read `bundle.json` and check every file against its digest.

    Raises:
        BundleError: The folder is no bundle, of a newer schema, incomplete or damaged; every file
            that is missing or changed is named.
    """
    manifest = _read_manifest(folder)
    if wrong := [line for name in manifest.files if (line := _complaint(folder, manifest, name))]:
        raise BundleError(f"{'; '.join(wrong)}; copy it again or export it anew")
    return manifest


def _complaint(folder: Path, manifest: BundleManifest, name: str) -> str | None:
    """Say what is wrong with a file, if anything is."""
    path, expected = folder / name, manifest.files[name]
    if not path.is_file():
        return f"bundle {folder} lacks {name}"
    with path.open("rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    if actual == expected:
        return None
    return (
        f"{path} has sha256 {actual[:12]}..., bundle.json says {expected[:12]}...: "
        "it was changed or damaged"
    )


def _read_manifest(folder: Path) -> BundleManifest:
    path = folder / "bundle.json"
    try:
        raw = json.loads(path.read_text())
        schema = raw["schema_version"]
    except FileNotFoundError as exc:
        raise BundleError(f"no bundle at {folder}: {path} does not exist") from exc
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise BundleError(f"{path} cannot be read as a bundle manifest: {exc}") from exc
    if schema != BUNDLE_SCHEMA:
        raise BundleError(
            f"{path} has schema {schema}, this Vitrine reads {BUNDLE_SCHEMA}: "
            "use the Vitrine that wrote it, or export the model again"
        )
    try:
        return BundleManifest.model_validate(raw)
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "it"
        raise BundleError(f"{path}: {where}: {first['msg']}") from exc
