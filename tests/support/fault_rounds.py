"""Rounds of writing, reindexing, compacting and promoting, each cut short by SIGKILL.

writers -> a server | reindex, compact or promote beside it -> kill -9 at a random moment
        -> started again -> everything acknowledged is there, nothing deleted is found
"""

import base64
import json
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Literal

import httpx

from service.demo.catalog import encode, write_catalog
from service.demo.products import product
from service.demo.render import render
from support.ledger import Ledger, State
from support.live_server import Server, process_of, serving

Kind = Literal["writes", "compact", "reindex", "promote"]
KINDS: tuple[Kind, ...] = ("writes", "compact", "reindex", "promote")
WRITERS, IDS_EACH = 3, 12
_PICTURES, _SIDE = 48, 96
_SEARCHED = 8
_LIMIT = 100
_COMPACT_ROWS = "200"  # so that the server folds them by itself too, now and then


@dataclass
class Arena:
    """One data directory, and all that happens to it."""

    folder: Path
    seed: int
    ledger: Ledger = field(default_factory=Ledger)

    def __post_init__(self) -> None:
        self.data_dir = self.folder / "data"
        self.catalogs = [self.folder / "a.parquet", self.folder / "b.parquet"]
        for seed, path in enumerate(self.catalogs):
            write_catalog(path, 40, views=1, seed=seed, size=_SIDE)
        shots = (product(1000 + number) for number in range(_PICTURES))
        self.pictures = [encode(render(item, 0, size=_SIDE)) for item in shots]
        self._stack = ExitStack()
        self.server: Server | None = None

    @contextmanager
    def open(self) -> Iterator["Arena"]:
        """Index a catalogue, and serve it until the block ends."""
        assert process_of("reindex", self.catalogs[0], "--data-dir", self.data_dir).wait() == 0
        with self._stack:
            yield self

    def round(self, number: int) -> Kind:
        """Do one round and check it; returns what was killed."""
        rng = random.Random(f"{self.seed}/{number}")
        kind = KINDS[number % len(KINDS)]
        server = self._running()
        stop = Event()
        with ThreadPoolExecutor(WRITERS) as pool:
            writers = [
                pool.submit(self._write, server.url, name, random.Random(rng.random()), stop)
                for name in range(WRITERS)
            ]
            if kind == "writes":
                time.sleep(rng.uniform(0.02, 0.8))
            else:
                self._cut_short(kind, rng)
            if kind == "writes" or rng.random() < 0.5:
                server.process.kill()
                server.process.wait()
                self.server = None
            stop.set()
            for writer in writers:
                writer.result()
        self._check(rng)
        return kind

    def _running(self) -> Server:
        """Return the server, started if it does not run; it must always start."""
        if self.server is None:
            self._stack.close()
            self.server = self._stack.enter_context(
                serving(self.data_dir, self.folder, VITRINE_COMPACT_ROWS=_COMPACT_ROWS)
            )
        return self.server

    def _cut_short(self, kind: Kind, rng: random.Random) -> None:
        """Run a command beside the server, and kill it at some moment of its life."""
        commands: dict[Kind, Callable[[], list[object]]] = {
            "compact": lambda: ["index", "compact"],
            "reindex": lambda: ["reindex", rng.choice(self.catalogs)],
            "promote": lambda: ["index", "rollback"],
        }
        process = process_of(*commands[kind](), "--data-dir", self.data_dir)
        # Starting and importing is most of a command's life, and nothing happens in it.
        with suppress(subprocess.TimeoutExpired):
            process.wait(rng.uniform(0.4, 2.5))
        process.kill()
        process.wait()

    def _write(self, url: str, writer: int, rng: random.Random, stop: Event) -> None:
        """Write at random until told to stop, or until there is nobody to write to."""
        ids = [f"live/{writer}-{n}" for n in range(IDS_EACH)]
        with (
            httpx.Client(base_url=url, timeout=30, trust_env=False) as client,
            suppress(httpx.TransportError),
        ):
            while not stop.is_set():
                if rng.random() < 0.3:
                    self._bulk(client, rng.sample(ids, 6), rng)
                else:
                    self._single(client, rng.choice(ids), rng)

    def _single(self, client: httpx.Client, id_: str, rng: random.Random) -> None:
        state = self._drawn(rng)
        before = self.ledger.states(id_)
        self.ledger.sent(id_, state)
        if state is None:
            answer = client.delete(f"/v1/products/{id_}")
            assert answer.status_code == 204 or (answer.status_code == 404 and None in before)
        else:
            answer = client.put(f"/v1/products/{id_}", json=self._body(state))
            assert answer.status_code in (200, 201), answer.text
        self.ledger.answered(id_, state)

    def _bulk(self, client: httpx.Client, ids: list[str], rng: random.Random) -> None:
        wanted = {id_: self._drawn(rng) for id_ in ids}
        lines = []
        for id_, state in wanted.items():
            self.ledger.sent(id_, state)
            line = {"op": "delete"} if state is None else self._body(state)
            lines.append(json.dumps({"id": id_, **line}) + "\n")
        headers = {"Content-Type": "application/x-ndjson"}
        body = "".join(lines)
        with client.stream("POST", "/v1/products:bulk", content=body, headers=headers) as answer:
            for line in answer.iter_lines():
                told = json.loads(line)
                gone = wanted[told["id"]] is None and told["status"] == 404
                assert told["status"] < 300 or gone, line
                self.ledger.answered(told["id"], wanted[told["id"]])

    def _drawn(self, rng: random.Random) -> State | None:
        if rng.random() < 0.3:
            return None
        return State(f"title {rng.randrange(10**6)}", rng.randrange(_PICTURES))

    def _body(self, state: State) -> dict[str, object]:
        picture = base64.b64encode(self.pictures[state.picture]).decode()
        return {
            "title": state.title,
            "attributes": {"picture": state.picture},
            "images": [{"image_base64": picture}],
        }

    def _check(self, rng: random.Random) -> None:
        """Everything acknowledged is there, found by its picture; what was deleted is not."""
        with self._running().client() as client:
            assert client.get("/livez").status_code == 200
            for id_ in self.ledger.ids():
                answer = client.get(f"/v1/products/{id_}")
                state = None
                if answer.status_code == 200:
                    told = answer.json()
                    state = State(told["title"], told["attributes"]["picture"])
                else:
                    assert answer.status_code == 404, answer.text
                self.ledger.found(id_, state)
            for id_ in rng.sample(self.ledger.ids(), min(_SEARCHED, len(self.ledger.ids()))):
                self._search(client, id_)

    def _search(self, client: httpx.Client, id_: str) -> None:
        (state,) = self.ledger.states(id_)
        number = state.picture if state else 0
        answer = client.post(
            "/v1/search", files={"file": ("p.jpg", self.pictures[number])}, data={"limit": _LIMIT}
        )
        assert answer.status_code == 200, answer.text
        results = {result["product_id"]: result for result in answer.json()["results"]}
        for other in self.ledger.ids():
            assert other not in results or self.ledger.states(other) != {None}, (
                f"{other} is deleted"
            )
        if state:
            assert results[id_]["similarity"] > 0.999, results.get(id_)
