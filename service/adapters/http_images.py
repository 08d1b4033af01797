"""Pictures behind URLs of the operator's own catalogue.

    url -> GET (redirects, retries, deadline) -> bytes up to the cap | FetchError

The one module that sees httpx and its exceptions.
"""

import time
from contextlib import closing
from types import TracebackType
from typing import Self

import httpx

from service.core.errors import FetchError

MAX_REDIRECTS = 3
RETRIES = 2


class _PassingError(Exception):
    """A failure that another attempt may well not meet; never leaves this module."""


class HttpImageFetcher:
    """Download pictures over http and https; safe to call from several threads.

    Meant for the operator's own catalogue: it goes wherever a URL points, private addresses
    included, so it must not be handed the URLs of strangers.
    """

    def __init__(
        self, *, max_bytes: int, timeout_seconds: float = 10.0, backoff_seconds: float = 0.2
    ) -> None:
        """Refuse answers over `max_bytes`, and attempts that take over `timeout_seconds`.

        Retry n, from 0, comes after `backoff_seconds` * 2^n.
        """
        self._max_bytes = max_bytes
        self._timeout_seconds = timeout_seconds
        self._backoff_seconds = backoff_seconds
        self._client = httpx.Client(
            timeout=timeout_seconds,
            follow_redirects=False,  # httpx would read a redirect's body, whatever its size
            trust_env=False,
            # Pictures are compressed already; what is counted is then what was sent.
            headers={"Accept": "image/*", "Accept-Encoding": "identity", "User-Agent": "vitrine"},
        )

    def fetch(self, url: str) -> bytes:
        """Return the picture's bytes.

        Raises:
            FetchError: with the reason alone, such as `HTTP 404`; the caller knows the URL.
        """
        failure: _PassingError | None = None
        for attempt in range(1 + RETRIES):
            if attempt:
                time.sleep(self._backoff_seconds * 2 ** (attempt - 1))
            try:
                return self._attempt(url)
            except _PassingError as exc:
                failure = exc
        raise FetchError(str(failure)) from failure

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _attempt(self, url: str) -> bytes:
        """The seam where each of httpx's errors becomes a FetchError."""
        try:
            return self._follow(url)
        except (httpx.InvalidURL, UnicodeError) as exc:  # the latter from host names
            raise FetchError(f"not a valid URL: {exc}") from exc
        except httpx.TimeoutException as exc:
            raise FetchError("timed out") from exc
        except httpx.UnsupportedProtocol as exc:
            raise FetchError("neither http nor https") from exc
        except httpx.ConnectError as exc:
            raise _PassingError(f"could not connect: {exc}") from exc
        except (httpx.NetworkError, httpx.RemoteProtocolError) as exc:
            raise _PassingError(f"connection broke: {exc or type(exc).__name__}") from exc
        except httpx.HTTPError as exc:
            raise FetchError(f"{type(exc).__name__}: {exc}") from exc

    def _follow(self, url: str) -> bytes:
        deadline = time.monotonic() + self._timeout_seconds
        request = self._client.build_request("GET", url)
        for _ in range(1 + MAX_REDIRECTS):
            with closing(self._client.send(request, stream=True)) as response:
                if response.next_request is None:
                    return self._read(response, deadline)
                request = response.next_request
        raise FetchError(f"more than {MAX_REDIRECTS} redirects")

    def _read(self, response: httpx.Response, deadline: float) -> bytes:
        if response.is_server_error:
            raise _PassingError(f"HTTP {response.status_code}")
        if not response.is_success:
            raise FetchError(f"HTTP {response.status_code}")
        data = bytearray()
        for chunk in response.iter_bytes():
            data += chunk
            if len(data) > self._max_bytes:
                raise FetchError(f"more than {self._max_bytes:,} bytes")
            # httpx limits each wait, not their sum: a server that drips would hold us for ever.
            if time.monotonic() > deadline:
                raise FetchError("timed out")
        return bytes(data)
