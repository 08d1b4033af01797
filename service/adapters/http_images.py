"""Pictures behind URLs of the operator's own catalogue.

    url, validators -> GET (turn of its host, redirects, retries, deadlines)
                    -> bytes up to the cap | unchanged | FetchError

The one module that sees httpx and its exceptions.
"""

import math
import time
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import httpx

from service.adapters.host_turns import HostTurns
from service.core.errors import FetchError
from service.core.types import Download, Validators

MAX_REDIRECTS = 3
RETRIES = 2
AT_ONCE_A_HOST = 4
"""Requests; what a shop's own web server or CDN bears without being asked."""
_ASKS_FOR_PATIENCE = (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE)
_LONGEST_VALIDATOR = 1000


class _PassingError(Exception):
    """A failure that another attempt may well not meet; never leaves this module."""


class _LaterError(_PassingError):
    """The host said when to come again, which is no attempt lost."""


class HttpImageFetcher:
    """Download pictures over http and https; safe to call from several threads.

    Meant for the operator's own catalogue: it goes wherever a URL points, private addresses
    included, so it must not be handed the URLs of strangers.
    """

    def __init__(
        self,
        *,
        max_bytes: int,
        timeout_seconds: float = 10.0,
        backoff_seconds: float = 0.2,
        patience_seconds: float = 60.0,
    ) -> None:
        """Refuse answers over `max_bytes`, and attempts that take over `timeout_seconds`.

        Retry n, from 0, comes after `backoff_seconds` * 2^n. A host that says when to come again
        (`Retry-After`) is obeyed, by everybody, if that is within `timeout_seconds`. All that,
        with the wait for a turn of the host, takes at most `patience_seconds`; a host that does
        nothing but put off for so long is asked once a picture.
        """
        self._max_bytes = max_bytes
        self._timeout_seconds = timeout_seconds
        self._backoff_seconds = backoff_seconds
        self._patience_seconds = patience_seconds
        self._turns = HostTurns(AT_ONCE_A_HOST)
        self._client = httpx.Client(
            timeout=timeout_seconds,
            follow_redirects=False,  # httpx would read a redirect's body, whatever its size
            trust_env=False,
            # Pictures are compressed already; what is counted is then what was sent.
            headers={"Accept": "image/*", "Accept-Encoding": "identity", "User-Agent": "vitrine"},
        )

    def fetch(self, url: str, known: Validators | None = None) -> Download:
        """Download the picture, unless the server says that nothing changed since `known`.

        Raises:
            FetchError: with the reason alone, such as `HTTP 404`; the caller knows the URL.
        """
        end = time.monotonic() + self._patience_seconds
        failure, retries = _PassingError("timed out"), 0
        while retries <= RETRIES:
            try:
                return self._attempt(url, known or Validators(), end)
            except TimeoutError as exc:  # no turn in time; why not is what came of the last one
                raise FetchError(str(failure)) from exc
            except _LaterError as exc:  # the next turn of this host comes after its pause
                failure = exc
            except _PassingError as exc:
                failure = exc
                if retries < RETRIES:
                    time.sleep(self._backoff_seconds * 2**retries)
                retries += 1
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

    def _attempt(self, url: str, known: Validators, end: float) -> Download:
        """The seam where each of httpx's errors becomes a FetchError."""
        try:
            return self._follow(url, known, end)
        except (httpx.InvalidURL, UnicodeError) as exc:  # the latter from host names
            raise FetchError(f"not a valid URL: {exc}") from exc
        except httpx.TimeoutException as exc:
            raise FetchError("timed out") from exc
        except httpx.UnsupportedProtocol as exc:
            raise FetchError(_unspoken(url)) from exc
        except httpx.ConnectError as exc:
            raise _PassingError(f"could not connect: {exc}") from exc
        except (httpx.NetworkError, httpx.RemoteProtocolError) as exc:
            raise _PassingError(f"connection broke: {exc or type(exc).__name__}") from exc
        except httpx.HTTPError as exc:
            raise FetchError(f"{type(exc).__name__}: {exc}") from exc

    def _follow(self, url: str, known: Validators, end: float) -> Download:
        request = self._client.build_request("GET", url, headers=_conditions(known))
        deadline = math.inf
        for _ in range(1 + MAX_REDIRECTS):
            with self._turns.turn(request.url.host, end):
                # From the first turn on: a queue before a busy host is not the host's slowness.
                deadline = min(deadline, time.monotonic() + self._timeout_seconds, end)
                with closing(self._client.send(request, stream=True)) as response:
                    if response.next_request is None:
                        return self._read(response, known, deadline)
                    request = response.next_request
        raise FetchError(f"more than {MAX_REDIRECTS} redirects")

    def _read(self, response: httpx.Response, known: Validators, deadline: float) -> Download:
        if response.status_code == httpx.codes.NOT_MODIFIED and known != Validators():
            found = _validators(response)
            return Download(None, found if found != Validators() else known)
        self._refuse(response)
        data = bytearray()
        for chunk in response.iter_bytes():
            data += chunk
            if len(data) > self._max_bytes:
                raise FetchError(f"more than {self._max_bytes:,} bytes")
            # httpx limits each wait, not their sum: a server that drips would hold us for ever.
            if time.monotonic() > deadline:
                raise FetchError("timed out")
        self._turns.answered(response.request.url.host)
        return Download(bytes(data), _validators(response))

    def _refuse(self, response: httpx.Response) -> None:
        """Raise where the answer is no picture; a host that asks for a pause gets it."""
        if response.is_success:
            return
        said = f"HTTP {response.status_code}"
        if response.status_code in _ASKS_FOR_PATIENCE:
            seconds = _seconds_until(response.headers.get("Retry-After", ""))
            if seconds is not None and seconds > self._timeout_seconds:
                raise FetchError(f"{said}, to be asked again in {seconds:,.0f} s")
            if seconds:
                if self._turns.pause(response.request.url.host, seconds, self._patience_seconds):
                    raise _LaterError(said)
                raise FetchError(said)
        passing = response.is_server_error or response.status_code in _ASKS_FOR_PATIENCE
        raise (_PassingError if passing else FetchError)(said)


def _unspoken(url: str) -> str:
    if url.lower().startswith("gs://"):
        return "gs:// cannot be downloaded: name an https:// URL, or the path of a copy, instead"
    return "neither http nor https"


def _conditions(known: Validators) -> dict[str, str]:
    """Return the headers that ask for the picture only if it is another one than `known`."""
    headers = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
    return {name: value for name, value in headers.items() if value}


def _validators(response: httpx.Response) -> Validators:
    return Validators(
        etag=_sendable(response.headers.get("ETag", "")),
        last_modified=_sendable(response.headers.get("Last-Modified", "")),
    )


def _sendable(value: str) -> str:
    """Return a header's value if it can be kept and sent back, else ""."""
    return value if value.isascii() and len(value) <= _LONGEST_VALIDATOR else ""


def _seconds_until(retry_after: str) -> float | None:
    """Read a Retry-After header, seconds or a date; None where it says nothing that is understood.

    RFC 9110, section 10.2.3.
    """
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        moment = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:  # "-0000": UTC, of no known place
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
