"""Which pictures are the same: copies made on purpose against other photos; JSON on stdout.

    python -m bench.copies DATA_DIR [--pictures 160]

Copies are small pictures of the data directory saved anew or at another size; the others are all
pairs of its different pictures that the report compares, which it found by their vectors. A shop
has true copies among its pictures already: the least of the differences between pairs are theirs.
"""

import argparse
import json
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from service.adapters.onnx_encoder import OnnxEncoder
from service.adapters.snapshots import SnapshotFolder
from service.adapters.sqlite_thumbnails import SqliteThumbnails
from service.core.looks import COPY_DIFFERENCE, look
from service.core.preprocess import decode_for, preprocess
from service.core.types import Thumbnail, Vectors
from service.encoders import make_encoder
from service.pipeline.catalog_labels import first_rows
from service.pipeline.picture_looks import look_at_all
from service.pipeline.picture_neighbours import neighbours
from service.pipeline.same_pictures import PROPOSED
from service.settings import Settings


def _saved(kind: str, quality: int, scale: float) -> Callable[[Image.Image], bytes]:
    def save(image: Image.Image) -> bytes:
        side = (round(image.width * scale), round(image.height * scale))
        out = BytesIO()
        image.resize(side, Image.Resampling.BICUBIC).save(out, kind, quality=quality)
        return out.getvalue()

    return save


_COPIES = {
    "JPEG 85": _saved("JPEG", 85, 1),
    "JPEG 60": _saved("JPEG", 60, 1),
    "JPEG 35": _saved("JPEG", 35, 1),
    "WebP 75": _saved("WEBP", 75, 1),
    "80 % of the size": _saved("JPEG", 85, 0.8),
    "half the size": _saved("JPEG", 85, 0.5),
}


def measure(data_dir: Path, count: int) -> dict[str, Any]:
    """Compare copies, and pairs of different pictures."""
    folder = SnapshotFolder(data_dir)
    version = folder.current()
    assert version is not None, f"nothing serves in {data_dir}"
    snapshot, thumbnails = folder.load(version), SqliteThumbnails(data_dir / "thumbnails.db")
    first = first_rows(snapshot.image_ids)
    pictures = np.flatnonzero(first == np.arange(len(first)))
    looks = look_at_all(snapshot.image_ids, pictures, thumbnails, lambda _: None)
    places = np.full(len(first), -1)
    places[pictures] = np.arange(len(pictures))
    found = []
    cells = looks.cells.astype(np.int16)
    for near in neighbours(snapshot, pictures, 30):
        a, b = np.nonzero((near.similarities >= PROPOSED) & (near.rows > near.asked[:, np.newaxis]))
        ours, theirs = places[near.asked[a]], places[near.rows[a, b]]
        found.append(np.abs(cells[ours] - cells[theirs]).max(axis=1, initial=0))
    differences = np.sort(np.concatenate(found))
    drawn = np.random.default_rng(0).choice(pictures, min(count, len(pictures)), replace=False)
    originals = [thumbnails.get(snapshot.image_ids[row]) for row in drawn.tolist()]
    encoder = make_encoder(Settings())
    return {
        "pictures": len(pictures),
        "pairs_compared": len(differences),
        "least_differences": differences[:8].tolist(),
        "copies": _copies([o.data for o in originals if o], encoder),
    }


def _copies(originals: list[bytes], encoder: OnnxEncoder) -> dict[str, Any]:
    figures = {}
    vectors = _embedded(originals, encoder)
    for name, save in _COPIES.items():
        saved = []
        for data in originals:
            with Image.open(BytesIO(data)) as image:
                saved.append(save(image.convert("RGB")))
        cosines = np.einsum("nd,nd->n", vectors, _embedded(saved, encoder))
        pairs = zip(originals, saved, strict=True)
        cells = np.array([np.abs(_cells(a) - _cells(b)).max() for a, b in pairs])
        same = (cosines >= PROPOSED) & (cells <= COPY_DIFFERENCE)
        figures[name] = {
            "cosine_1_percent": round(float(np.quantile(cosines, 0.01)), 4),
            "difference_99_percent": float(np.quantile(cells, 0.99)),
            "found": round(float(same.mean()), 4),
        }
    return figures


def _cells(data: bytes) -> np.ndarray[Any, np.dtype[np.int16]]:
    found = look(Thumbnail(data, ""))
    assert found is not None
    return found.cells.astype(np.int16)


def _embedded(pictures: list[bytes], encoder: OnnxEncoder) -> Vectors:
    spec = encoder.manifest.preprocess
    pixels = [preprocess(spec, decode_for(spec, data)) for data in pictures]
    batches = [np.stack(pixels[start : start + 32]) for start in range(0, len(pixels), 32)]
    return np.concatenate([encoder.encode(batch) for batch in batches])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--pictures", type=int, default=160)
    asked = parser.parse_args()
    json.dump(measure(asked.data_dir, asked.pictures), sys.stdout, indent=2)
