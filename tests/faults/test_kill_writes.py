"""A server killed with SIGKILL amid bulk writes: what it answered is there afterwards."""

import json
import os
import random
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx

from support.live_server import Server, Shop, serving
from support.products_api import address, base64_of, found, picture

ROUNDS = int(os.environ.get("VITRINE_TEST_KILLS", "3"))
LINES = 4000
PICTURES = [base64_of(picture(800 + n)) for n in range(4)]


def lines(run: int) -> Iterator[bytes]:
    """Puts, every other of which is deleted again ten lines later; few bring a picture."""
    for n in range(LINES):
        line: dict[str, object] = {"id": f"{run}/{n}", "price": n}
        if n % 100 == 1:
            line["images"] = [{"image_base64": PICTURES[n // 100 % len(PICTURES)]}]
        yield json.dumps(line).encode() + b"\n"
        if n % 2 == 0 and n >= 10:
            yield json.dumps({"op": "delete", "id": f"{run}/{n - 10}"}).encode() + b"\n"


def killed_after(server: Server, run: int, answers: int) -> list[dict]:
    """Write until so many lines were answered, and kill; return what was answered by then."""
    answered: list[dict] = []
    kind = {"Content-Type": "application/x-ndjson"}
    with server.client() as client:
        try:
            with client.stream(
                "POST", "/v1/products:bulk", content=lines(run), headers=kind
            ) as answer:
                for line in answer.iter_lines():
                    answered.append(json.loads(line))
                    if len(answered) == answers:
                        os.kill(server.pid, signal.SIGKILL)
        except (httpx.TransportError, json.JSONDecodeError):
            pass  # the rest of the answer, which did not come
    return answered


def check(client: httpx.Client, answered: list[dict]) -> None:
    """Hold the catalogue, and what is found, to every answer."""
    deleted = {each["id"] for each in answered if each["status"] == 204}
    for each in answered:
        if each["id"] in deleted:
            assert client.get(address(each["id"])).status_code == 404, each
        elif int(each["id"].partition("/")[2]) % 2:  # never deleted
            shown = client.get(address(each["id"])).json()
            assert shown["price"] == int(each["id"].partition("/")[2]), each


def test_what_was_answered_outlives_a_kill(shop: Shop, tmp_path: Path) -> None:
    data_dir = Path(shutil.copytree(shop.data_dir, tmp_path / "data"))
    rng, answered = random.Random(5), list[dict]()
    for run in range(ROUNDS):
        with serving(data_dir, tmp_path) as server:
            got = killed_after(server, run, rng.randrange(110, LINES // 2))
        assert {each["status"] for each in got} == {201, 204}
        assert len(got) < 1.5 * LINES - 10, "it was over before it was killed"
        answered += got
        with serving(data_dir, tmp_path) as server, server.client() as client:
            check(client, got)
    with serving(data_dir, tmp_path) as server, server.client() as client:
        check(client, answered)
        (nearest,) = found(client, picture(800))
        assert int(nearest.partition("/")[2]) % (100 * len(PICTURES)) == 1, "one that brought it"
