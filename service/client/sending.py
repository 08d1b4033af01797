"""How a request is sent, whoever sends it: addresses, keys, patience, and what a refusal becomes.

Call -> arguments of httpx -> response -> refused for the moment? -> read | VitrineApiError
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from service import __version__
from service.client.errors import VitrineApiError, VitrineUnreachableError, retry_after
from service.client.requests import Call

T = TypeVar("T")
_FOR_THE_MOMENT = (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class Manner:
    """Where to, in whose name, and how patiently.

    Attributes:
        url: Of the service, without `/v1`.
        api_key: Where the service has keys.
        timeout_seconds: To connect, and between any two bytes.
        retries: Of what was refused for the moment: 429 or 503 with `Retry-After`; nothing else.
        max_wait_seconds: A longer wait is not begun; the refusal is raised at once.
    """

    url: str
    api_key: str | None = None
    timeout_seconds: float = 30.0
    retries: int = 2
    max_wait_seconds: float = 30.0

    def arguments(self, call: Call[Any]) -> dict[str, Any]:
        """Return what `httpx.Client.build_request` takes."""
        given = dict(call.arguments)
        headers = {"User-Agent": f"vitrine-client/{__version__}", **given.pop("headers", {})}
        if self.api_key is not None:
            headers["Authorization"] = f"Bearer {self.api_key}"
        url = self.url.rstrip("/") + call.path
        where = {"method": call.method, "url": url, "timeout": self.timeout_seconds}
        return {**where, "headers": headers, **given}

    def wait_seconds(self, response: httpx.Response, tried: int) -> float | None:
        """Return how long to wait before trying again, None where there is nothing to wait for."""
        wait = retry_after(response)
        if response.status_code not in _FOR_THE_MOMENT or tried >= self.retries or wait is None:
            return None
        return wait if wait <= self.max_wait_seconds else None


def result(call: Call[T], response: httpx.Response) -> T:
    """Read an answer; raises VitrineApiError or VitrineAnswerError."""
    if response.status_code >= httpx.codes.BAD_REQUEST:
        raise VitrineApiError.of(response)
    return call.read(response)


@contextmanager
def reaching(call: Call[Any]) -> Iterator[None]:
    """Make what httpx raises VitrineUnreachableError."""
    try:
        yield
    except httpx.RequestError as exc:
        what = f"{call.method} {call.path}: {type(exc).__name__} {exc}".rstrip()
        raise VitrineUnreachableError(what) from exc
