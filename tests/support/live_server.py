"""A small shop, indexed with the bundle that ships, and `vitrine` run as people run it."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from threading import Event
from typing import TypeVar

import httpx

from service.cli import main
from service.demo.catalog import encode, write_catalog
from service.demo.products import product
from service.demo.render import render
from service.settings import DEFAULT_BUNDLE

PRODUCTS, VIEWS, SIDE = 60, 3, 160
_PATIENCE_SECONDS = 60
_UNHURRIED = {"VITRINE_LATENCY_TARGET_SECONDS": "60"}
"""So that a busy machine neither lowers the tier nor refuses, but where a test asks for it."""
_T = TypeVar("_T")
_ADDRESS = re.compile(r"running on (http://\S+)")


@dataclass(frozen=True, slots=True)
class Shop:
    """A demo catalogue and the data directory it is indexed in."""

    catalog: Path
    data_dir: Path

    def picture(self, number: int, view: int = 0) -> bytes:
        """The JPEG of a product; views up to 2 are in the catalogue, byte for byte."""
        return encode(render(product(number), view, size=SIDE))


@dataclass(frozen=True, slots=True)
class Server:
    """A running `vitrine serve`; `log` is all it printed."""

    url: str
    log: Path
    process: "subprocess.Popen[bytes]"

    @property
    def pid(self) -> int:
        return self.process.pid

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=_PATIENCE_SECONDS, trust_env=False)


def vitrine(*arguments: object, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end, with these settings in its environment."""
    return subprocess.run(
        _command(*arguments),
        capture_output=True,
        text=True,
        check=False,
        env=_environment(settings),
        timeout=4 * _PATIENCE_SECONDS,
    )


def process_of(*arguments: object) -> "subprocess.Popen[bytes]":
    """Start one command, to be killed; what it prints is lost."""
    nowhere = subprocess.DEVNULL
    command, environment = _command(*arguments), _environment({})
    return subprocess.Popen(command, stdout=nowhere, stderr=nowhere, env=environment)


def vitrine_here(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run one command within this process, which spares its start; the result is the same."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            main([*map(str, arguments), *_in_haste(arguments)])
        except SystemExit as exc:
            status = exc.code
    assert isinstance(status, int)
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())


def make_shop(folder: Path, products: int = PRODUCTS) -> Shop:
    """Draw a catalogue and index it."""
    shop = Shop(folder / "catalog.parquet", folder / "data")
    write_catalog(shop.catalog, products, views=VIEWS, size=SIDE)
    done = vitrine("reindex", shop.catalog, "--data-dir", shop.data_dir)
    assert done.returncode == 0, done.stderr
    return shop


@contextmanager
def serving(
    data_dir: Path, folder: Path, bundle: Path = DEFAULT_BUNDLE, **settings: str
) -> Iterator[Server]:
    """Run `vitrine serve` on a free port until the block ends; `folder` takes its log."""
    log = folder / "serve.log"
    command = _command("serve", "--data-dir", data_dir, "--port", 0, "--bundle", bundle)
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=_environment(settings))
    try:
        found = eventually(
            lambda: _ADDRESS.search(log.read_text()) or process.poll() is not None,
            log.read_text,
        )
        assert isinstance(found, re.Match), log.read_text()
        yield Server(found[1], log, process)
    finally:
        process.terminate()
        process.wait(_PATIENCE_SECONDS)


@contextmanager
def kept_up(ask: Callable[[], object]) -> Iterator[None]:
    """Ask over and over while the block runs; at its end some must have been asked, none failed."""
    done = Event()

    def keep_asking() -> int:
        asked = 0
        while not done.is_set():
            ask()
            asked += 1
        return asked

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(keep_asking)
        try:
            yield
        finally:
            done.set()
        assert asking.result() > 0


def eventually(
    condition: Callable[[], _T],
    explain: Callable[[], object] = lambda: "",
    seconds: float = _PATIENCE_SECONDS,
) -> _T:
    """Return what the condition gives once it is true; fail when it does not become so in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not so after {seconds} s: {explain()}"
        time.sleep(0.02)
    return value


def _command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "service", *map(str, arguments), *_in_haste(arguments)]


def _in_haste(arguments: Sequence[object]) -> list[str]:
    """A reindex does not give way here: a test waits for it, or is the process that would."""
    return ["--no-yield"] if arguments[:1] == ("reindex",) else []


def _environment(settings: dict[str, str]) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("VITRINE_")}
    return {**inherited, "COLUMNS": "120", "NO_COLOR": "1", **_UNHURRIED, **settings}
