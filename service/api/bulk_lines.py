"""The body of a bulk write, cut into lines and these into groups, with bounded memory.

chunks of bytes -> lines -> groups: enough lines, enough bytes, or the caller pauses
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

GROUP_LINES = 64
GROUP_BYTES = 1_000_000
_PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its number, from 1, and its bytes; None where it is too long."""

    number: int
    data: bytes | None


class LineCutter:
    """Cuts chunks where lines end; holds no more than one line."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._number = 0
        self._held = bytearray()
        self._too_long = False

    def cut(self, chunk: bytes) -> list[Line]:
        """Return the lines that end in this chunk; empty ones are numbered and left out."""
        *ends, rest = chunk.split(b"\n")
        lines = []
        for end in ends:
            self._hold(end)
            lines += self.end()
        self._hold(rest)
        return lines

    def end(self) -> list[Line]:
        """Return the line that is held, as if it ended here, if there is one."""
        self._number += 1
        data, too_long = bytes(self._held).strip(), self._too_long
        self._held.clear()
        self._too_long = False
        if too_long:
            return [Line(self._number, None)]
        return [Line(self._number, data)] if data else []

    def _hold(self, part: bytes) -> None:
        if self._too_long or len(self._held) + len(part) > self._max_bytes:
            self._held.clear()
            self._too_long = True
        else:
            self._held += part


async def grouped(chunks: AsyncIterator[bytes], max_line_bytes: int) -> AsyncIterator[list[Line]]:
    """Yield the lines in groups, and what there is whenever no more comes for a moment.

    The next chunk is read while a group is being worked on, and none beyond it. Whatever `chunks`
    raises is raised at once: a line that was not whole by then is none.
    """
    cutter, group, size = LineCutter(max_line_bytes), list[Line](), 0
    coming = asyncio.ensure_future(_next(chunks))
    try:
        while True:
            await asyncio.wait([coming], timeout=_PAUSE_SECONDS if group else None)
            if not coming.done():
                yield group
                group, size = [], 0
                continue
            chunk = coming.result()
            if chunk is None:
                break
            coming = asyncio.ensure_future(_next(chunks))
            for line in cutter.cut(chunk):
                group.append(line)
                size += len(line.data or b"")
                if len(group) >= GROUP_LINES or size >= GROUP_BYTES:
                    yield group
                    group, size = [], 0
        if group := group + cutter.end():
            yield group
    finally:
        coming.cancel()


async def _next(chunks: AsyncIterator[bytes]) -> bytes | None:
    return await anext(chunks, None)
