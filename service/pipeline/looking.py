"""Pictures to what the encoder makes of them, each looked at once.

    bytes | id of a query picture | URL -> bytes
        -> another request is at it? wait for that : cached? | refused before?
        -> decode -> box -> preprocess -> one run of the batcher for all -> cached
    bytes -> kept for the next call

The id of a picture of the catalogue gives its stored vector, which has no heads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from service.core.crop import Box
from service.core.errors import InvalidImageError, VitrineError
from service.core.image import ImageLimits
from service.core.keys import crop_id, image_digest
from service.core.preprocess import decode_for, preprocess
from service.core.tiers import Role
from service.core.types import Encoder, ImageFetcher, Pixels, Seen, StoredVectors
from service.pipeline.at_once import at_once
from service.pipeline.batching import Batcher
from service.pipeline.clock import Clock
from service.pipeline.decoding import Decoding
from service.pipeline.embedding_cache import EmbeddingCache
from service.pipeline.fetching import TOGETHER_SECONDS, Together
from service.pipeline.outcome import attempt
from service.pipeline.picture_sources import catalogued, fetched
from service.pipeline.querying import AnyPicture, KnownPicture, LinkedPicture, Source
from service.pipeline.recent_pictures import RecentPictures
from service.pipeline.refused_pictures import RefusedPictures
from service.pipeline.shared_work import SharedWork
from service.pipeline.terms import PATIENT, Terms
from service.pipeline.tiering import Pick, Tiers


@dataclass(frozen=True, slots=True)
class Look:
    """What was looked at.

    Attributes:
        tier: Which of the encoder's tiers did; None where it was none of them.
    """

    image_id: str
    seen: Seen
    tier: Role | None = None


@dataclass(frozen=True, slots=True)
class _Part:
    """The bytes of a picture, and what of it is asked for; `key` is that of its part in the box."""

    image_id: str
    data: bytes
    box: Box | None

    @property
    def key(self) -> str:
        return crop_id(self.image_id, self.box)


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
        refused: Pictures that cannot be decoded.
        work: What requests are looking at now.
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
    refused: RefusedPictures = field(default_factory=RefusedPictures)
    work: SharedWork[Look] = field(default_factory=SharedWork)

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
        found = dict(zip(pictures, self._all_got(pictures, clock, looking), strict=True))
        looks: dict[str, Look | VitrineError] = {}
        parts = {part.key: part for part in found.values() if isinstance(part, _Part)}
        while parts:  # again where whoever was at a picture failed alone
            looks |= self._looked(parts, clock, looking)
            parts = {key: part for key, part in parts.items() if key not in looks}
        return {
            picture: looks[part.key] if isinstance(part, _Part) else part
            for picture, part in found.items()
        }

    def _all_got(
        self, pictures: Sequence[AnyPicture], clock: Clock, looking: "_Terms"
    ) -> list[Look | _Part | VitrineError]:
        def got(picture: AnyPicture, clock: Clock) -> Look | _Part:
            return self._got(picture, clock, looking)

        if any(isinstance(picture, LinkedPicture) for picture in pictures):
            return at_once("fetch", got, pictures, clock)
        return [attempt(got, picture, clock) for picture in pictures]

    def _got(self, picture: AnyPicture, clock: Clock, looking: "_Terms") -> Look | _Part:
        looking.terms.check()
        if isinstance(picture, KnownPicture):
            data = self.recent.find(picture.image_id)
            if data is None:
                with clock.stage("lookup"):
                    seen = catalogued(picture, self.stored, self.encoder.bundle_digest)
                return Look(picture.image_id, seen, "best")
            return _Part(picture.image_id, data, picture.box)
        if isinstance(picture, LinkedPicture):
            with clock.stage("fetch"):
                data = fetched(picture.url, looking.fetcher)
            return _Part(image_digest(data), data, picture.box)
        return _Part(picture.image_id, picture.data, picture.box)

    def _looked(
        self, parts: Mapping[str, _Part], clock: Clock, looking: "_Terms"
    ) -> dict[str, Look | VitrineError]:
        """Look at those that nobody is at, and then wait for the others."""
        keys = {f"{key}:{looking.maker.key}": part for key, part in parts.items()}
        others = self.work.claim(list(keys))
        own = {key: part for key, part in keys.items() if key not in others}
        looks: dict[str, Look | VitrineError] = {}
        try:
            looks = self._led(list(own.values()), clock, looking)
        finally:
            for key, part in own.items():
                self.work.land(key, looks.get(part.key))
        for key, work in others.items():
            with clock.stage("joined"):
                look = self.work.wait(work, looking.terms)
            if look is not None:
                looks[keys[key].key] = look
        return looks

    def _led(
        self, parts: Sequence[_Part], clock: Clock, looking: "_Terms"
    ) -> dict[str, Look | VitrineError]:
        """Find what is cached, and look at the rest in one run."""
        if not parts:
            return {}
        with clock.stage("cached"):
            looks: dict[str, Look | VitrineError] = dict(self._known(parts, looking.picks))
        new = [part for part in parts if part.key not in looks]
        if new:
            del clock.milliseconds["cached"]

        def decode(part: _Part, clock: Clock) -> Pixels:
            return self._decoded(part, clock, looking.terms)

        decoded = dict(zip(new, at_once("decode", decode, new, clock), strict=True))
        pixels = {part: one for part, one in decoded.items() if not isinstance(one, VitrineError)}
        looks |= {part.key: one for part, one in decoded.items() if isinstance(one, VitrineError)}
        if pixels:
            maker = looking.maker
            with clock.stage("embed"):
                whole = np.array([*pixels.values()])
                seen = self.batcher.see(whole, maker.encoder, looking.terms)
            for part, one in zip(pixels, seen, strict=True):
                if isinstance(one, Seen):
                    self.cache.set(part.key, one, maker.key)
                looks[part.key] = _look(part.image_id, one, maker.role)
        for part in parts:
            if isinstance(looks[part.key], Look):
                self.recent.keep(part.image_id, part.data)
        return looks

    def _known(self, parts: Sequence[_Part], picks: Sequence[Pick]) -> dict[str, Look]:
        asked = [(part, pick) for part in parts for pick in picks]
        seen = self.cache.get_many([(part.key, pick.key) for part, pick in asked])
        known: dict[str, Look] = {}
        for (part, pick), one in zip(asked, seen, strict=True):
            if one is not None:
                known.setdefault(part.key, Look(part.image_id, one, pick.role))
        return known

    def _decoded(self, part: _Part, clock: Clock, terms: Terms) -> Pixels:
        spec = self.encoder.manifest.preprocess
        self.refused.check(part.key)
        with clock.stage("decode"), self.decoding.turn(terms):
            try:
                return preprocess(spec, decode_for(spec, part.data, self.limits, part.box))
            except InvalidImageError as exc:
                self.refused.note(part.key, exc)
                raise


def _look(image_id: str, seen: Seen | VitrineError, tier: Role) -> Look | VitrineError:
    return seen if isinstance(seen, VitrineError) else Look(image_id, seen, tier)
