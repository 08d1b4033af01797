"""What every peer is made of: the bundle's graph, the service's index, and how to answer.

Decoding is Pillow's, of the whole picture; what follows is the service's own preprocessing, since
vectors would differ otherwise.
"""

import json
import sys
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import faiss
import numpy as np
import onnxruntime as ort
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from service.adapters.bundles import read_bundle
from service.adapters.snapshots import SnapshotFolder
from service.core.preprocess import preprocess
from service.core.tiers import best_tier
from service.core.types import Pixels
from service.settings import Settings

_RESULTS = 10


@dataclass(frozen=True, slots=True)
class Given:
    """What a peer is started with.

    Attributes:
        data_dir: As the service has it, indexed by it.
        bundle: Of the model; the tier that the service runs is run.
        answer_bytes: That an answer is filled up to.
        port: To listen on.
    """

    data_dir: Path
    bundle: Path
    answer_bytes: int
    port: int

    def arguments(self) -> list[str]:
        """Return what `command_line` reads again."""
        return [str(value) for value in astuple(self)]


def command_line() -> Given:
    """Return what this process was started with."""
    data_dir, bundle, answer_bytes, port = sys.argv[1:]
    return Given(Path(data_dir), Path(bundle), int(answer_bytes), int(port))


class Parts:
    """The model, the index and the products of a data directory."""

    def __init__(self, given: Given) -> None:
        manifest = read_bundle(given.bundle)
        self._spec = manifest.preprocess
        tier = best_tier(manifest, Settings().best_tier)
        self._session = ort.InferenceSession(given.bundle / tier.file)
        folder = given.data_dir / "snapshots" / f"v{SnapshotFolder(given.data_dir).current():06}"
        self._index = faiss.read_index(str(folder / "index.faiss"))
        with pa.memory_map(str(folder / "products.arrow")) as file:
            self._ids = pa.ipc.open_file(file).read_all()["product_id"].to_pylist()
        self._answer_bytes = given.answer_bytes

    def pixels(self, file: BinaryIO) -> Pixels:
        """Return (size, size, 3) uint8 of an encoded picture."""
        return preprocess(self._spec, Image.open(file).convert("RGB"))

    def encode(self, pixels: Pixels) -> NDArray[np.float32]:
        """Return (n, dim) of (n, size, size, 3)."""
        (vectors,) = self._session.run(["embedding"], {"images": pixels})
        return np.asarray(vectors, np.float32)

    def answer(self, vector: NDArray[np.float32]) -> dict[str, Any]:
        """Return the ten nearest to a (dim,) vector, and something in place of their details."""
        similarities, rows = self._index.search(vector[np.newaxis], _RESULTS)
        results = [
            {"product_id": self._ids[row], "similarity": float(similarity)}
            for row, similarity in zip(rows[0], similarities[0], strict=True)
        ]
        answer = {"results": results, "details": ""}
        return answer | {"details": "x" * (self._answer_bytes - len(json.dumps(answer)))}
