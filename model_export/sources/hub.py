"""A model's name to its folder: one that is there, else a copy of what the Hugging Face hub has."""

from pathlib import Path

import httpx
from huggingface_hub import metadata_load, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)

from model_export.bundle import ExportError

# Weights in safetensors only: a pickle can run code.
_FILES = ["*.json", "*.safetensors", "README.md", "merges.txt"]


def model_folder(source: str, *, endpoint: str | None = None) -> Path:
    """Return the folder of a model.

    Args:
        source: A folder, or else the name of a model on the hub.
        endpoint: Of the hub, if another than the usual one or `HF_ENDPOINT`.

    Raises:
        ExportError: It is no folder, and the hub has no such model, or cannot be reached.
    """
    if Path(source).is_dir():
        return Path(source)
    try:
        return Path(snapshot_download(source, allow_patterns=_FILES, endpoint=endpoint))
    except HFValidationError as exc:
        raise ExportError(
            f"no file or folder at {source}, and no model on the Hugging Face hub has such a name"
        ) from exc
    except GatedRepoError as exc:
        raise ExportError(
            f"{source} is on the Hugging Face hub for those alone who accepted its terms: "
            "do so on its page, then `hf auth login`"
        ) from exc
    except RepositoryNotFoundError as exc:
        raise ExportError(
            f"{source} is neither a folder here nor a model on the Hugging Face hub"
        ) from exc
    except (
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        HfHubHTTPError,
        httpx.HTTPError,
        OSError,
    ) as exc:
        raise ExportError(
            f"no folder {source} here, and the Hugging Face hub cannot be reached for a model of "
            f"that name ({type(exc).__name__}): copy the model's folder here and name that"
        ) from exc


def stated_licence(folder: Path) -> str | None:
    """Return what the model's README says of its licence, if anything."""
    card = folder / "README.md"
    try:
        stated = (metadata_load(card) or {}).get("license") if card.is_file() else None
    except (OSError, ValueError):
        return None
    return stated if isinstance(stated, str) else None
