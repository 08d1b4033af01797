"""Every source decoded once: encoded pictures -> memory-mapped squares + label names.

The pixels pass through the same `decode_for` and `preprocess` as a query does, at a somewhat larger
size that leaves the augmentation something to crop.
"""

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.core.errors import InvalidImageError
from service.core.manifest import PreprocessSpec
from service.core.preprocess import decode_for, preprocess
from training.labels import TASKS, DataError
from training.sources import Example, Source

_CHUNK = 512


@dataclass(frozen=True, slots=True)
class Corpus:
    """One source, decoded.

    Attributes:
        name: Of the source.
        share: Relative part of each batch.
        pixels: (n, side, side, 3) uint8, memory-mapped.
        labels: For each task, n label names or None.
        held_out: (n,) bool, the validation rows.
    """

    name: str
    share: float
    pixels: NDArray[np.uint8]
    labels: dict[str, list[str | None]]
    held_out: NDArray[np.bool_]


def load_corpus(source: Source, spec: PreprocessSpec, cache: Path) -> Corpus:
    """Return the decoded source, from the cache folder where it is there, else decoding it now.

    Broken pictures are left out. The cache is written beside its final name and renamed, so that an
    interrupted run leaves nothing half made.

    Raises:
        DataError: Not one picture of the source can be decoded.
    """
    folder = cache / f"{source.fingerprint}-{spec.resize}{spec.size}"
    if not folder.is_dir():
        building = folder.with_name(folder.name + ".building")
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        try:
            _decode_into(building, source, spec)
            building.rename(folder)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    meta = json.loads((folder / "labels.json").read_text())
    shape = (len(meta["held_out"]), spec.size, spec.size, 3)
    pixels = np.memmap(folder / "pixels.u8", dtype=np.uint8, mode="r", shape=shape)
    return Corpus(source.name, source.share, pixels, meta["labels"], np.array(meta["held_out"]))


def _decode_into(folder: Path, source: Source, spec: PreprocessSpec) -> None:
    labels: dict[str, list[str | None]] = {task: [] for task in TASKS}
    held: list[bool] = []

    def square(example: Example) -> NDArray[np.uint8] | None:
        try:
            return preprocess(spec, decode_for(spec, example.data))
        except InvalidImageError:
            return None

    with (folder / "pixels.u8").open("wb") as file, ThreadPoolExecutor() as pool:
        for chunk in _chunks(source.examples()):
            for example, pixels in zip(chunk, pool.map(square, chunk), strict=True):
                if pixels is None:
                    continue
                file.write(pixels.tobytes())
                held.append(example.held_out)
                for task in TASKS:
                    labels[task].append(example.labels.get(task))
    if not held:
        raise DataError(f"not one picture of {source.name!r} can be decoded")
    (folder / "labels.json").write_text(json.dumps({"labels": labels, "held_out": held}))


def _chunks(examples: Iterator[Example]) -> Iterator[list[Example]]:
    while chunk := list(islice(examples, _CHUNK)):
        yield chunk
