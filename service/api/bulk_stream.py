"""The answer to a bulk write, which begins before the request has ended.

body -> groups of lines -> threads of the writes -> lines of status -> spool -> caller
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.api.bulk_lines import Line, grouped
from service.api.spool import Spool

MEDIA_TYPE = "application/x-ndjson"


class BulkResponse(Response):
    """Writes the lines of a request's body while it is read, and answers them in order.

    Starlette's own StreamingResponse would read the body itself, to see whether the caller is gone.
    """

    media_type = MEDIA_TYPE

    def __init__(
        self,
        request: Request,
        write: Callable[[Sequence[Line]], bytes],
        writers: Executor,
        max_line_bytes: int,
    ) -> None:
        """Prepare to call `write` in the threads of `writers`, a group of lines at a time."""
        super().__init__()
        del self.headers["content-length"]
        self._request = request
        self._write = write
        self._writers = writers
        self._max_line_bytes = max_line_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; where the caller hangs up, its last whole lines may or may not be written."""
        spool = Spool()
        working = asyncio.create_task(self._work(spool))
        try:
            first = await spool.get()  # whoever sent `Expect: 100-continue` is told to go on by now
            start = {"status": self.status_code, "headers": self.raw_headers}
            await send({"type": "http.response.start", **start})
            while first:
                await send({"type": "http.response.body", "body": first, "more_body": True})
                first = await spool.get()
            with suppress(ClientDisconnect):
                await working
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            working.cancel()
            spool.close()

    async def _work(self, spool: Spool) -> None:
        run = asyncio.get_running_loop().run_in_executor
        try:
            async for group in grouped(self._request.stream(), self._max_line_bytes):
                await spool.put(await run(self._writers, self._write, group))
        finally:
            await spool.end()
