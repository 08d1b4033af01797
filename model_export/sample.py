"""Pictures of a shop to measure a model on: catalogue files -> rows -> Sample, evenly at random.

What calibrates a variant, what the gate judges it by and what two bundles are compared on all
come from here, so that they read catalogues as `vitrine reindex` does.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from heapq import heappush, heapreplace
from pathlib import Path

from model_export.bundle import ExportError
from service.adapters.catalog_sources import open_source
from service.adapters.http_images import HttpImageFetcher
from service.core.errors import InvalidImageError
from service.core.image import ImageLimits, decode
from service.core.types import CatalogRow, Product
from training.sources import ABSENT, field_of, picture_bytes

_LIMITS = ImageLimits()
_LEAST_SIDE = 64  # enough to see that a picture is whole; JPEGs of any size then decode fast


@dataclass(frozen=True, slots=True)
class Sample:
    """Sound pictures in random order: the first n of them are a sample too.

    Attributes:
        images: Encoded, as stored.
        labels: Of each picture; None where the catalogue does not say.
    """

    images: tuple[bytes, ...]
    labels: tuple[str | None, ...]


def read_sample(
    sources: Sequence[Path],
    *,
    count: int,
    seed: int = 0,
    mapping: Mapping[str, str] | None = None,
    label: str = "category",
) -> Sample:
    """Draw pictures, each of the sources' sound ones as likely as any other.

    Memory holds `count` encoded pictures, whatever the size of the catalogue; pictures behind
    URLs are fetched only when drawn.

    Args:
        sources: Catalogues as `vitrine reindex` takes them.
        count: Pictures wanted, at least 1; fewer come back where there are fewer.
        seed: Of the choice: the same sources give the same sample.
        mapping: Fields of a product to columns of the sources.
        label: Field of a product, or column, to take labels from.

    Raises:
        CatalogSourceError: A source cannot be read.
        ExportError: No picture is left, or there is no such label.
    """
    draw = _Draw(count, label, random.Random(seed))
    with HttpImageFetcher(max_bytes=_LIMITS.max_bytes) as fetcher:
        for source in sources:
            for row in open_source(source, columns=mapping or {}).rows():
                draw.offer(row, fetcher)
    return draw.sample(", ".join(str(source) for source in sources))


@dataclass(slots=True)
class _Draw:
    """Every row draws a number and the `count` smallest win; only winners are read and decoded."""

    count: int
    label: str
    random: random.Random
    rows: int = 0
    broken: int = 0
    kept: list[tuple[float, int, bytes, str | None]] = field(default_factory=list)
    columns: set[str] = field(default_factory=lambda: {f.name for f in fields(Product)})

    def offer(self, row: CatalogRow, fetcher: HttpImageFetcher) -> None:
        """Take the row's picture if it wins and is sound."""
        number = self.random.random()
        self.rows += 1
        # The heap has its smallest first, so numbers are kept negated: the largest goes next.
        full = len(self.kept) >= self.count
        if row.image is None or (full and -number <= self.kept[0][0]):
            return
        data = picture_bytes(row.image, fetcher)
        if not _is_sound(data):
            self.broken += 1
            return
        self.columns |= row.product.attributes.keys()
        value = str(field_of(row.product, self.label) or "")
        entry = (-number, self.rows, data, None if value in ABSENT else value)
        if full:
            heapreplace(self.kept, entry)
        else:
            heappush(self.kept, entry)

    def sample(self, sources: str) -> Sample:
        """Return what was kept, in the order of its numbers."""
        if not self.kept:
            raise ExportError(
                f"{sources}: not one picture that can be decoded among {self.rows:,} rows "
                f"({self.broken:,} damaged, missing or of another format than JPEG, PNG and WebP)"
            )
        if self.label not in self.columns:
            raise ExportError(
                f"{sources}: nothing is called {self.label!r}; "
                f"take labels from one of {', '.join(sorted(self.columns))}"
            )
        kept = sorted(self.kept, reverse=True)
        return Sample(tuple(entry[2] for entry in kept), tuple(entry[3] for entry in kept))


def _is_sound(data: bytes) -> bool:
    try:
        decode(data, least_side=_LEAST_SIDE, limits=_LIMITS)
    except InvalidImageError:
        return False
    return True
