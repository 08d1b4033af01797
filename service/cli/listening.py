"""Where the service listens, and how fast it takes new connections.

    host:port -> one socket, several times in the loop -> connections -> uvicorn -> the app

libuv takes one connection from a socket in each round of the loop, and a round of a busy service
lasts a while: in a flood of new connections all others waited in the kernel, for seconds and out of
turn, where nothing could refuse them. The same socket held several times is served as many times.
"""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import uvicorn
from fastapi import FastAPI

from service.core.errors import SettingsError

_TAKEN_A_ROUND = 16
_BACKLOG = 2048
_KEPT_SECONDS = 75
"""That an idle connection is kept: longer than proxies keep theirs, 60 by default, lest one sends a
request on a connection that is just being closed."""
_GRACE_SECONDS = 10
"""That requests may take once the process is told to stop: a bulk write may be without end."""

_log = logging.getLogger("uvicorn.error")


def listen(app: FastAPI, host: str, port: int) -> None:
    """Serve until interrupted.

    Raises:
        SettingsError: That address cannot be listened on.
    """
    config = uvicorn.Config(
        app,
        log_level="info",
        access_log=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEPT_SECONDS,
    )
    with _bound(host, port) as sockets, suppress(KeyboardInterrupt):
        shown = f"[{host}]" if ":" in host else host
        _Server(config, f"http://{shown}:{sockets[0].getsockname()[1]}").run(sockets)


class _Server(uvicorn.Server):
    """Says where it listens, which uvicorn does not of sockets that it is given."""

    def __init__(self, config: uvicorn.Config, address: str) -> None:
        super().__init__(config)
        self._address = address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take connections."""
        await super().startup(sockets)
        _log.info("Uvicorn running on %s (Press CTRL+C to quit)", self._address)


@contextmanager
def _bound(host: str, port: int) -> Iterator[list[socket.socket]]:
    """Lend a socket that is bound, several times."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with ExitStack() as stack:
        try:
            bound = stack.enter_context(
                socket.create_server((host, port), family=family, backlog=_BACKLOG)
            )
        except OSError as exc:
            raise SettingsError(
                f"cannot listen on {host}:{port}: {os.strerror(exc.errno or 0).lower()}; "
                "choose another with --host and --port"
            ) from exc
        others = (stack.enter_context(bound.dup()) for _ in range(_TAKEN_A_ROUND - 1))
        yield [bound, *others]
