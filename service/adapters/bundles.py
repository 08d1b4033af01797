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
        BundleError: The folder is no bundle, of a newer schema, incomplete or damaged.
    """
    manifest = _read_manifest(folder)
    for name, expected in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise BundleError(f"bundle {folder} lacks {name}; copy it again or export it anew")
        with path.open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
        if actual != expected:
            raise BundleError(
                f"{path} has sha256 {actual[:12]}..., bundle.json says {expected[:12]}...: "
                "it was changed or damaged; copy it again or export it anew"
            )
    return manifest


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
