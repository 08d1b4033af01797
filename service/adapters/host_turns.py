"""How many requests a host gets at once, and how long it is left alone when it asks for that.

request -> wait for a turn -> at most n at once a host -> answer; "later, please" -> pause for all
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Condition

_REMEMBERED = 256
"""Hosts; of more, those that nobody waits for are forgotten."""


@dataclass(slots=True)
class _Host:
    """One host: requests under way, callers that have or want a turn, and when it may be asked.

    `puts_off_since` is when it first asked for a pause after it last answered.
    """

    active: int = 0
    callers: int = 0
    resumes_at: float = 0.0
    puts_off_since: float | None = None


class HostTurns:
    """Shared by all threads that send requests."""

    def __init__(self, at_once: int) -> None:
        """Allow `at_once` requests to the same host."""
        self._at_once = at_once
        self._hosts: dict[str, _Host] = {}
        self._changed = Condition()

    @contextmanager
    def turn(self, host: str, deadline: float) -> Iterator[None]:
        """Hold one of the host's turns, waited for until `deadline` (`time.monotonic`).

        Raises:
            TimeoutError: There was none by then.
        """
        with self._changed:
            state = self._state(host)
            state.callers += 1
            try:
                self._wait(state, deadline)
            except BaseException:
                state.callers -= 1
                raise
            state.active += 1
        try:
            yield
        finally:
            with self._changed:
                state.active -= 1
                state.callers -= 1
                self._changed.notify_all()

    def pause(self, host: str, seconds: float, patience_seconds: float) -> bool:
        """Begin no request to the host for so long; False where its pauses are over-long by now."""
        with self._changed:
            state, now = self._state(host), time.monotonic()
            if state.puts_off_since is None:
                state.puts_off_since = now
            if now - state.puts_off_since > patience_seconds:
                return False
            state.resumes_at = max(state.resumes_at, now + seconds)
            return True

    def answered(self, host: str) -> None:
        """Take note that the host gave what it was asked for."""
        with self._changed:
            self._state(host).puts_off_since = None

    def _wait(self, state: _Host, deadline: float) -> None:
        while True:
            now = time.monotonic()
            paused = state.resumes_at - now
            if paused <= 0 and state.active < self._at_once:
                return
            if now >= deadline:
                raise TimeoutError
            self._changed.wait(min(deadline - now, paused if paused > 0 else deadline - now))

    def _state(self, host: str) -> _Host:
        if host not in self._hosts and len(self._hosts) >= _REMEMBERED:
            now = time.monotonic()
            self._hosts = {
                name: state
                for name, state in self._hosts.items()
                if state.callers or state.resumes_at > now
            }
        return self._hosts.setdefault(host, _Host())
