"""The photos that matching is measured on, embedded: rows of the Parquet files -> vectors, labels.

Queries are held out of training: what the model has learnt by heart says nothing of other photos.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from PIL import Image

from service.adapters.onnx_encoder import OnnxEncoder
from service.core.preprocess import decode_for, preprocess
from service.core.split import held_out
from service.core.types import Pixels, Vectors
from service.demo.products import product
from service.demo.render import render
from training.augment import augment
from training.splits import calibration_half

_BATCH = 64
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Photos:
    """Pictures of one kind.

    Attributes:
        rows: What the files say of each; `id` is of the picture, `item` of what it shows.
        vectors: (n, dim).
        categories: (n, labels) probabilities of the head `category`.
    """

    rows: list[Row]
    vectors: Vectors
    categories: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.rows)

    def those(self, wanted: Callable[[Row], bool]) -> "Photos":
        """Return the pictures whose rows are wanted."""
        places = [place for place, row in enumerate(self.rows) if wanted(row)]
        kept = [self.rows[place] for place in places]
        return Photos(kept, self.vectors[places], self.categories[places])

    def with_(self, other: "Photos") -> "Photos":
        """Return these and the other ones."""
        return Photos(
            [*self.rows, *other.rows],
            np.concatenate([self.vectors, other.vectors]),
            np.concatenate([self.categories, other.categories]),
        )

    def values(self, name: str) -> NDArray[np.str_]:
        """Return one field of all."""
        return np.array([row[name] for row in self.rows])


def photos(encoder: OnnxEncoder, path: Path, wanted: Callable[[Row], bool], item: str) -> Photos:
    """Embed the wanted rows of a file; `item` names the column that says what is shown."""
    spec = encoder.manifest.preprocess

    def pixels(row: Row) -> Pixels:
        return preprocess(spec, decode_for(spec, row["image"]["bytes"]))

    return _embedded(encoder, ((row, pixels(row)) for row in _rows(path, wanted, item)))


def retaken(encoder: OnnxEncoder, path: Path, wanted: Callable[[Row], bool], item: str) -> Photos:
    """Embed the wanted rows as a phone might have taken them: `training.augment`, seeded."""
    size, generator = encoder.manifest.preprocess.size, torch.Generator().manual_seed(20)

    def shots() -> Iterator[tuple[Row, Pixels]]:
        for row in _rows(path, wanted, item):
            picture = Image.open(BytesIO(row["image"]["bytes"])).convert("RGB")
            studio = np.asarray(picture.resize((2 * size, 2 * size)))
            view = augment(torch.from_numpy(studio.copy())[None], size, generator)[0]
            bytes_ = ((view + 1) * 127.5).round().clamp(0, 255).byte()
            yield row, bytes_.permute(1, 2, 0).numpy()

    return _embedded(encoder, shots())


def drawn(encoder: OnnxEncoder, numbers: Iterable[int], views: Iterable[int]) -> Photos:
    """Embed views of the demo shop's products; view 0 is the studio's, others are taken by hand."""
    spec = encoder.manifest.preprocess
    shots = ((number, view) for number in numbers for view in list(views))
    return _embedded(
        encoder,
        (
            (
                {"id": f"{number}/{view}", "item": str(number)},
                preprocess(spec, render(product(number), view, size=192)),
            )
            for number, view in shots
        ),
    )


def _rows(path: Path, wanted: Callable[[Row], bool], item: str) -> Iterator[Row]:
    for batch in pq.ParquetFile(path).iter_batches(256):
        for row in batch.to_pylist():
            if wanted(row):
                yield {**row, "item": str(row[item])}


def _embedded(encoder: OnnxEncoder, shots: Iterable[tuple[Row, Pixels]]) -> Photos:
    rows: list[Row] = []
    vectors, categories = [], []
    waiting: list[Pixels] = []

    def run() -> None:
        made, heads = encoder.classify(np.stack(waiting))
        vectors.append(made)
        categories.append(heads["category"])
        waiting.clear()

    for row, pixels in shots:
        rows.append({name: value for name, value in row.items() if name != "image"})
        waiting.append(pixels)
        if len(waiting) == _BATCH:
            run()
    if waiting:
        run()
    return Photos(rows, np.concatenate(vectors), np.concatenate(categories))


def is_held_out(column: str) -> Callable[[Row], bool]:
    """Whether training never saw a row, by the column whose hash decided that."""
    return lambda row: held_out(row[column])


def reporting(queries: Photos) -> Photos:
    """Return the half that no bound was chosen on."""
    return queries.those(lambda row: not calibration_half(row["id"]))


def choosing(queries: Photos) -> Photos:
    """Return the half that bounds are chosen on."""
    return queries.those(lambda row: calibration_half(row["id"]))
