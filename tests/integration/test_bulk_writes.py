"""Bulk writes over REST: lines in, a status out for each, both at once and of any length."""

import json
import shutil
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.live_server import Server, Shop, eventually, serving
from support.products_api import address, base64_of, found, picture, problem, put, shoes

pytestmark = pytest.mark.integration

NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture(scope="module")
def written(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("bulk")
    data_dir = Path(shutil.copytree(shop.data_dir, folder / "data"))
    with serving(data_dir, folder) as running:
        yield running


@pytest.fixture
def client(written: Server) -> Iterator[httpx.Client]:
    with written.client() as client:
        yield client


def bulk(client: httpx.Client, content: bytes | Iterable[bytes]) -> list[dict[str, Any]]:
    answer = client.post("/v1/products:bulk", content=content, headers=NDJSON)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


def lines(*objects: object) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in objects)


def test_every_line_has_its_status_in_order_and_bad_ones_fail_alone(client: httpx.Client):
    numbers = range(600, 640)
    sent = lines(*({"id": f"bulk-{n}", **shoes(n)} for n in numbers))
    many = lines(*({"id": f"plain-{n}", "title": f"Plain {n}", "price": n} for n in range(300)))
    bad = [
        b"{nonsense\n",
        b"[1]\n",
        b"\n",
        b'{"title": "no id"}\n',
        b'{"id": 3}\n',
        b'{"id": "x", "price": NaN}\n',
        b'{"id": "x", "op": "upsert"}\n',
        b'{"id": "x", "op": {"put": 1}}\n',
        b'{"id": "", "title": "x"}\n',
        b'{"id": "x", "images": [{"image_base64": "AAAA"}]}\n',
        b'{"id": "x", "images": [{"image_base64": "%%%%"}]}\n',
        b'{"op": "patch", "id": "no-such", "price": 3}\n',
        b'{"op": "delete", "id": "no-such"}\n',
        b'{"op": "delete", "id": "bulk-600", "price": 3}\n',
        b"\xff\xfe\n",
        b"[" * 10_000 + b"\n",
        b'{"id": "x", "title": "' + b"A" * 27_000_000 + b'"}\n',
    ]
    last = lines(
        {"op": "patch", "id": "plain-7", "price": 70},
        {"op": "delete", "id": "plain-8"},
        {"op": "put", "id": "plain-8", "title": "again"},
        {"op": "patch", "id": "plain-8", "price": 80},
    )

    statuses = bulk(client, sent + b"".join(bad) + many + last.rstrip(b"\n"))

    expected_bad = [
        (422, "invalid_query"), (422, "invalid_query"), None, (422, "invalid_query"),
        (422, "invalid_query"), (422, "invalid_query"), (422, "invalid_query"),
        (422, "invalid_query"), (422, "invalid_query"), (415, "unsupported_image"),
        (422, "invalid_query"), (404, "product_not_found"), (404, "product_not_found"),
        (422, "invalid_query"), (422, "invalid_query"), (422, "invalid_query"),
        (422, "invalid_query"),
    ]  # fmt: skip
    expected = [
        *[(201, None)] * len(numbers),
        *expected_bad,
        *[(201, None)] * 300,
        (200, None), (204, None), (201, None), (200, None),
    ]  # fmt: skip
    numbered = {n: each for n, each in enumerate(expected, start=1) if each}
    got = {s["line"]: (s["status"], s.get("code")) for s in statuses}
    assert got == numbered
    assert [s["line"] for s in statuses] == sorted(got)
    assert all(("revision" in s) == (s["status"] < 300) for s in statuses)
    assert "longer than" in statuses[len(numbers) + len(bad) - 2]["detail"]
    for n in (600, 619, 639):
        assert found(client, picture(n)) == [f"bulk-{n}"]
    assert problem(client.get("/v1/products/x")) == (404, "product_not_found")
    shown = client.get("/v1/products/plain-8").json()
    assert (shown["title"], shown["price"]) == ("again", 80)
    assert client.get("/v1/products/plain-7").json()["price"] == 70


def test_a_caller_that_reads_nothing_before_it_has_sent_all_is_answered(client: httpx.Client):
    count = 150_000
    line = b'{"op": "delete", "id": "' + b"no-such-product" * 6 + b'"}\n'

    answered = 0
    with client.stream(
        "POST",
        "/v1/products:bulk",
        content=(line * 500 for _ in range(count // 500)),
        headers=NDJSON,
    ) as answer:
        for status in answer.iter_lines():
            answered += 1
            assert status.startswith(f'{{"line":{answered},'), status
    assert answered == count


def connect(server: Server) -> socket.socket:
    url = httpx.URL(server.url)
    connection = socket.create_connection((url.host, url.port), timeout=30)
    connection.sendall(
        b"POST /v1/products:bulk HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"Transfer-Encoding: chunked\r\n"
        b"Content-Type: application/x-ndjson\r\n\r\n"
    )
    return connection


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def test_a_status_comes_back_while_the_request_goes_on(written: Server, client: httpx.Client):
    with connect(written) as connection, connection.makefile("rb") as answer:
        for number in range(3):
            connection.sendall(chunk(lines({"id": f"slow-{number}", **shoes(650 + number)})))
            while not (line := answer.readline()).startswith(b'{"line"'):
                assert line, "the answer ended"
            status = json.loads(line)
            assert (status["line"], status["status"]) == (number + 1, 201)
            assert found(client, picture(650 + number)) == [f"slow-{number}"]
        connection.sendall(chunk(b""))
        assert answer.read().endswith(b"0\r\n\r\n")


def test_a_caller_that_hangs_up_leaves_whole_lines_alone(written: Server, client: httpx.Client):
    with connect(written) as connection, connection.makefile("rb") as answer:
        half = lines({"id": "half", "title": "cut off in the middle"})[:-9]
        connection.sendall(chunk(lines({"id": "whole", "title": "all of it"}) + half))
        while not (line := answer.readline()).startswith(b'{"line"'):
            assert line, "the answer ended"
    # The place that it held is given back, and what it wrote is there.
    series = 'route="/v1/products:bulk"'
    eventually(lambda: series in client.get("/metrics").text)
    assert client.get("/v1/products/whole").json()["title"] == "all of it"
    assert problem(client.get("/v1/products/half")) == (404, "product_not_found")


def test_a_bulk_of_another_kind(client: httpx.Client):
    answer = client.post("/v1/products:bulk", json=[])

    assert problem(answer) == (415, "unsupported_media_type")


def test_nothing_at_all_is_a_bulk_too(client: httpx.Client):
    assert bulk(client, b"") == []
    assert bulk(client, b"\n\n") == []


def test_an_image_known_from_elsewhere_needs_no_bytes(client: httpx.Client):
    shown = put(client, "first", shoes(660)).json()
    image_id = shown["images"][0]["image_id"]

    (status,) = bulk(client, lines({"id": "second", "images": [{"image_id": image_id}]}))

    assert status["status"] == 201
    assert set(found(client, picture(660), limit=2)) == {"first", "second"}
    assert client.delete(address("first")).status_code == 204
    assert found(client, picture(660)) == ["second"]
    both = [{"image_base64": base64_of(picture(660))}, {"image_id": image_id}]
    assert len(put(client, "second", {"images": both}).json()["images"]) == 1


def test_lines_that_come_too_late_say_so_each(client: httpx.Client):
    lines = [{"id": f"late-{number}", **shoes(800 + number)} for number in range(3)]
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    limit = {**NDJSON, "X-Timeout-Ms": "1"}

    answer = client.post("/v1/products:bulk", content=content, headers=limit)

    told = [json.loads(line) for line in answer.text.splitlines()]
    codes = [(each["line"], each["status"], each["code"]) for each in told]
    assert codes == [(number, 504, "deadline_exceeded") for number in (1, 2, 3)]
    assert all(client.get(address(line["id"])).status_code == 404 for line in lines)
    bad = client.post("/v1/products:bulk", content=content, headers={**limit, "X-Timeout-Ms": "0"})
    assert problem(bad) == (422, "invalid_query")
