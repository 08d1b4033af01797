"""What is asked to the response: from the cache, with an equal request's, or from a search.

    AskedQuery -> key -> kept in this process? -> answer
               -> an equal one under way? wait for it -> answer
               -> kept in Redis? asked together with others -> answer
               -> a thread: search -> JSON -> kept -> answer
    answer + request id, times, what is not working -> response

What is kept is the JSON; what is of one request alone is put around it on the way out.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from fastapi import Request, Response

from service.api.queries import AskedQuery
from service.api.schemas import AnsweredOut
from service.api.serving import Serving
from service.api.showing import json_of, show_answer
from service.api.working import worked
from service.core.errors import VitrineError
from service.core.matching import Match
from service.core.tiers import Role
from service.pipeline.flights import Flights
from service.pipeline.outcome import attempt, succeeded
from service.pipeline.querying import Picture
from service.pipeline.results import Moment, Result, ResultKeys, is_fixed
from service.pipeline.search import Answer
from service.pipeline.terms import Terms

_HARMLESS = {"cache"}
"""What may be not working while an answer is no worse for it."""


@dataclass(frozen=True, slots=True)
class Told:
    """An answer on its way out.

    Attributes:
        result: What it says, as JSON.
        timings: Milliseconds by stage.
        degraded: What was not working.
        tier: Of the encoder, that looked at the query's pictures just now; None where none did.
    """

    result: Result
    timings: Mapping[str, float]
    degraded: Sequence[str]
    tier: Role | None = None

    @property
    def match(self) -> Match | None:
        """How good the best result is."""
        return self.result.match


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """What is asked, and under which key an answer of this moment is kept, if it may be."""

    query: AskedQuery
    moment: Moment | None
    key: str


class Answering:
    """Answers what is asked; used on the event loop.

    Answers are noted in `request.state.answers`, where `Observe` counts them once they are sent.
    """

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._results = serving.results
        self._recent = serving.search.embedder.looking.recent
        self._keys = ResultKeys(serving.search)
        self._flights = Flights[Told]()

    async def answer(self, request: Request, query: AskedQuery, terms: Terms) -> Told:
        """Answer the one query of a request; raises as `Search.answer`."""
        start = time.perf_counter()
        asked = self._asked(query)
        if asked.moment is None:
            told = await self._searched(request, asked, terms)
        elif (result := self._results.near(asked.key)) is not None:
            told = self._cached(asked, result, start)
        elif (joined := await self._flights.join(asked.key, terms)) is not None:
            told = replace(joined, timings={"joined": _since(start)}, tier=None)
        else:
            told = await self._flights.lead(asked.key, lambda: self._led(request, asked, terms))
        request.state.answers = [told]
        return told

    async def answers(
        self, request: Request, queries: Sequence[AskedQuery], terms: Terms
    ) -> list[Told | VitrineError]:
        """Answer the queries of a request together, in order; raises as `Search.answers`."""
        asked = [self._asked(query) for query in queries]
        find = partial(self._found, asked)
        outcomes = await worked(request, self._serving.batchers, terms, find)
        request.state.answers = [each for each in outcomes if isinstance(each, Told)]
        return outcomes

    async def _led(self, request: Request, asked: _Asked, terms: Terms) -> Told:
        start = time.perf_counter()
        if (result := await self._results.far(asked.key, terms)) is not None:
            return self._cached(asked, result, start)
        return await self._searched(request, asked, terms)

    async def _searched(self, request: Request, asked: _Asked, terms: Terms) -> Told:
        search = partial(self._answered, [asked])
        (outcome,) = await worked(request, self._serving.searchers, terms, search)
        return succeeded(outcome)

    def _asked(self, query: AskedQuery) -> _Asked:
        moment = None
        if self._results.keeps and is_fixed(query.ask.query):
            found = attempt(self._keys.moment)
            # Without an index or a store there is an error to tell, which the search does.
            moment = None if isinstance(found, VitrineError) else found
        return _Asked(query, moment, "" if moment is None else self._keys.key(moment, query))

    def _found(self, asked: Sequence[_Asked], terms: Terms) -> list[Told | VitrineError]:
        """Look for what is kept, and search for the rest."""
        start = time.perf_counter()
        kept = [each for each in asked if each.moment is not None]
        results = self._results.get_many([each.key for each in kept])
        told: dict[_Asked, Told | VitrineError] = {
            each: self._cached(each, result, start)
            for each, result in zip(kept, results, strict=True)
            if result is not None
        }
        if rest := [each for each in asked if each not in told]:
            told |= zip(rest, self._answered(rest, terms), strict=True)
        return [told[each] for each in asked]

    def _answered(self, asked: Sequence[_Asked], terms: Terms) -> list[Told | VitrineError]:
        answers = self._serving.search.answers([each.query.ask for each in asked], terms)
        return list(map(self._told, asked, answers))

    def _told(self, asked: _Asked, answer: Answer | VitrineError) -> Told | VitrineError:
        """Write an answer, and keep it if it may stand for others."""
        if isinstance(answer, VitrineError):
            return answer
        shown = show_answer(
            answer, explain=asked.query.explain, with_product=asked.query.with_product
        )
        result = Result(json_of(shown), answer.match)
        moment, whole = asked.moment, _HARMLESS.issuperset(answer.degraded)
        if moment and whole and attempt(self._keys.of_moment, answer, moment) is True:
            self._results.set(asked.key, result)
        return Told(result, answer.timings, answer.degraded, answer.tier)

    def _cached(self, asked: _Asked, result: Result, start: float) -> Told:
        """Tell what is kept; the picture may be named for as long as after a search."""
        for part in asked.query.ask.query.parts:
            if isinstance(part.source, Picture):
                self._recent.keep_near(part.source.image_id, part.source.data)
        return Told(result, {"cached": _since(start)}, [])  # nothing that fails was needed


def respond(request: Request, told: Told, start: float) -> Response:
    """Answer a request that began at `start`, seconds of `time.perf_counter`."""
    return Response(written(request, told, start), media_type="application/json")


def written(request: Request, told: Told, start: float) -> bytes:
    """Return the JSON of an answer to a request."""
    own: AnsweredOut = {
        "request_id": request.state.request_id,
        "took_ms": _since(start),
        "timings": told.timings,
        "degraded": told.degraded,
    }
    return b"%b,%b" % (json_of(own)[:-1], told.result.body[1:])


def _since(start: float) -> float:
    return round((time.perf_counter() - start) * 1000, 3)
