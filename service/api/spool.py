"""Bytes on their way out, which wait on disk where the reader is slower than the writer.

A caller of a bulk write that sends everything before it reads anything would else wait for us to
read, while we wait for it to.
"""

import asyncio
from tempfile import SpooledTemporaryFile

_IN_MEMORY = 1_000_000
_MOST = 256_000_000
_CHUNK = 65_536


class Spool:
    """First in, first out; for one writer and one reader, on one event loop."""

    def __init__(self, in_memory: int = _IN_MEMORY, most: int = _MOST) -> None:
        """Hold up to `in_memory` bytes in memory, and `most` on disk."""
        self._in_memory = in_memory
        self._most = most
        self._file = SpooledTemporaryFile[bytes](in_memory)
        self._read_to = self._written_to = 0
        self._ended = False
        self._changed = asyncio.Condition()

    async def put(self, data: bytes) -> None:
        """Append; waits where the reader is too far behind."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._written_to - self._read_to < self._most)
            self._file.seek(self._written_to)
            self._file.write(data)
            self._written_to += len(data)
            self._changed.notify_all()

    async def end(self) -> None:
        """Say that nothing more comes."""
        async with self._changed:
            self._ended = True
            self._changed.notify_all()

    async def get(self) -> bytes:
        """Take what there is, some at a time; waits for it, and is empty at the end."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._read_to < self._written_to or self._ended)
            self._file.seek(self._read_to)
            data = self._file.read(min(_CHUNK, self._written_to - self._read_to))
            self._read_to += len(data)
            if self._read_to == self._written_to:
                self._restart()
            self._changed.notify_all()
            return data

    def close(self) -> None:
        """Give the disk back."""
        self._file.close()

    def _restart(self) -> None:
        """All was read: begin anew, in memory."""
        if self._written_to > self._in_memory:
            self._file.close()
            self._file = SpooledTemporaryFile[bytes](self._in_memory)
        self._read_to = self._written_to = 0
