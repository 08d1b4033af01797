"""What each picture finds while nothing else is asked: what it must still find under load.

Workload + service at rest -> each picture once -> Workload with `Query.within`
"""

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path

from bench.wire import Client
from loadtests.asks import search_by
from loadtests.checks import Reply, WrongAnswerError, check_known, check_picture, read_found
from loadtests.stack import LoadTestError
from loadtests.workload import Query, Workload, with_comment

_LIMIT = 10
_FIELDS = {"limit": str(_LIMIT)}
_AT_ONCE = 4
# A product that is among the first three now must stay among the first ten, whatever is written:
# the others that keepers write come between.
_SURE = 3
# Of fresh views; the bundle that ships has 0.99 of 175 at 400 products among the first three.
_LEAST_SURE = 0.9


@dataclass(frozen=True, slots=True)
class Quiet:
    """What came of it.

    Attributes:
        sure: Share of the fresh views whose product is among the first three.
    """

    workload: Workload
    sure: float


def ask_quietly(workload: Workload, address: str) -> Quiet:
    """Ask by every picture, in bytes of their own so that no cache has them afterwards.

    Raises:
        LoadTestError: A picture of the catalogue does not find its product first, or too few of
            the others find theirs.
    """
    queries = asyncio.run(_ask_all(workload.queries, address))
    fresh = [query for query in queries if query.within != 1]
    sure = sum(query.within > 0 for query in fresh) / max(len(fresh), 1)
    if fresh and sure < _LEAST_SURE:
        raise LoadTestError(
            f"at rest, {sure:.0%} of the fresh views find their product among the first {_SURE}; "
            f"at least {_LEAST_SURE:.0%} should"
        )
    return Quiet(replace(workload, queries=tuple(queries)), sure)


async def _ask_all(queries: tuple[Query, ...], address: str) -> list[Query]:
    client, turns = Client(address), asyncio.Semaphore(_AT_ONCE)

    async def ask(query: Query) -> Query:
        async with turns:
            data = _picture(query)
            answer = await client.ask(search_by(data, _FIELDS))
            return _held_to(query, data, Reply(answer.status, answer.headers, answer.body))

    found = await asyncio.gather(*(ask(query) for query in queries))
    client.close()
    return found


def _picture(query: Query) -> bytes:
    return with_comment(Path(query.file).read_bytes(), "quiet")


def _held_to(query: Query, data: bytes, reply: Reply) -> Query:
    try:
        found = read_found(reply, _LIMIT)
        check_picture(found, data)
        if query.within == 1:
            check_known(found, query.product_id, within=1)
            return query
    except WrongAnswerError as exc:
        raise LoadTestError(f"at rest, {query.file}: {exc}") from exc
    sure = query.product_id in found.product_ids[:_SURE]
    return replace(query, within=_LIMIT if sure else 0)
