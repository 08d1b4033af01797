"""Pictures behind the URLs of strangers: from the public internet alone, small, and soon.

    url -> http(s), no user, port allowed -> GET over `guarded_network`
        -> redirect? from the start : bytes up to the cap | FetchError

No proxy, cookie or credential of the environment is used. A reason never says what an inner host
answered, nor whether there is one.
"""

import ssl
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from ipaddress import IPv4Network, IPv6Network
from types import TracebackType
from typing import Self

import httpcore
import httpx

from service.adapters.guarded_network import Guard, GuardedNetwork, Resolve, resolve_by_system
from service.core.errors import FetchError
from service.core.types import Download, Validators

MAX_REDIRECTS = 3
PORTS = (80, 443)
_REDIRECTS = (301, 302, 303, 307, 308)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_MAX_URL, _MAX_VALIDATOR = 4096, 1024  # characters
_RESOLVERS = 8


class SafeImageFetcher:
    """Download pictures that strangers name; satisfies `ImageFetcher`, safe for several threads.

    Nothing is tried twice: whoever sent the URL can send it again.
    """

    def __init__(
        self,
        *,
        max_bytes: int,
        timeout_seconds: float = 5.0,
        ports: Sequence[int] = PORTS,
        resolve: Resolve = resolve_by_system,
        allowed: Sequence[IPv4Network | IPv6Network] = (),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Open nothing yet.

        Args:
            max_bytes: Of one picture.
            timeout_seconds: For a whole download, from resolving the name to the last byte.
            ports: That may be connected to.
            resolve: How names become addresses.
            allowed: Networks let in though not public; for tests.
            tls: Which certificates are trusted; the usual authorities by default.
        """
        self._max_bytes = max_bytes
        self._timeout_seconds = timeout_seconds
        self._ports = ports
        self._resolvers = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="resolve")
        self._guard = Guard(resolve, self._resolvers, allowed)
        self._tls = tls or httpx.create_ssl_context(trust_env=False)

    def fetch(self, url: str, known: Validators | None = None) -> Download:
        """Download, unless the server says that nothing changed since `known`.

        Raises:
            FetchError: with the reason alone, such as `HTTP 404`; the caller knows the URL.
        """
        with _one_kind_of_error():
            return self._follow(url, known)

    def close(self) -> None:
        """Let go of the threads that resolve names."""
        self._resolvers.shutdown(wait=False, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _follow(self, url: str, known: Validators | None) -> Download:
        network = GuardedNetwork(self._guard, time.monotonic() + self._timeout_seconds)
        # Of its own for each download: no connection is shared between strangers.
        with httpcore.ConnectionPool(ssl_context=self._tls, network_backend=network) as pool:
            target = httpx.URL(url[: _MAX_URL + 1])
            for _ in range(1 + MAX_REDIRECTS):
                address = self._checked(target)
                with pool.stream("GET", address, headers=_headers(target, known)) as response:
                    location = _location(response)
                    if location is None:
                        return self._read(response, known)
                    target = target.join(location)
        raise FetchError(f"more than {MAX_REDIRECTS} redirects")

    def _checked(self, url: httpx.URL) -> httpcore.URL:
        """Return where to connect, or raise FetchError."""
        if len(str(url)) > _MAX_URL:
            raise FetchError(f"a URL of more than {_MAX_URL:,} characters")
        if url.scheme not in _DEFAULT_PORTS:
            raise FetchError("neither http nor https")
        if url.userinfo:
            raise FetchError("a URL may not hold a user name or password")
        port = url.port if url.port is not None else _DEFAULT_PORTS[url.scheme]
        if port not in self._ports:
            raise FetchError(f"only ports {', '.join(map(str, self._ports))} are fetched from")
        if not url.raw_host:
            raise FetchError("not a valid URL: it names no host")
        return httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=port, target=url.raw_path
        )

    def _read(self, response: httpcore.Response, known: Validators | None) -> Download:
        validators = Validators(_header(response, b"etag"), _header(response, b"last-modified"))
        if response.status == 304 and known is not None:
            return Download(None, known)
        if response.status != 200:
            raise FetchError(f"HTTP {response.status}")
        declared = _header(response, b"content-length")
        if declared.isdecimal() and int(declared) > self._max_bytes:
            raise FetchError(f"more than {self._max_bytes:,} bytes")
        data = bytearray()
        for part in response.iter_stream():
            data += part
            if len(data) > self._max_bytes:
                raise FetchError(f"more than {self._max_bytes:,} bytes")
        return Download(bytes(data), validators)


@contextmanager
def _one_kind_of_error() -> Iterator[None]:
    """The seam where each error of httpx's URLs and of httpcore becomes a FetchError."""
    try:
        yield
    except (httpx.InvalidURL, UnicodeError) as exc:
        raise FetchError("not a valid URL") from exc
    except httpcore.TimeoutException as exc:
        raise FetchError("timed out") from exc
    except httpcore.ConnectError as exc:
        raise FetchError("could not connect") from exc
    except (httpcore.NetworkError, httpcore.ProtocolError) as exc:
        raise FetchError("connection broke") from exc


def _headers(url: httpx.URL, known: Validators | None) -> list[tuple[bytes, bytes]]:
    """Pictures are compressed already; what is counted is then what was sent."""
    headers = {
        b"Host": url.netloc,
        b"Accept": b"image/*",
        b"Accept-Encoding": b"identity",
        b"User-Agent": b"vitrine",
        b"Connection": b"close",
    }
    if known is not None and known.etag:
        headers[b"If-None-Match"] = known.etag.encode("latin-1")
    if known is not None and known.last_modified:
        headers[b"If-Modified-Since"] = known.last_modified.encode("latin-1")
    return list(headers.items())


def _location(response: httpcore.Response) -> str | None:
    return _header(response, b"location") or None if response.status in _REDIRECTS else None


def _header(response: httpcore.Response, name: bytes) -> str:
    """Return a header, or "" where there is none or one that is absurdly long."""
    values = [value for key, value in response.headers if key.lower() == name]
    limit = _MAX_URL if name == b"location" else _MAX_VALIDATOR
    return values[0].decode("latin-1") if values and len(values[0]) <= limit else ""
