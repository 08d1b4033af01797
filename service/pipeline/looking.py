"""Pictures to what the encoder makes of them, each looked at once.

    bytes | id of a query picture | URL -> bytes -> kept for the next call
        -> cached? | decode -> box -> preprocess -> one run of the batcher for all -> cached

The id of a picture of the catalogue gives its stored vector, which has no heads.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from service.core.errors import ImageNotFoundError, InvalidQueryError, VitrineError
from service.core.image import ImageLimits
from service.core.keys import crop_id, image_digest
from service.core.preprocess import decode_for, preprocess
from service.core.tiers import Role
from service.core.types import Encoder, ImageFetcher, Pixels, Seen, StoredVectors
from service.pipeline.batching import Batcher
from service.pipeline.clock import Clock
from service.pipeline.decoding import Decoding
from service.pipeline.embedding_cache import EmbeddingCache
from service.pipeline.fetching import TOGETHER_SECONDS, Together
from service.pipeline.outcome import attempt
from service.pipeline.querying import AnyPicture, KnownPicture, LinkedPicture, Source
from service.pipeline.recent_pictures import KEPT_SECONDS, RecentPictures
from service.pipeline.terms import PATIENT, Terms
from service.pipeline.tiering import Pick, Tiers


@dataclass(frozen=True, slots=True)
class Look:
    """What was looked at.

    Attributes:
        tier: Which of the encoder's tiers did; None where it was none of them.
        cached: Whether that was done before.
    """

    image_id: str
    seen: Seen
    tier: Role | None = None
    cached: bool = True


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A picture that the encoder has yet to see; `key` is that of its part in the box."""

    image_id: str
    key: str
    pixels: Pixels


@dataclass(frozen=True, slots=True)
class _Terms:
    """Those of the request, and whose vectors will do for it: the last makes new ones.

    Attributes:
        fetcher: Gets pictures behind URLs within the time that the request has for all of them.
    """

    terms: Terms
    picks: tuple[Pick, ...]
    fetcher: ImageFetcher | None

    @property
    def maker(self) -> Pick:
        return self.picks[-1]


@dataclass(frozen=True, slots=True)
class Looking:
    """Everything that looking at pictures needs; safe to call from several threads.

    Attributes:
        decoding: Turns at decoding, shared with the writes.
        fetcher: Gets pictures behind URLs; None refuses them.
        fetch_seconds: That those of one call to `look` may take, all of them.
    """

    tiers: Tiers
    batcher: Batcher
    cache: EmbeddingCache
    recent: RecentPictures
    stored: StoredVectors
    limits: ImageLimits
    decoding: Decoding = field(default_factory=Decoding)
    fetcher: ImageFetcher | None = None
    fetch_seconds: float = TOGETHER_SECONDS

    @property
    def encoder(self) -> Encoder:
        """What products are embedded with."""
        return self.tiers.best

    def look(
        self, pictures: Sequence[AnyPicture], clock: Clock, terms: Terms = PATIENT
    ) -> dict[Source, Look | VitrineError]:
        """Look at pictures in one run of the encoder; what is wrong with one is of it alone.

        Raises:
            AbandonedError: Nobody waits any more.
            DeadlineExceededError: It took too long.
        """
        fetcher = None if self.fetcher is None else Together(self.fetcher, self.fetch_seconds)
        looking = _Terms(terms, self.tiers.pick(terms.tier), fetcher)
        prepared = dict(zip(pictures, self._prepared(pictures, clock, looking), strict=True))
        waiting = {p.key: p for p in prepared.values() if isinstance(p, _Waiting)}
        seen: dict[str, Seen | VitrineError] = {}
        maker = looking.maker
        if waiting:
            with clock.stage("embed"):
                pixels = np.stack([each.pixels for each in waiting.values()])
                seen = dict(
                    zip(waiting, self.batcher.see(pixels, maker.encoder, terms), strict=True)
                )
        for key, each in seen.items():
            if isinstance(each, Seen):
                self.cache.set(key, each, maker.key)
        return {
            picture: _look(found.image_id, seen[found.key], maker.role)
            if isinstance(found, _Waiting)
            else found
            for picture, found in prepared.items()
        }

    def _prepared(
        self, pictures: Sequence[AnyPicture], clock: Clock, looking: "_Terms"
    ) -> list[Look | _Waiting | VitrineError]:
        if len(pictures) <= 1:
            return [attempt(self._prepare, each, clock, looking) for each in pictures]
        with clock.stage("decode"), ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(
                pool.map(lambda each: attempt(self._prepare, each, Clock(), looking), pictures)
            )

    def _prepare(self, picture: AnyPicture, clock: Clock, looking: "_Terms") -> Look | _Waiting:
        looking.terms.check()
        if isinstance(picture, KnownPicture):
            data = self.recent.find(picture.image_id)
            if data is None:
                return self._catalogued(picture, clock)
        elif isinstance(picture, LinkedPicture):
            with clock.stage("fetch"):
                data = _fetched(picture.url, looking.fetcher)
        else:
            data = picture.data
        image_id = image_digest(data)
        key = crop_id(image_id, picture.box)
        with clock.stage("cached"):
            look = self._known(image_id, key, looking.picks)
        if look is not None:
            self.recent.keep(image_id, data)
            return look
        del clock.milliseconds["cached"]
        with clock.stage("decode"), self.decoding.turn(looking.terms):
            spec = self.encoder.manifest.preprocess
            pixels = preprocess(spec, decode_for(spec, data, self.limits, picture.box))
        self.recent.keep(image_id, data)
        return _Waiting(image_id, key, pixels)

    def _known(self, image_id: str, key: str, picks: Sequence[Pick]) -> Look | None:
        for pick in picks:
            if (seen := self.cache.get(key, pick.key)) is not None:
                return Look(image_id, seen, pick.role)
        return None

    def _catalogued(self, picture: KnownPicture, clock: Clock) -> Look:
        """Raises ImageNotFoundError, or InvalidQueryError where a box needs the bytes."""
        image_id, digest = picture.image_id, self.encoder.bundle_digest
        with clock.stage("lookup"):
            vector = self.stored.vectors([image_id], digest).get(image_id)
        if vector is None:
            raise ImageNotFoundError(
                f"no picture {image_id[:80]!r}: query pictures are kept for "
                f"{KEPT_SECONDS // 60} minutes, and it is none of the catalogue; send it again"
            )
        if picture.box:
            raise InvalidQueryError(
                f"picture {image_id!r} is of the catalogue, which keeps no original to cut a box "
                "from: send the picture itself"
            )
        return Look(image_id, Seen(vector), "best")


def _fetched(url: str, fetcher: ImageFetcher | None) -> bytes:
    if fetcher is None:
        raise InvalidQueryError(
            "this service fetches no `image_url`: send the picture as `file` or `image_base64`"
        )
    data = fetcher.fetch(url).data
    assert data is not None  # nothing was said to be known
    return data


def _look(image_id: str, seen: Seen | VitrineError, tier: Role) -> Look | VitrineError:
    return seen if isinstance(seen, VitrineError) else Look(image_id, seen, tier, cached=False)
