"""Every source decoded once: encoded pictures -> memory-mapped squares + labels and texts.

The pixels pass through the same `decode_for` and `preprocess` as a query does, at a somewhat larger
size that leaves the augmentation something to crop.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.core.errors import InvalidImageError
from service.core.manifest import PreprocessSpec
from service.core.preprocess import decode_for, preprocess
from training.labels import DataError, Vocabulary, build_vocabulary
from training.sources import Example, Source
from training.terms import Document

_CHUNK = 512


@dataclass(frozen=True, slots=True)
class Corpus:
    """One source, decoded.

    Attributes:
        source: Where it came from.
        pixels: (n, side, side, 3) uint8, memory-mapped.
        labels: For each of n pictures, its labels by task.
        documents: For each of n pictures, its product's texts.
        ids: Of the products.
        held_out: (n,) bool, the validation rows.
    """

    source: Source
    pixels: NDArray[np.uint8]
    labels: Sequence[Mapping[str, str]]
    documents: Sequence[Document]
    ids: Sequence[str]
    held_out: NDArray[np.bool_]

    def training_rows(self) -> NDArray[np.int64]:
        """Return the rows that may be trained on."""
        return np.flatnonzero(~self.held_out)


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
    rows = json.loads((folder / "rows.json").read_text())
    shape = (len(rows), spec.size, spec.size, 3)
    return Corpus(
        source,
        pixels=np.memmap(folder / "pixels.u8", dtype=np.uint8, mode="r", shape=shape),
        labels=[row["labels"] for row in rows],
        documents=[row["document"] for row in rows],
        ids=[row["id"] for row in rows],
        held_out=np.array([row["held_out"] for row in rows]),
    )


def data_digest(corpora: Sequence[Corpus]) -> str:
    """Return what tells one training set from another: SHA-256 over the sources' fingerprints."""
    prints = [f"{c.source.fingerprint}:{len(c.ids)}:{c.source.share}" for c in corpora]
    return hashlib.sha256("\n".join(prints).encode()).hexdigest()


def vocabularies_of(corpora: Sequence[Corpus]) -> dict[str, Vocabulary]:
    """Collect each task's vocabulary from the rows that are trained on.

    Raises:
        DataError: A label stands for classes that no source has.
    """
    names: dict[str, set[str]] = {}
    stands_for: dict[str, dict[str, tuple[str, ...]]] = {}
    for corpus in corpora:
        for row in corpus.training_rows():
            for task, name in corpus.labels[row].items():
                names.setdefault(task, set()).add(name)
        for task, meanings in corpus.source.stands_for.items():
            stands_for.setdefault(task, {}).update(meanings)
    return {task: build_vocabulary(names[task], stands_for.get(task)) for task in sorted(names)}


def _decode_into(folder: Path, source: Source, spec: PreprocessSpec) -> None:
    rows = []

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
                rows.append(
                    {
                        "id": example.id,
                        "labels": dict(example.labels),
                        "document": dict(example.document),
                        "held_out": example.held_out,
                    }
                )
    if not rows:
        raise DataError(f"not one picture of {source.name!r} can be decoded")
    (folder / "rows.json").write_text(json.dumps(rows))


def _chunks(examples: Iterator[Example]) -> Iterator[list[Example]]:
    while chunk := list(islice(examples, _CHUNK)):
        yield chunk
