"""One request and what its answer must be, whoever sends it.

shopper.py -> Ask -> locustfile.py, or bench/wire.py -> Reply -> `Ask.check`
"""

import base64
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from loadtests.checks import Reply

Check = Callable[[Reply], None]
"""Passes, or raises WrongAnswerError; may note what the next requests need."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request.

    Attributes:
        name: What it is counted under.
        path: With its query, escaped.
        check: Raises WrongAnswerError, or LookupError and TypeError where a field is missing.
        media_type: Of the body.
    """

    name: str
    method: str
    path: str
    check: Check
    body: bytes = b""
    media_type: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """What HTTP needs beside the host and the length."""
        return {"Content-Type": self.media_type} if self.media_type else {}

    def wire(self) -> bytes:
        """Return the request as HTTP/1.1 has it."""
        lines = [f"{self.method} {self.path} HTTP/1.1", "Host: localhost"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += [f"Content-Length: {len(self.body)}", "", ""]
        return "\r\n".join(lines).encode() + self.body


def upload(name: str, data: bytes, fields: Mapping[str, str], check: Check) -> Ask:
    """Search by a JPEG in a form."""
    boundary = uuid.uuid4().hex
    part = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
        for field, value in fields.items()
    )
    part += (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="query.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    body = part.encode() + data + f"\r\n--{boundary}--\r\n".encode()
    media_type = f"multipart/form-data; boundary={boundary}"
    return Ask(name, "POST", "/v1/search", check, body, media_type)


def search_by(data: bytes, fields: Mapping[str, str] | None = None) -> bytes:
    """Return a search by a JPEG as HTTP/1.1 has it, for who looks at the answer alone."""
    return upload("", data, fields or {}, lambda _: None).wire()


def post(name: str, path: str, content: Mapping[str, Any], check: Check) -> Ask:
    """Send JSON."""
    return send(name, "POST", path, content, check)


def send(name: str, method: str, path: str, content: Mapping[str, Any], check: Check) -> Ask:
    """Send JSON by any method."""
    return Ask(name, method, path, check, json.dumps(content).encode(), "application/json")


def get(name: str, path: str, check: Check) -> Ask:
    """Read."""
    return Ask(name, "GET", path, check)


def text(data: bytes) -> str:
    """Return a picture as JSON has it."""
    return base64.b64encode(data).decode()
