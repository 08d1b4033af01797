"""A shop's server on this machine that notes who came, and names that lead to it or elsewhere."""

import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from http.server import ThreadingHTTPServer
from ipaddress import ip_network
from urllib.parse import unquote

from service.adapters.safe_images import SafeImageFetcher
from support.http_server import Answers, served

PICTURE = bytes(range(256)) * 40
MAX_BYTES = 20_000
ETAG, MODIFIED = '"v1"', "Wed, 25 Nov 2026 10:00:00 GMT"
HERE = ip_network("127.0.0.1/32")
"""Where the server is; all other addresses of this machine stay shut."""


class UrlShop(ThreadingHTTPServer):
    """Serve pictures, or behave as a server should not.

    `visits` are (path, Host); `photos` are what is at /photo/NAME.
    """

    daemon_threads = True

    def __init__(self) -> None:
        self.visits: list[tuple[str, str]] = []
        self.photos: dict[str, bytes] = {}
        self.ended = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def port(self) -> int:
        return self.server_address[1]

    def url(self, path: str, host: str = "shop.example", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that hang up."""


class Names:
    """A resolver of a test's own: each name's answers in turn, the last one for ever."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self._answers = {name.replace("_", "."): list(turns) for name, turns in answers.items()}
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        turns = self._answers.get(host.rstrip("."))
        if turns is None:
            raise OSError("no such name")
        return turns.pop(0) if len(turns) > 1 else turns[0]


class _Handler(Answers):
    server: UrlShop

    def do_GET(self) -> None:
        self.server.visits.append((self.path, self.headers["Host"]))
        name, _, rest = self.path[1:].partition("/")
        with suppress(OSError):  # a client that has seen enough hangs up
            getattr(self, "get_" + name)(unquote(rest))

    def get_picture(self, rest: str) -> None:
        if self.headers["If-None-Match"] == ETAG and self.headers["If-Modified-Since"] == MODIFIED:
            self.answer(304)
        else:
            self.answer(200, PICTURE, ETag=ETAG, Last_Modified=MODIFIED)

    def get_photo(self, rest: str) -> None:
        self.answer(200, self.server.photos[rest])

    def get_status(self, rest: str) -> None:
        self.answer(int(rest), b"internal details")

    def get_to(self, rest: str) -> None:
        self.answer(302, Location=rest)

    def get_hop(self, rest: str) -> None:
        self.answer(307, Location=f"/hop/{int(rest) - 1}" if int(rest) > 1 else "/picture")

    def get_size(self, rest: str) -> None:
        self.answer(200, bytes(int(rest)))

    def get_claims(self, rest: str) -> None:
        self.answer(200, b"", Content_Length=rest)

    def get_headers(self, rest: str) -> None:
        self.answer(200, PICTURE, **{f"X_{n}": "a" * 4000 for n in range(int(rest))})

    def get_endless(self, rest: str) -> None:
        self.send_response(200)
        self.end_headers()
        while not self.server.ended.is_set():
            self.wfile.write(bytes(1000))

    def get_silence(self, rest: str) -> None:
        self.server.ended.wait()

    def get_drip(self, rest: str) -> None:
        """Drip the body, or with "/headers" the headers."""
        self.wfile.write(b"HTTP/1.0 200 OK\r\n" + (b"X-A: " if rest else b"\r\n"))
        while not self.server.ended.wait(0.01):
            self.wfile.write(b".")


@contextmanager
def running(tls: ssl.SSLContext | None = None) -> Iterator[UrlShop]:
    """Serve until the block ends."""
    server = UrlShop()
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    with served(server, server.ended):
        yield server


def fetcher_for(shop: UrlShop, names: Names, **options: object) -> SafeImageFetcher:
    """A fetcher that may go to this server, and to public addresses, and nowhere else."""
    given = {"max_bytes": MAX_BYTES, "ports": (80, 443, shop.port), "allowed": [HERE]}
    return SafeImageFetcher(resolve=names, **{"tls": _usual_authorities(), **given, **options})


@cache
def _usual_authorities() -> ssl.SSLContext:
    """Read once, since that takes longer than most tests."""
    return ssl.create_default_context()
