"""The two clients: who waits for answers, and who awaits them."""

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from service.client import requests
from service.client.answers import BulkStatus
from service.client.bulk import Gathered
from service.client.methods import Awaited, Waiting
from service.client.queries import BulkLine
from service.client.requests import Call
from service.client.sending import Manner, reaching, result

T = TypeVar("T")


class Vitrine:
    """A client that waits for each answer; safe to share between threads.

    Every method raises VitrineApiError where the service refuses, VitrineUnreachableError where it
    does not answer, and VitrineAnswerError where what answers is no Vitrine that it knows.
    """

    search = Waiting(requests.search)
    search_batch = Waiting(requests.search_batch)
    similar = Waiting(requests.similar)
    embeddings = Waiting(requests.embeddings)
    report_events = Waiting(requests.report_events)
    index = Waiting(requests.index)
    index_versions = Waiting(requests.index_versions)
    promote_index = Waiting(requests.promote_index)
    roll_back_index = Waiting(requests.roll_back_index)
    image = Waiting(requests.image)
    list_products = Waiting(requests.list_products)
    get_product = Waiting(requests.get_product)
    get_product_if_changed = Waiting(requests.get_product_if_changed)
    put_product = Waiting(requests.put_product)
    patch_product = Waiting(requests.patch_product)
    delete_product = Waiting(requests.delete_product)

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        *,
        timeout_seconds: float = 30.0,
        retries: int = 2,
        max_wait_seconds: float = 30.0,
        http: httpx.Client | None = None,
    ) -> None:
        """Prepare; the arguments are those of `Manner`, and `http` stays the caller's to close."""
        self._manner = Manner(url, api_key, timeout_seconds, retries, max_wait_seconds)
        self._http = http or httpx.Client()
        self._owns_http = http is None

    def send(self, call: Call[T]) -> T:
        """Send a request, again where it is refused for the moment, and return what it gives."""
        tried, response = 0, self._ask(call)
        while (wait := self._manner.wait_seconds(response, tried)) is not None:
            time.sleep(wait)
            tried, response = tried + 1, self._ask(call)
        return result(call, response)

    def bulk(self, lines: Iterable[BulkLine]) -> Iterator[BulkStatus]:
        """Write many products: yield what became of each line, in order, while more are taken."""
        gathered = Gathered()
        for line in lines:
            if call := gathered.add(line):
                yield from self.send(call)
        if call := gathered.rest():
            yield from self.send(call)

    def close(self) -> None:
        """Close the connections."""
        if self._owns_http:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, call: Call[Any]) -> httpx.Response:
        with reaching(call):
            request = self._http.build_request(**self._manner.arguments(call))
            return self._http.send(request)


class AsyncVitrine:
    """`Vitrine` for asyncio: the same methods, awaited."""

    search = Awaited(requests.search)
    search_batch = Awaited(requests.search_batch)
    similar = Awaited(requests.similar)
    embeddings = Awaited(requests.embeddings)
    report_events = Awaited(requests.report_events)
    index = Awaited(requests.index)
    index_versions = Awaited(requests.index_versions)
    promote_index = Awaited(requests.promote_index)
    roll_back_index = Awaited(requests.roll_back_index)
    image = Awaited(requests.image)
    list_products = Awaited(requests.list_products)
    get_product = Awaited(requests.get_product)
    get_product_if_changed = Awaited(requests.get_product_if_changed)
    put_product = Awaited(requests.put_product)
    patch_product = Awaited(requests.patch_product)
    delete_product = Awaited(requests.delete_product)

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        *,
        timeout_seconds: float = 30.0,
        retries: int = 2,
        max_wait_seconds: float = 30.0,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        """Prepare, as `Vitrine` does."""
        self._manner = Manner(url, api_key, timeout_seconds, retries, max_wait_seconds)
        self._http = http or httpx.AsyncClient()
        self._owns_http = http is None

    async def send(self, call: Call[T]) -> T:
        """Send a request, again where it is refused for the moment, and return what it gives."""
        tried, response = 0, await self._ask(call)
        while (wait := self._manner.wait_seconds(response, tried)) is not None:
            await asyncio.sleep(wait)
            tried, response = tried + 1, await self._ask(call)
        return result(call, response)

    async def bulk(
        self, lines: Iterable[BulkLine] | AsyncIterable[BulkLine]
    ) -> AsyncIterator[BulkStatus]:
        """Write many products: yield what became of each line, in order, while more are taken."""
        gathered = Gathered()
        async for line in _awaited(lines):
            if call := gathered.add(line):
                for status in await self.send(call):
                    yield status
        if call := gathered.rest():
            for status in await self.send(call):
                yield status

    async def close(self) -> None:
        """Close the connections."""
        if self._owns_http:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def _ask(self, call: Call[Any]) -> httpx.Response:
        with reaching(call):
            request = self._http.build_request(**self._manner.arguments(call))
            return await self._http.send(request)


async def _awaited(lines: Iterable[BulkLine] | AsyncIterable[BulkLine]) -> AsyncIterator[BulkLine]:
    if isinstance(lines, AsyncIterable):
        async for line in lines:
            yield line
        return
    for line in lines:
        yield line
