"""Rows of a source on their way to the encoder: bytes -> digest -> known? | decode -> preprocess.

    source -> chunk of rows -> unchanged since? kept as they are
                            -> pictures read (`reading`) -> known and small copy there? done
                                                         -> else decoded by a pool, one by one
           -> chunks in order, a few ahead of whoever takes them

What is known is asked of the stores once a chunk. Memory depends on the chunks that are ahead,
which are bounded in rows and in bytes, and not on the catalogue.
"""

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from service.core.cores import core_count
from service.core.errors import FetchError, InvalidImageError
from service.core.image import ImageLimits
from service.core.preprocess import decode_for, preprocess
from service.core.store import KnownDownload, ProductStore, ThumbnailStore
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
from service.pipeline.reading import Picture, PictureReader, reading

CHUNK_ROWS = 64
CHUNK_BYTES = 16 << 20
"""Of the rows' encoded pictures, those that are not read yet taken for `_UNREAD_BYTES`."""
CHUNKS_AHEAD = 3
"""One that is taken, one that is decoded, one that is read."""
_UNREAD_BYTES = 512 << 10
_CHUNKS_READ_AT_ONCE = 2  # the last downloads of one leave room for the first of the next


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
    """A row on its way; `pixels` and `thumbnail` are None where they are not needed.

    Attributes:
        kept: It did not change since the time that was given: nothing of it was looked at.
        pictured: It names a picture.
    """

    product: Product
    pictured: bool = False
    kept: bool = False
    image_id: str | None = None
    download: KnownDownload | None = None
    pixels: Pixels | None = None
    thumbnail: Thumbnail | None = None
    failure: Failure | None = None


_Pending: TypeAlias = Prepared | Future[Prepared]


@dataclass(frozen=True, slots=True)
class Preparer:
    """What it takes to prepare rows.

    Attributes:
        since: Rows that are older are kept as they are, if their products have pictures, and these
            vectors; None looks at every row.
    """

    encoder: Encoder
    store: ProductStore
    thumbnails: ThumbnailStore
    fetcher: ImageFetcher
    limits: ImageLimits
    policy: ThumbnailPolicy
    since: datetime | None = None

    def prepared(self, source: CatalogSource) -> Generator[list[Prepared], None, None]:
        """Yield the rows in order, some at a time; those ahead are being read and decoded."""
        with ExitStack() as stack:
            readers = _pool(stack, _CHUNKS_READ_AT_ONCE, "prepare")
            decoders = _pool(stack, core_count(), "decode")
            reader = stack.enter_context(reading(self.fetcher, self.limits.max_bytes))
            ahead: deque[Future[list[_Pending]]] = deque()
            for rows in _chunks(source):
                ahead.append(readers.submit(self._prepare, rows, reader, decoders))
                if len(ahead) >= CHUNKS_AHEAD:
                    yield _resolved(ahead.popleft())
            while ahead:
                yield _resolved(ahead.popleft())

    def _prepare(
        self, rows: Sequence[CatalogRow], reader: PictureReader, decoders: ThreadPoolExecutor
    ) -> list[_Pending]:
        kept = self._kept(rows)
        images = [None if keep else row.image for row, keep in zip(rows, kept, strict=True)]
        read = reader.read(images, self._known_downloads(images))
        known = self._known({part.image_id for part in read if isinstance(part, Picture)})
        pending: list[_Pending] = []
        for row, keep, found in zip(rows, kept, read, strict=True):
            image, product = row.image, row.product
            if keep or found is None or image is None:
                pending.append(Prepared(product, pictured=image is not None, kept=keep))
            elif not isinstance(found, Picture):
                pending.append(_failed(product, image, found))
            elif self._lacks_nothing(image, found.image_id, known):
                pending.append(Prepared(product, True, False, found.image_id, found.download))
            else:
                pending.append(decoders.submit(self._decode, product, image, found, known))
        return pending

    def _decode(
        self, product: Product, image: ImageRef, picture: Picture, known: "_Known"
    ) -> Prepared:
        spec, data, image_id = self.encoder.manifest.preprocess, picture.data, picture.image_id
        assert data is not None  # a server is asked for changes only where nothing is lacking
        try:
            decoded = decode_for(spec, data, self.limits)
            small = self._shows(image, image_id, known)
            return Prepared(
                product,
                pictured=True,
                image_id=image_id,
                download=picture.download,
                pixels=None if image_id in known.vectors else preprocess(spec, decoded),
                thumbnail=thumbnail(data, decoded) if small else None,
            )
        except InvalidImageError as exc:
            return _failed(product, image, exc)

    def _kept(self, rows: Sequence[CatalogRow]) -> list[bool]:
        """Tell which rows are older than was asked for, and of products that lack nothing."""
        since = self.since
        if since is None:
            return [False] * len(rows)
        older = [row.updated_at is not None and row.updated_at < since for row in rows]
        ids = {row.product.id for row, old in zip(rows, older, strict=True) if old}
        stored = self.store.get_many(list(ids)) if ids else {}
        images = {image_id for product in stored.values() for image_id in product.image_ids}
        vectors = self.store.embedded(images, self.encoder.bundle_digest) if images else set()
        whole = {
            id_ for id_, p in stored.items() if p.image_ids and vectors.issuperset(p.image_ids)
        }
        return [
            old and row.product.id in (stored if row.image is None else whole)
            for row, old in zip(rows, older, strict=True)
        ]

    def _known_downloads(self, images: Sequence[ImageRef | None]) -> dict[str, KnownDownload]:
        """Return those of which nothing is lacking, so that they need not come again."""
        by_url = {image.url: image for image in images if image is not None and image.url}
        downloads = self.store.downloads(by_url) if by_url else {}
        known = self._known({download.image_id for download in downloads.values()})
        return {
            url: download
            for url, download in downloads.items()
            if self._lacks_nothing(by_url[url], download.image_id, known)
        }

    def _known(self, image_ids: set[str]) -> "_Known":
        if not image_ids:
            return _Known(frozenset(), frozenset())
        return _Known(
            self.store.embedded(image_ids, self.encoder.bundle_digest),
            set() if self.policy is ThumbnailPolicy.OFF else self.thumbnails.having(image_ids),
        )

    def _lacks_nothing(self, image: ImageRef, image_id: str, known: "_Known") -> bool:
        return image_id in known.vectors and not self._shows(image, image_id, known)

    def _shows(self, image: ImageRef, image_id: str, known: "_Known") -> bool:
        """Whether a small copy is to be made."""
        return self.policy.keeps(image) and image_id not in known.thumbnails


@dataclass(frozen=True, slots=True)
class _Known:
    """Which of a chunk's pictures have a vector, and which a small copy."""

    vectors: AbstractSet[str]
    thumbnails: AbstractSet[str]


def _failed(product: Product, image: ImageRef, why: InvalidImageError | FetchError) -> Prepared:
    failure = Failure(product.id, str(image), why.code, str(why))
    return Prepared(product, pictured=True, failure=failure)


def _chunks(source: CatalogSource) -> Iterator[list[CatalogRow]]:
    rows: list[CatalogRow] = []
    size = 0
    for row in source.rows():
        rows.append(row)
        if row.image is not None:
            size += len(row.image.data) if row.image.data is not None else _UNREAD_BYTES
        if len(rows) >= CHUNK_ROWS or size >= CHUNK_BYTES:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows


def _resolved(chunk: Future[list[_Pending]]) -> list[Prepared]:
    return [row if isinstance(row, Prepared) else row.result() for row in chunk.result()]


def _pool(stack: ExitStack, threads: int, name: str) -> ThreadPoolExecutor:
    """Open a pool; where it is left early, what has not begun is not waited for."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
    stack.callback(pool.shutdown, cancel_futures=True)
    return pool
