"""Pictures of products on their way into the store, some at a time, beside the queries.

    Picture -> bytes -> digest -> embedded? | decode -> preprocess -> batcher -> Made

The batcher is that of the queries: a write holds these up by the pictures that `pool` has under way
at most, however many it brings.
"""

from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.core.errors import (
    EncoderError,
    FetchError,
    InvalidImageError,
    InvalidQueryError,
    OverloadedError,
)
from service.core.image import ImageLimits
from service.core.keys import image_digest
from service.core.preprocess import decode_for, preprocess
from service.core.store import ProductStore, ThumbnailStore
from service.core.thumbnails import thumbnail
from service.core.types import Encoder, ImageFetcher, Thumbnail
from service.pipeline.batching import Batcher
from service.pipeline.decoding import Decoding
from service.pipeline.fetching import TOGETHER_SECONDS, Together
from service.pipeline.terms import BULK, Terms

PictureError: TypeAlias = (
    InvalidImageError | FetchError | InvalidQueryError | OverloadedError | EncoderError
)


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a product: exactly one of bytes, a URL, and the id of a known picture."""

    data: bytes | None = None
    url: str | None = None
    image_id: str | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """What became of a picture.

    Attributes:
        known: Whether there is a vector of it, here or in the store.
        vector: (dim,), where the store has none yet.
        small: A copy to show, where there is none yet.
    """

    image_id: str
    known: bool = True
    vector: NDArray[np.float32] | None = None
    small: Thumbnail | None = None


@dataclass(frozen=True, slots=True)
class PictureMaker:
    """What it takes to make them; safe to call from several threads.

    Attributes:
        pool: Threads that read, decode and wait for the encoder.
        fetcher: Gets pictures behind URLs, of which no small copy is kept; None refuses them.
        decoding: Turns at decoding, shared with the queries.
        fetch_seconds: That the URLs of one write may take, all of them.
    """

    encoder: Encoder
    batcher: Batcher
    store: ProductStore
    thumbnails: ThumbnailStore
    limits: ImageLimits
    pool: Executor
    fetcher: ImageFetcher | None = None
    decoding: Decoding = field(default_factory=Decoding)
    fetch_seconds: float = TOGETHER_SECONDS

    def make(
        self, pictures: Iterable[Picture], terms: Terms = BULK
    ) -> dict[Picture, Made | PictureError]:
        """Embed the pictures, each once; one that cannot be, is an error in its place.

        Those behind URLs have a time together, but where they come by the many.

        Raises:
            DeadlineExceededError: The time was over before all were begun.
        """
        unique, fetcher = list(dict.fromkeys(pictures)), self.fetcher
        if fetcher is not None and terms.urgency != "bulk":
            fetcher = Together(fetcher, self.fetch_seconds)
        made = self.pool.map(lambda each: self._made_or_error(each, terms, fetcher), unique)
        return dict(zip(unique, made, strict=True))

    def _made_or_error(
        self, picture: Picture, terms: Terms, fetcher: ImageFetcher | None
    ) -> Made | PictureError:
        try:
            return self._made(picture, terms, fetcher)
        except (
            InvalidImageError,
            FetchError,
            InvalidQueryError,
            OverloadedError,
            EncoderError,
        ) as exc:
            return exc

    def _made(self, picture: Picture, terms: Terms, fetcher: ImageFetcher | None) -> Made:
        terms.check()
        bundle = self.encoder.bundle_digest
        if picture.image_id is not None:
            known = bool(self.store.embedded([picture.image_id], bundle))
            return Made(picture.image_id, known=known)
        data = _bytes(picture, fetcher)
        image_id = image_digest(data)
        embedded = bool(self.store.embedded([image_id], bundle))
        shown = picture.data is not None and not self.thumbnails.having([image_id])
        if embedded and not shown:
            return Made(image_id)
        spec = self.encoder.manifest.preprocess
        with self.decoding.turn(terms):
            image = decode_for(spec, data, self.limits)
            pixels = None if embedded else preprocess(spec, image)
            small = thumbnail(data, image) if shown else None
        vector = None if pixels is None else self.batcher.encode(pixels, terms)
        return Made(image_id, vector=vector, small=small)


def _bytes(picture: Picture, fetcher: ImageFetcher | None) -> bytes:
    if picture.data is not None:
        return picture.data
    assert picture.url is not None  # one of the three is set
    if fetcher is None:
        raise InvalidQueryError(
            "this service fetches no URLs: send the picture's bytes as `image_base64`"
        )
    data = fetcher.fetch(picture.url).data
    assert data is not None  # nothing was said to be known
    return data
