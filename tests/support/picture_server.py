"""A real server of pictures on this machine, for catalogues that name URLs."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer

from service.core.keys import image_digest
from support.http_server import Answers, served
from support.pictures import encoded, photo


class Pictures(ThreadingHTTPServer):
    """Serves pictures by name, with an ETag each; counts what it answered."""

    daemon_threads = True

    def __init__(self) -> None:
        self.pictures: dict[str, bytes] = {}
        self.answers: Counter[int] = Counter()
        super().__init__(("127.0.0.1", 0), Handler)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"


class Handler(Answers):
    server: Pictures

    def do_GET(self) -> None:
        data = self.server.pictures.get(self.path[1:])
        etag = f'"{image_digest(data)}"' if data else ""
        status = 404 if data is None else 304 if self.headers["If-None-Match"] == etag else 200
        self.server.answers[status] += 1
        body = data if data is not None and status == 200 else b""
        self.answer(status, body, **({"ETag": etag} if data else {}))


@contextmanager
def serving_pictures(count: int) -> Iterator[Pictures]:
    """Serve `count` pictures, `0.jpg` and so on, no two alike."""
    server = Pictures()
    server.pictures = {f"{n}.jpg": encoded(photo(80, 60, seed=n), "JPEG") for n in range(count)}
    with served(server):
        yield server
