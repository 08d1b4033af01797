"""Rows of a source on their way to the encoder: bytes -> digest -> known? | decode -> preprocess.

Reading and decoding run in a pool a window ahead of whoever takes the rows, in row order, so that
memory depends on the window and not on the catalogue.
"""

import os
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

from service.core.errors import CorruptImageError, FetchError, InvalidImageError
from service.core.image import ImageLimits
from service.core.keys import image_digest
from service.core.preprocess import decode_for, preprocess
from service.core.store import ProductStore, ThumbnailStore
from service.core.thumbnails import thumbnail
from service.core.types import (
    CatalogRow,
    CatalogSource,
    Encoder,
    Failure,
    ImageFetcher,
    ImageRef,
    Pixels,
    Product,
    Thumbnail,
)

_WINDOW = 64  # two batches of the encoder: one being run, one being made


class ThumbnailPolicy(StrEnum):
    """Of which pictures a small copy is kept: those not behind a URL, all, or none."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"

    def keeps(self, image: ImageRef) -> bool:
        """Whether a small copy of this picture is wanted."""
        return self is ThumbnailPolicy.ON or (self is ThumbnailPolicy.AUTO and image.url is None)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A row on its way; `pixels` and `thumbnail` are None where they are not needed."""

    product: Product
    image_id: str | None = None
    pixels: Pixels | None = None
    thumbnail: Thumbnail | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Preparer:
    """What it takes to prepare rows."""

    encoder: Encoder
    store: ProductStore
    thumbnails: ThumbnailStore
    fetcher: ImageFetcher
    limits: ImageLimits
    policy: ThumbnailPolicy

    def prepared(self, source: CatalogSource) -> Generator[Prepared, None, None]:
        """Yield rows in order, read and decoded by a pool at most a window ahead."""
        ahead: deque[Future[Prepared]] = deque()
        pool = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="decode")
        try:
            for row in source.rows():
                ahead.append(pool.submit(self._prepare, row))
                if len(ahead) >= _WINDOW:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            # An interrupted run does not wait for a window of downloads.
            pool.shutdown(cancel_futures=True)

    def _prepare(self, row: CatalogRow) -> Prepared:
        if row.image is None:
            return Prepared(row.product)
        try:
            data = self._read(row.image)
            image_id = image_digest(data)
            embedded = bool(self.store.embedded([image_id], self.encoder.bundle_digest))
            shown = self.policy.keeps(row.image) and not self.thumbnails.has(image_id)
            if embedded and not shown:
                return Prepared(row.product, image_id)
            spec = self.encoder.manifest.preprocess
            image = decode_for(spec, data, self.limits)
            return Prepared(
                row.product,
                image_id,
                pixels=None if embedded else preprocess(spec, image),
                thumbnail=thumbnail(data, image) if shown else None,
            )
        except (InvalidImageError, FetchError) as exc:
            failure = Failure(row.product.id, str(row.image), exc.code, str(exc))
            return Prepared(row.product, failure=failure)

    def _read(self, image: ImageRef) -> bytes:
        if image.data is not None:
            return image.data
        if image.url is not None:
            data = self.fetcher.fetch(image.url).data
            assert data is not None  # nothing was said to be known
            return data
        assert image.path is not None  # one of the three is set
        try:
            with image.path.open("rb") as file:
                # One byte past the limit is enough for the decoder to refuse it.
                return file.read(self.limits.max_bytes + 1)
        except OSError as exc:
            raise CorruptImageError(f"cannot be read: {exc.strerror or exc}") from exc
