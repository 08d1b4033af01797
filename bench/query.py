"""One query at concurrency 1: the service over HTTP against the same work called directly.

Direct is decode + encode + exact search in this process. Every picture is new to the service, so
its cache never answers. Requests and direct calls alternate.
"""

import http.client
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bench.pictures import catalog, encoded
from service.adapters.catalog_sources import open_source
from service.adapters.snapshots import SnapshotFolder
from service.core.preprocess import decode_for, preprocess
from service.core.types import Encoder, Snapshot
from service.pipeline.reindex import ReindexOptions
from service.settings import Settings
from service.wiring import make_encoder, reindexing

_PRODUCTS = 1000
_WARM_UP = 20
_QUERIES = 200


def measure(rounds: int = 3) -> dict[str, Any]:
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
        pictures = encoded(source, _WARM_UP + _QUERIES)
        results = []
        for _ in range(rounds):
            with _server(settings) as (host, port):
                connection = http.client.HTTPConnection(host, port, timeout=60)
                results.append(_round(connection, encoder, snapshot, pictures))
                connection.close()
    ratios = [served / direct for served, direct in results]
    return {
        "pictures": origin,
        "service_p50_ms": [round(served * 1000, 2) for served, _ in results],
        "direct_p50_ms": [round(direct * 1000, 2) for _, direct in results],
        "ratio_rounds": [round(ratio, 3) for ratio in ratios],
        "ratio_median": round(statistics.median(ratios), 3),
    }


def _round(
    connection: http.client.HTTPConnection,
    encoder: Encoder,
    snapshot: Snapshot,
    pictures: list[bytes],
) -> tuple[float, float]:
    served, direct = [], []
    for data in pictures:
        start = time.perf_counter()
        _post(connection, data)
        served.append(time.perf_counter() - start)
        start = time.perf_counter()
        _search(encoder, snapshot, data)
        direct.append(time.perf_counter() - start)
    return statistics.median(served[_WARM_UP:]), statistics.median(direct[_WARM_UP:])


def _search(encoder: Encoder, snapshot: Snapshot, data: bytes) -> None:
    spec = encoder.manifest.preprocess
    pixels = preprocess(spec, decode_for(spec, data))
    snapshot.index.search(encoder.encode(pixels[np.newaxis]), 10)


def _post(connection: http.client.HTTPConnection, data: bytes) -> None:
    boundary = uuid.uuid4().hex
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="q.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    body = head.encode() + data + f"\r\n--{boundary}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    connection.request("POST", "/v1/search", body, headers)
    response = connection.getresponse()
    answer = response.read()
    if response.status != http.client.OK:
        raise RuntimeError(f"the service answered {response.status}: {answer[:200]!r}")


@contextmanager
def _server(settings: Settings) -> Iterator[tuple[str, int]]:
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
