"""How late the event loop is: what waits in sockets, where nothing else sees it.

a timer of the loop -> when it should have gone off -> now, and how late it was the last time
"""

import asyncio
import time

_INTERVAL_SECONDS = 0.05


class LoopLag:
    """Measured from the first question on; used on the event loop alone."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._due = 0.0
        self._last = 0.0

    @property
    def seconds(self) -> float:
        """How long what comes now has waited for the loop, or else what came just before."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._last = loop, 0.0
            self._expect(loop)
        return max(self._last, time.monotonic() - self._due)

    def _expect(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = time.monotonic() + _INTERVAL_SECONDS
        loop.call_later(_INTERVAL_SECONDS, self._go_off, loop)

    def _go_off(self, loop: asyncio.AbstractEventLoop) -> None:
        if loop is self._loop:  # or else it is measured elsewhere by now
            self._last = time.monotonic() - self._due
            self._expect(loop)
