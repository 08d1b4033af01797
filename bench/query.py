"""One query at concurrency 1: the service over HTTP against the same work called directly.

Direct is decode + encode + exact search in this process. Every picture is new to the service, so
its cache never answers. Blocks of requests and of direct calls alternate; the first of each block
do not count, since the other side's encoder threads are still spinning then.
"""

import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bench.pictures import catalog, encoded
from service.adapters.catalog_sources import open_source
from service.adapters.snapshots import SnapshotFolder
from service.core.preprocess import decode_for, preprocess
from service.core.snapshot import Snapshot
from service.core.types import Encoder
from service.pipeline.reindex import ReindexOptions
from service.settings import Settings
from service.wiring import make_encoder, reindexing

_PRODUCTS = 1000
_BLOCK = 25
_UNCOUNTED = 5
_BLOCKS = 10


def measure(rounds: int = 6) -> dict[str, Any]:
    """Return median times and their ratio round by round."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, origin = catalog(_PRODUCTS, folder)
        settings = Settings(data_dir=folder / "data")
        with reindexing(settings) as flow:
            flow.run(open_source(source, columns={}), ReindexOptions())
        snapshots = SnapshotFolder(settings.data_dir)
        version = snapshots.current()
        assert version is not None  # just promoted
        snapshot, encoder = snapshots.load(version), make_encoder(settings)
        pictures = encoded(source, _BLOCK * _BLOCKS)
        results = []
        for _ in range(rounds):
            with (
                server(settings) as address,
                socket.create_connection(address, timeout=60) as connection,
            ):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                results.append(_round(connection, encoder, snapshot, pictures))
    ratios = [served / direct for served, direct in results]
    return {
        "pictures": origin,
        "service_p50_ms": [round(served * 1000, 2) for served, _ in results],
        "direct_p50_ms": [round(direct * 1000, 2) for _, direct in results],
        "ratio_rounds": [round(ratio, 3) for ratio in ratios],
        "ratio_median": round(statistics.median(ratios), 3),
    }


def _round(
    connection: socket.socket,
    encoder: Encoder,
    snapshot: Snapshot,
    pictures: list[bytes],
) -> tuple[float, float]:
    served: list[float] = []
    direct: list[float] = []
    for first in range(0, len(pictures), _BLOCK):
        block = pictures[first : first + _BLOCK]
        served += _timed(block, lambda data: post(connection, data))
        direct += _timed(block, lambda data: _search(encoder, snapshot, data))
    return statistics.median(served), statistics.median(direct)


def _timed(block: list[bytes], call: Callable[[bytes], object]) -> list[float]:
    seconds = []
    for data in block:
        start = time.perf_counter()
        call(data)
        seconds.append(time.perf_counter() - start)
    return seconds[_UNCOUNTED:]


def _search(encoder: Encoder, snapshot: Snapshot, data: bytes) -> None:
    spec = encoder.manifest.preprocess
    pixels = preprocess(spec, decode_for(spec, data))
    snapshot.index.search(encoder.encode(pixels[np.newaxis]), 10)


def post(connection: socket.socket, data: bytes, fields: Mapping[str, str] | None = None) -> bytes:
    """Send one search and return the whole answer, with as little of our own work as can be.

    Raises:
        RuntimeError: The service answered anything but 200, or nothing.
    """
    boundary = uuid.uuid4().hex
    part = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (fields or {}).items()
    )
    part += (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="q.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    body = part.encode() + data + f"\r\n--{boundary}--\r\n".encode()
    head = (
        "POST /v1/search HTTP/1.1\r\nHost: bench\r\n"
        f"Content-Type: multipart/form-data; boundary={boundary}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body)
    received = b""
    while b"\r\n\r\n" not in received:
        received += _received(connection)
    head_received, _, answer = received.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head_received.lower())
    if not head_received.startswith(b"HTTP/1.1 200") or length is None:
        raise RuntimeError(f"the service answered {received[:300]!r}")
    while len(answer) < int(length[1]):
        answer += _received(connection)
    return answer


def _received(connection: socket.socket) -> bytes:
    if chunk := connection.recv(1 << 18):
        return chunk
    raise RuntimeError("the service closed the connection")


@contextmanager
def server(settings: Settings) -> Iterator[tuple[str, int]]:
    """Serve in a process of its own on a free port."""
    command = [sys.executable, "-m", "service", "serve", "--port", "0"]
    environment = {**os.environ, "VITRINE_DATA_DIR": str(settings.data_dir)}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None  # a pipe was asked for
    try:
        for line in process.stderr:
            if found := re.search(r"http://([\d.]+):(\d+)", line):
                yield found[1], int(found[2])
                return
        raise RuntimeError("the service did not start")
    finally:
        process.terminate()
        process.wait()
        process.stderr.close()
