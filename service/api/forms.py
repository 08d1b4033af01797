"""A multipart form: what nearly all are is cut up here, what is unusual goes to Starlette.

    body -> small and plain? cut at its boundary : Starlette's parser -> (name, text | Upload)

A form of a picture and a few fields is a handful of lines and the bytes as they are. To call back
for each piece of it was a third of what a kept answer takes (`python -m bench.cache`). A test holds
what is cut here to what Starlette makes of it.
"""

import re
from dataclasses import dataclass

from fastapi import Request
from starlette.datastructures import UploadFile

_SMALL = 1_000_000
_MANY = 50
_BOUNDARY = re.compile(
    r'multipart/form-data; *boundary=(?:"([\w\'()+_./:-]{1,70})"|([\w.-]{1,70}))'
)
_HEAD = re.compile(
    rb'\r\nContent-Disposition: form-data; name="(\w+)"(; filename="[ -!#$&-\[\]-~]*")?'
    rb"(?:\r\nContent-Type: [ -~]+)?(?:\r\nContent-Length: \d+)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Upload:
    """A part that came with a filename."""

    data: bytes


async def read_form(request: Request, max_part_bytes: int) -> list[tuple[str, str | Upload]]:
    """Read a body of the type multipart/form-data.

    Args:
        request: Whose body is unread.
        max_part_bytes: Of a part that is no file.

    Raises:
        HTTPException: 400, it is none.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) <= _SMALL:
        body = await request.body()  # where that is not enough, Starlette begins from it
        parts = cut(request.headers.get("content-type", ""), body)
        if parts is not None:
            return parts
    async with request.form(max_part_size=max_part_bytes) as form:
        return [
            (name, Upload(await value.read()) if isinstance(value, UploadFile) else value)
            for name, value in form.multi_items()
        ]


def cut(content_type: str, body: bytes) -> list[tuple[str, str | Upload]] | None:
    """Cut up a plain form; None where anything in it is unusual."""
    found = _BOUNDARY.fullmatch(content_type)
    if found is None:
        return None
    delimiter = b"--" + (found[1] or found[2]).encode()
    first, *parts = (b"\r\n" + body).split(b"\r\n" + delimiter)
    if first or not 1 < len(parts) <= _MANY or parts.pop() not in (b"--", b"--\r\n"):
        return None
    cut_up: list[tuple[str, str | Upload]] = []
    for part in parts:
        head, blank, content = part.partition(b"\r\n\r\n")
        described = _HEAD.fullmatch(head)
        if described is None or not blank:
            return None
        try:
            value = Upload(content) if described[2] else content.decode()
            cut_up.append((described[1].decode("ascii"), value))
        except UnicodeDecodeError:
            return None
    return cut_up
