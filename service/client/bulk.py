"""Lines of a bulk write, gathered into requests of bounded size.

One request a few hundred lines, so that statuses come while lines are still being made, memory
stays flat however many there are, and a refusal for the moment (429, 503) is waited out.
"""

import dataclasses
import json

import httpx

from service.client.answers import BulkStatus
from service.client.errors import VitrineAnswerError
from service.client.parsing import parsed
from service.client.queries import BulkLine, as_json
from service.client.requests import Call

REQUEST_LINES = 500
REQUEST_BYTES = 8_000_000
_HEADERS = {"Content-Type": "application/x-ndjson"}


class Gathered:
    """Gathers lines until they make a request; its statuses count lines from the very first."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._bytes = 0
        self._sent = 0

    def add(self, line: BulkLine) -> Call[tuple[BulkStatus, ...]] | None:
        """Take a line; return a request when there is enough for one."""
        written = json.dumps(as_json(line), allow_nan=False).encode() + b"\n"
        self._lines.append(written)
        self._bytes += len(written)
        full = len(self._lines) >= REQUEST_LINES or self._bytes >= REQUEST_BYTES
        return self.rest() if full else None

    def rest(self) -> Call[tuple[BulkStatus, ...]] | None:
        """Return a request of what was gathered, if there is any."""
        if not self._lines:
            return None
        before, count, content = self._sent, len(self._lines), b"".join(self._lines)
        self._lines, self._bytes, self._sent = [], 0, before + count

        def read(response: httpx.Response) -> tuple[BulkStatus, ...]:
            statuses = tuple(_status(line, before) for line in response.text.splitlines())
            if len(statuses) != count:
                raise VitrineAnswerError(f"{len(statuses)} statuses for {count} lines")
            return statuses

        arguments = {"content": content, "headers": _HEADERS}
        return Call("POST", "/v1/products:bulk", read, arguments)


def _status(line: str, before: int) -> BulkStatus:
    try:
        said = json.loads(line)
    except ValueError as exc:
        raise VitrineAnswerError(f"a status is not JSON: {exc}") from exc
    status = parsed(BulkStatus, said)
    return dataclasses.replace(status, line=status.line + before)
