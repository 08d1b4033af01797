"""A catalogue as nothing but pictures in folders.

    folder -> visible files, sorted -> those that are pictures -> CatalogRow

There are no columns here: what is known of a product is where its picture lies.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from service.core.errors import CatalogSourceError
from service.core.types import CatalogRow, ImageRef, Product

IMAGE_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic")
)
"""More than Vitrine can decode, so that the rest is a failure in the receipt, not a gap."""


class ImageFolder:
    """Pictures in nested folders: the path is the id, the folders are the category."""

    def __init__(self, folder: Path, total: int) -> None:
        """Stand for the `total` pictures under `folder`."""
        self._folder = folder
        self._total = total

    @property
    def total(self) -> int | None:
        """Pictures there were when the folder was opened."""
        return self._total

    @property
    def dated(self) -> bool:
        """No: a file that was copied here bears the date of the original."""
        return False

    def rows(self) -> Iterator[CatalogRow]:
        """Yield a row a picture, sorted, a folder's own before its subfolders'."""
        for path in visible_files(self._folder):
            if path.suffix.lower() not in IMAGE_SUFFIXES:
                continue
            *parents, name = path.relative_to(self._folder).with_suffix("").parts
            product = Product(
                id=_printable("/".join((*parents, name))),
                title=_printable(" ".join(name.replace("-", " ").replace("_", " ").split())),
                category=_printable(" > ".join(parents)),
            )
            yield CatalogRow(product, ImageRef(path=path))


def visible_files(folder: Path) -> Iterator[Path]:
    """Yield what is not hidden, in a fixed order; links to folders are not followed."""

    def refuse(exc: OSError) -> NoReturn:
        raise CatalogSourceError(f"{exc.filename}: cannot be read: {exc.strerror}") from exc

    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield Path(parent, name)


def _printable(name: str) -> str:
    """Spell out bytes that are not UTF-8, which a file name may have and a database may not."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
