"""A query to the vector that is searched with: every source looked at once, then mixed.

    Query -> pictures (`looking`), words (`texts`), products, vectors -> unit vectors -> their sum

Queries that come together share one run of the encoder.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.core.errors import InvalidQueryError, ProductNotFoundError, VitrineError
from service.core.store import ProductStore
from service.core.tiers import Role
from service.core.types import Seen
from service.pipeline.clock import Clock
from service.pipeline.looking import Look, Looking
from service.pipeline.outcome import attempt, succeeded
from service.pipeline.querying import LikeProduct, Point, Query, Source, Words, mixed
from service.pipeline.terms import PATIENT, Terms
from service.pipeline.texts import TextSide


@dataclass(frozen=True, slots=True)
class Embedded:
    """A query as a (dim,) unit vector.

    Attributes:
        heads: What the query's picture shows, (labels,) probabilities by head; {} without one.
        image_id: Of that picture.
        tier: The cheapest of the encoder's tiers that looked at a part; None where none did.
    """

    vector: NDArray[np.float32]
    heads: Mapping[str, NDArray[np.float32]]
    image_id: str | None
    tier: Role | None = None


@dataclass(frozen=True, slots=True)
class Embedder:
    """Everything that queries are embedded with; safe to call from several threads."""

    looking: Looking
    products: ProductStore
    texts: TextSide | None = None

    @property
    def degraded(self) -> bool:
        """Whether a cache is failing."""
        return self.looking.cache.degraded or self.looking.recent.degraded

    def embed(
        self, queries: Sequence[Query], clock: Clock, terms: Terms = PATIENT
    ) -> list[Embedded | VitrineError]:
        """Embed queries, in order; what is wrong with one is of it alone.

        Raises:
            AbandonedError: Nobody waits any more.
            DeadlineExceededError: It took too long.
        """
        sources = list(dict.fromkeys(part.source for query in queries for part in query.parts))
        looks = self._look(sources, clock, terms)
        return [attempt(_mix, query, looks) for query in queries]

    def _look(
        self, sources: Sequence[Source], clock: Clock, terms: Terms
    ) -> dict[Source, Look | VitrineError]:
        words, products, points, pictures = [], [], [], []
        for source in sources:
            match source:
                case Words():
                    words.append(source)
                case LikeProduct():
                    products.append(source)
                case Point():
                    points.append(source)
                case _:
                    pictures.append(source)
        looks = self.looking.look(pictures, clock, terms)
        if words:
            with clock.stage("text"):
                looks |= self._read(words, terms)
        if products:
            with clock.stage("lookup"):
                looks |= {each: attempt(self._mean, each) for each in products}
        looks |= {each: attempt(self._checked, each) for each in points}
        return looks

    def _read(self, words: Sequence[Words], terms: Terms) -> dict[Source, Look | VitrineError]:
        if self.texts is None:
            name = self.looking.encoder.manifest.name
            error = InvalidQueryError(
                f"bundle {name} searches by picture only: it has no text tower; "
                "docs/models.md says which models bring one"
            )
            return dict.fromkeys(words, error)
        read = self.texts.read([each.text for each in words], terms)
        return {each: _look(read[each.text]) for each in words}

    def _mean(self, like: LikeProduct) -> Look:
        """The middle of a product's pictures; raises ProductNotFoundError, InvalidQueryError."""
        stored = self.products.get_many([like.product_id]).get(like.product_id)
        if stored is None:
            raise ProductNotFoundError(f"no product {like.product_id!r} in the catalogue")
        looking = self.looking
        vectors = looking.stored.vectors(stored.image_ids, looking.encoder.bundle_digest)
        if not vectors:
            raise InvalidQueryError(
                f"product {like.product_id!r} has no picture in the index to be like"
            )
        own = list(vectors.values())
        return Look("", Seen(mixed(own, [1.0] * len(own))))

    def _checked(self, point: Point) -> Look:
        dim = self.looking.encoder.manifest.dim
        if len(point.numbers) != dim:
            raise InvalidQueryError(
                f"vector has {len(point.numbers):,} numbers, this bundle's have {dim:,}"
            )
        numbers = np.array(point.numbers, np.float64)
        longest = float(np.abs(numbers).max())
        if not 0 < longest < math.inf:  # NaN fails too
            raise InvalidQueryError("vector is all zeros, or has numbers that are not finite")
        numbers /= longest  # so that squares neither vanish nor overflow
        return Look("", Seen((numbers / np.linalg.norm(numbers)).astype(np.float32)))


def _look(seen: Seen | VitrineError) -> Look | VitrineError:
    return seen if isinstance(seen, VitrineError) else Look("", seen)


def _mix(query: Query, looks: Mapping[Source, Look | VitrineError]) -> Embedded:
    found = [succeeded(looks[part.source]) for part in query.parts]
    vector = mixed([look.seen.vector for look in found], [part.weight for part in query.parts])
    tiers = {look.tier for look in found}
    tier: Role | None = "fast" if "fast" in tiers else "best" if "best" in tiers else None
    if query.shown is None:
        return Embedded(vector, {}, None, tier)
    shown = succeeded(looks[query.shown])
    return Embedded(vector, shown.seen.heads, shown.image_id, tier)
