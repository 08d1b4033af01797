"""Bytes of a source's pictures, some at a time.

    places -> embedded bytes | file | URL -> changed? -> bytes and their digest | the digest alone

A picture behind a URL is asked for only if it changed since it was last downloaded, where what was
found then is still of use. Files and URLs are read by threads of their own, which wait and do not
compute; the same place among some pictures is read once.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from service.core.errors import CorruptImageError, FetchError
from service.core.keys import image_digest
from service.core.store import KnownDownload
from service.core.types import ImageFetcher, ImageRef, Validators

READERS = 16
"""Files and downloads at once: four hosts at the four requests that each is sent at once."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that could be had.

    Attributes:
        data: None where the server said that it did not change.
        download: How to ask the next time, where that is possible.
    """

    image_id: str
    data: bytes | None
    download: KnownDownload | None = None


Read: TypeAlias = Picture | CorruptImageError | FetchError | None
"""What came of a picture; None where there is none."""


class PictureReader:
    """Reads pictures; lent by `reading`, safe for several threads."""

    def __init__(self, pool: ThreadPoolExecutor, fetcher: ImageFetcher, max_bytes: int) -> None:
        self._pool = pool
        self._fetcher = fetcher
        self._max_bytes = max_bytes

    def read(
        self, images: Sequence[ImageRef | None], known: Mapping[str, KnownDownload]
    ) -> list[Read]:
        """Return what came of each picture.

        Args:
            images: Some pictures, or None where there is none.
            known: Downloads, by URL, that need not come again unless they changed.
        """
        begun: dict[str | Path, Future[Picture]] = {}
        for image in images:
            if image is None:
                continue
            if image.url is not None and image.url not in begun:
                before = known.get(image.url)
                begun[image.url] = self._pool.submit(self._fetch, image.url, before)
            elif image.path is not None and image.path not in begun:
                begun[image.path] = self._pool.submit(self._open, image.path)
        return [_outcome(image, begun) for image in images]

    def _fetch(self, url: str, known: KnownDownload | None) -> Picture:
        download = self._fetcher.fetch(url, known.validators if known else None)
        if download.data is not None:
            image_id = image_digest(download.data)
        else:
            assert known is not None  # only then is there anything that did not change
            image_id = known.image_id
        again = download.validators != Validators()
        return Picture(
            image_id,
            download.data,
            KnownDownload(url, image_id, download.validators) if again else None,
        )

    def _open(self, path: Path) -> Picture:
        try:
            with path.open("rb") as file:
                # One byte past the limit is enough for the decoder to refuse it.
                data = file.read(self._max_bytes + 1)
        except OSError as exc:
            raise CorruptImageError(f"cannot be read: {exc.strerror or exc}") from exc
        return Picture(image_digest(data), data)


@contextmanager
def reading(fetcher: ImageFetcher, max_bytes: int) -> Iterator[PictureReader]:
    """Lend a reader of pictures; of files over `max_bytes` it reads one byte more.

    Where it is left early, what has not begun is not waited for.
    """
    pool = ThreadPoolExecutor(READERS, thread_name_prefix="read")
    try:
        yield PictureReader(pool, fetcher, max_bytes)
    finally:
        pool.shutdown(cancel_futures=True)


def _outcome(image: ImageRef | None, begun: Mapping[str | Path, Future[Picture]]) -> Read:
    if image is None:
        return None
    if image.data is not None:
        return Picture(image_digest(image.data), image.data)
    place = image.url if image.url is not None else image.path
    assert place is not None  # one of the three is set
    try:
        return begun[place].result()
    except (CorruptImageError, FetchError) as exc:
        return exc
