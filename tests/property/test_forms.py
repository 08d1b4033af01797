"""What is cut up here is what Starlette's parser finds, whatever is sent."""

import asyncio
from collections.abc import AsyncIterator

from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from service.api.forms import Upload, cut

BOUNDARIES = ["b", "----WebKitFormBoundary7MA4YWxkTrZu0gW", "0123456789abcdef", "a-", "-"]
PIECES = [
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"--",
        b"-",
        b":",
        b";",
        b'"',
        b"\\",
        b"%22",
        b" ",
        b"\xff",
        b"\xc3\xa9",
    ),
    *(b"--b", b"\r\n--b", b"\r\n--bc", b"\r\n--b--", b"\r\n\r\n", b"name=", b'name="limit"', b"x"),
    b"Content-Disposition: form-data",
    b'Content-Disposition: form-data; name="file"; filename="a.jpg"',
    b"Content-Type: image/jpeg",
    b"Content-Transfer-Encoding: base64",
]
noise = st.lists(st.sampled_from(PIECES) | st.binary(max_size=5), max_size=8).map(b"".join)


def parsed(content_type: str, body: bytes) -> list[tuple[str, str | Upload]]:
    async def stream() -> AsyncIterator[bytes]:
        yield body
        yield b""

    async def parse() -> list[tuple[str, str | Upload]]:
        headers = Headers({"content-type": content_type})
        form = await MultiPartParser(headers, stream()).parse()  # type: ignore[arg-type]
        items = form.multi_items()
        found = [
            (name, Upload(await value.read()) if isinstance(value, UploadFile) else value)
            for name, value in items
        ]
        await form.close()
        return found

    return asyncio.run(parse())


names = st.sampled_from([b"a.jpg", b"", b"a b;c"] * 3 + [b"\xc3\xa9"])


@st.composite
def parts(draw: st.DrawFn) -> bytes:
    name = draw(st.sampled_from([b"file", b"limit", b"filter"] * 4 + [b"na me", b"", b"a%22"]))
    head = b'Content-Disposition: form-data; name="' + name + b'"'
    if draw(st.booleans()):
        head += (
            b'; filename="'
            + draw(st.sampled_from([b"a.jpg", b"", b"a b;c"] * 3 + [b"\xc3\xa9"]))
            + b'"'
        )
    if draw(st.booleans()):
        head += b"\r\nContent-Type: " + draw(st.sampled_from([b"image/jpeg", b"text/plain", b""]))
    if draw(st.integers(0, 9)) == 0:
        head += draw(noise)
    return head + b"\r\n\r\n" + draw(noise)


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(BOUNDARIES), st.lists(parts(), max_size=4), st.integers(0, 12), noise)
@example("b", [b'Content-Disposition: form-data; name="limit"\r\n\r\nx\r\n--bc'], 0, b"")
@example("b", [b'Content-Disposition: form-data; name="limit"\r\n\r\n'], 0, b"")
def test_what_is_cut_up_is_what_starlette_finds(
    boundary: str, sent: list[bytes], spoil: int, junk: bytes
) -> None:
    delimiter = b"--" + boundary.encode()
    body = b"".join(delimiter + b"\r\n" + part + b"\r\n" for part in sent) + delimiter + b"--\r\n"
    match spoil:
        case 1:
            body = junk + body
        case 2:
            body += junk
        case 3:
            body = body[: len(body) // 2]
        case 4:
            body = body.replace(b"\r\n", junk, 1)
        case 5:
            body = body[:-2]
    content_type = f"multipart/form-data; boundary={boundary}"
    found = cut(content_type, body)
    if found is None:  # goes to Starlette
        return
    try:
        assert found == parsed(content_type, body)
    except MultiPartException as exc:
        raise AssertionError(f"Starlette refuses what was cut up: {found}") from exc


def test_forms_of_common_clients_are_cut_up() -> None:
    """Or nothing would be gained."""
    picture = bytes(range(256)) * 40
    for boundary, file_head in (
        ("----WebKitFormBoundary7MA4YWxkTrZu0gW", b"Content-Type: image/jpeg"),
        ("------------------------d74496d66958873e", b"Content-Type: image/jpeg"),  # curl
        ("5a9e3f7b1c2d4e6f8091a2b3c4d5e6f7", b"Content-Type: image/jpeg"),  # httpx, requests
    ):
        delimiter = b"--" + boundary.encode()
        body = (
            delimiter
            + b'\r\nContent-Disposition: form-data; name="limit"\r\n\r\n3\r\n'
            + delimiter
            + b'\r\nContent-Disposition: form-data; name="file"; filename="q.jpg"\r\n'
            + file_head
            + b"\r\n\r\n"
            + picture
            + b"\r\n"
            + delimiter
            + b"--\r\n"
        )
        for quoted in (boundary, f'"{boundary}"'):
            content_type = f"multipart/form-data; boundary={quoted}"
            found = cut(content_type, body)
            assert found == [("limit", "3"), ("file", Upload(picture))]
            assert found == parsed(content_type, body)
