"""Connections that lead to the public internet alone and end by a deadline, for httpcore.

    host -> resolve, once -> every address public? -> connect to one of these -> stream
                                                                  each read and write: time left?

What is checked is what is connected to. httpcore still sees the name, so Host, SNI and certificate
go by it.
"""

import re
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

import httpcore

from service.core.addresses import Address, is_public
from service.core.errors import FetchError

Resolve = Callable[[str, int], Sequence[str]]
"""Addresses of a name, as text; raises OSError where it has none."""

# The same whether a name has no address or a private one: which it is says what there is inside.
NOT_PUBLIC = "this host has no public address"
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*\.?")
# Resolvers read 0x7f.1, 0177.0.0.1 and 2130706433 as addresses; nothing public is named so.
_NUMBER = re.compile(r"(0[xX][0-9A-Fa-f]*|[0-9]+)\.?")


def resolve_by_system(host: str, port: int) -> list[str]:
    """Ask the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


@dataclass(frozen=True, slots=True)
class Guard:
    """Who may be connected to.

    Attributes:
        resolve: How names become addresses.
        resolvers: Threads to do it in, since the system's cannot be given a deadline.
        allowed: Networks let in though not public.
    """

    resolve: Resolve
    resolvers: Executor
    allowed: Sequence[IPv4Network | IPv6Network] = ()

    def addresses(self, host: str, port: int, seconds: float) -> list[str]:
        """Return the addresses of a host, all of which may be connected to.

        Raises:
            FetchError: One of them may not, or there is none.
            ConnectTimeout: The resolver took longer than `seconds`.
        """
        found = self._found(host, port, seconds)
        if not found or not all(self._may(address) for address in found):
            raise FetchError(NOT_PUBLIC)
        return [str(address) for address in found]

    def _found(self, host: str, port: int, seconds: float) -> list[Address]:
        try:
            return [ip_address(host)]
        except ValueError:
            pass
        if not _NAME.fullmatch(host) or _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
            raise FetchError(NOT_PUBLIC)
        try:
            asked = self.resolvers.submit(self.resolve, host, port)
            return [ip_address(text) for text in asked.result(timeout=seconds)]
        except FutureTimeoutError as exc:
            raise httpcore.ConnectTimeout from exc
        except (OSError, ValueError) as exc:  # UnicodeError is of the latter
            raise FetchError(NOT_PUBLIC) from exc

    def _may(self, address: Address) -> bool:
        inside = any(address.version == net.version and address in net for net in self.allowed)
        return inside or is_public(address)


class GuardedNetwork(httpcore.NetworkBackend):
    """Connect within the guard; for one download, which ends at the deadline."""

    def __init__(self, guard: Guard, deadline: float) -> None:
        """Take the deadline on the clock of `time.monotonic`."""
        self._guard = guard
        self._deadline = deadline
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that answers; all of them were checked before."""
        failure: httpcore.ConnectError | None = None
        for address in self._guard.addresses(host, port, _left(self._deadline)):
            try:
                stream = self._network.connect_tcp(
                    address, port, _left(self._deadline), local_address, socket_options
                )
            except httpcore.ConnectError as exc:
                failure = exc
            else:
                return _TimedStream(stream, self._deadline)
        assert failure is not None  # there is at least one address
        raise failure


class _TimedStream(httpcore.NetworkStream):
    """httpcore limits each wait, not their sum: a server that drips would hold us for ever."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline))
        return _TimedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout
    return left
