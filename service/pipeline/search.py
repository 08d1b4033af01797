"""The query flow, top to bottom.

query -> filter's rows -> unit vector (`embedder`) -> detected category narrows?
      -> nearest products of the live snapshot that match the filter (`selecting`)
      -> what the store says of them -> how sure that is -> answer

Queries that come together share one snapshot and one run of the encoder; each fails alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from service.core.errors import VitrineError
from service.core.filter_match import check_known
from service.core.filters import Filter
from service.core.manifest import SnapshotManifest
from service.core.matching import Match, confidence, match_of
from service.core.overlay import LiveView
from service.core.store import ProductStore
from service.core.tiers import Role, Wanted
from service.core.types import Encoder, Hit, StoredProduct
from service.pipeline.clock import Clock
from service.pipeline.detecting import Detected, Narrowing, detected, narrow
from service.pipeline.embedder import Embedded, Embedder
from service.pipeline.facets import Facet
from service.pipeline.filtering import Filtering, Kept
from service.pipeline.live_index import LiveIndex
from service.pipeline.outcome import attempt, succeeded
from service.pipeline.querying import Picture, Query
from service.pipeline.selecting import PLAIN, Plan, SearchOptions, Selected, select
from service.pipeline.terms import EXACT, PATIENT, Terms

_TRIES = 3


@dataclass(frozen=True, slots=True)
class Ask:
    """A query, which products are wanted, how many and in what order.

    Attributes:
        query: What to look for.
        limit: Products wanted, at least 1.
        options: Which, and in what order.
        narrows: Whether to look among products of the detected category alone, if that is sure.
        tier: Which of the encoder's tiers shall look at its pictures.
    """

    query: Query
    limit: int
    options: SearchOptions = PLAIN
    narrows: bool = False
    tier: Wanted = "auto"


@dataclass(frozen=True, slots=True)
class Found:
    """One product of an answer; `confidence` is P(same product), None where that is unknown."""

    hit: Hit
    stored: StoredProduct
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a search found, and what it took.

    Attributes:
        image_id: Of the query's picture; None without one.
        index: Manifest of the snapshot that answered.
        sequence: Number of the catalogue's write up to which the answer knows of every live one.
        results: Best first.
        match: How good the best of them is; None where cosines are not calibrated: those of words
            and of mixes, and all of a bundle without a curve.
        detected: What the query's picture shows, likeliest first, by head.
        narrowing: What became of `narrows`; None where that was not asked for.
        filter: What was searched with, narrowed perhaps.
        facets: Counts by field, where asked for.
        plan: How the filter was answered.
        timings: Milliseconds by stage; `cached` appears instead of decode and embed.
        degraded: What was not working, though the answer is complete.
        tier: Of the encoder, that looked at the query's pictures; None without any.
    """

    image_id: str | None
    index: SnapshotManifest
    sequence: int
    results: list[Found]
    match: Match | None
    detected: Mapping[str, tuple[Detected, ...]]
    narrowing: Narrowing | None
    filter: Filter
    facets: dict[str, Facet]
    plan: Plan
    timings: dict[str, float]
    degraded: list[str]
    tier: Role | None


@dataclass(frozen=True, slots=True)
class _Planned:
    """An ask that can be answered, what its filter keeps, and the clock of its answer."""

    ask: Ask
    kept: Kept | None
    clock: Clock


@dataclass(frozen=True, slots=True)
class Search:
    """Everything the query flow needs; safe to call from several threads."""

    encoder: Encoder
    embedder: Embedder
    live: LiveIndex
    store: ProductStore
    filtering: Filtering = field(default_factory=Filtering)

    def answer(self, ask: Ask, terms: Terms = PATIENT) -> Answer:
        """Find the products that are most like a query.

        Raises:
            InvalidQueryError: It cannot be answered as asked.
            InvalidImageError: The bytes are no picture that is accepted.
            InvalidFilterError: The filter or a facet asks of a field what it cannot answer.
            ImageNotFoundError: Its picture is not, or no longer, known.
            ProductNotFoundError: There is no such product to be like.
            IndexUnavailableError: Nothing was indexed yet.
            OverloadedError: Too many pictures are waiting to be decoded.
            DeadlineExceededError: It took too long.
            AbandonedError: Nobody waits any more.
        """
        (outcome,) = self.answers([ask], terms)
        return succeeded(outcome)

    def answers(self, asks: Sequence[Ask], terms: Terms = PATIENT) -> list[Answer | VitrineError]:
        """Answer several queries, in order; what is wrong with one is of it alone.

        Raises:
            IndexUnavailableError: For all of them: nothing was indexed yet.
            DeadlineExceededError: Likewise: it took too long.
            AbandonedError: Likewise: nobody waits any more.
        """
        terms.check()
        snapshot, together = self.live.snapshot(), Clock()
        # The filters first: pictures cost much more.
        planned = [attempt(self._planned, snapshot, ask) for ask in asks]
        sound = [plan for plan in planned if isinstance(plan, _Planned)]
        queries = self._embedded([plan.ask for plan in sound], together, terms)
        for plan in sound:
            plan.clock.milliseconds |= together.milliseconds
        answers = iter(
            attempt(self._answer, snapshot, plan, query)
            for plan, query in zip(sound, queries, strict=True)
        )
        return [next(answers) if isinstance(plan, _Planned) else plan for plan in planned]

    def by_picture(self, data: bytes, limit: int, options: SearchOptions = PLAIN) -> Answer:
        """Find the products that look most like an encoded picture; raises as `answer`."""
        return self.answer(Ask(Query.of(Picture(data)), limit, options))

    def embed(
        self, queries: Sequence[Query], terms: Terms = EXACT
    ) -> list[Embedded | VitrineError]:
        """Embed queries, in order; what is wrong with one is of it alone."""
        return self.embedder.embed(queries, Clock(), terms)

    def _embedded(
        self, asks: Sequence[Ask], clock: Clock, terms: Terms
    ) -> list[Embedded | VitrineError]:
        """Embed the queries of asks, those together that want the same tier."""
        embedded: dict[int, Embedded | VitrineError] = {}
        for tier in dict.fromkeys(ask.tier for ask in asks):
            places = [place for place, ask in enumerate(asks) if ask.tier == tier]
            queries = [asks[place].query for place in places]
            own = terms if terms.tier == tier else replace(terms, tier=tier)
            found = self.embedder.embed(queries, clock, own)
            embedded |= zip(places, found, strict=True)
        return [embedded[place] for place in range(len(asks))]

    def _still_there(
        self, choose: Callable[[SearchOptions], Selected], options: SearchOptions, clock: Clock
    ) -> tuple[Selected, Mapping[str, StoredProduct]]:
        """Choose hits and read their products.

        One that was deleted after the snapshot was taken is not shown, and the next best comes up
        in its place; only where that happens again and again are there fewer than asked for.
        """
        tries = 0
        while True:
            with clock.stage("search"):
                selected = choose(options)
            ids = {hit.product_id for hit in selected.hits}
            with clock.stage("products"):
                stored = self.store.get_many([*ids])
            tries += 1
            if tries == _TRIES or len(stored) == len(ids):
                return selected, stored
            options = replace(options, exclude_ids=options.exclude_ids | ids - stored.keys())

    def _planned(self, snapshot: LiveView, ask: Ask) -> "_Planned":
        clock, options = Clock(), ask.options
        for key in options.facets:
            check_known(key, snapshot.fields.kinds())
        if not options.filter:
            return _Planned(ask, None, clock)
        with clock.stage("filter"):
            return _Planned(ask, self.filtering.kept(snapshot, options.filter), clock)

    def _answer(
        self, snapshot: LiveView, plan: "_Planned", embedded: Embedded | VitrineError
    ) -> Answer:
        query, ask, kept, clock = succeeded(embedded), plan.ask, plan.kept, plan.clock
        shown = detected(self.encoder.manifest.heads, query.heads)
        options, narrowing = ask.options, None
        if named := ask.query.product_ids:
            options = replace(options, exclude_ids=options.exclude_ids | named)
        if ask.narrows:
            with clock.stage("narrow"):
                least = options.offset + ask.limit
                narrowed = narrow(self.filtering, snapshot, options.filter, shown, least)
            narrowing, kept = narrowed.told, narrowed.kept or kept
            options = replace(options, filter=narrowed.filter)
        choose = partial(select, snapshot, query.vector, ask.limit, kept=kept)
        selected, stored = self._still_there(choose, options, clock)
        calibration = self.encoder.manifest.calibration if ask.query.comparable else None
        results = [
            Found(
                hit,
                stored[hit.product_id],
                confidence(calibration, hit.similarity) if calibration else None,
            )
            for hit in selected.hits
            if hit.product_id in stored
        ]
        return Answer(
            image_id=query.image_id,
            index=snapshot.manifest,
            sequence=snapshot.sequence,
            results=results,
            match=match_of(calibration, selected.nearest if results else [])
            if calibration
            else None,
            detected=shown,
            narrowing=narrowing,
            filter=options.filter,
            facets=selected.facets,
            plan=selected.plan,
            timings=clock.milliseconds,
            degraded=self._degraded(ask, query),
            tier=query.tier,
        )

    def _degraded(self, ask: Ask, query: Embedded) -> list[str]:
        lowered = ask.tier == "auto" and query.tier == "fast"
        return ["cache"] * self.embedder.degraded + ["tier"] * lowered
