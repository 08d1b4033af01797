"""Vectors of single pictures, out of the catalogue's database."""

import re
from collections.abc import Collection
from sqlite3 import Connection

import numpy as np
from numpy.typing import NDArray

from service.adapters.sqlite_rows import BUNDLE

_IMAGE_ID = re.compile("[0-9a-f]{64}")
_QUERY = f"SELECT vector FROM embeddings WHERE bundle = {BUNDLE} AND image_id = ?"


def read_vectors(
    db: Connection, image_ids: Collection[str], bundle_digest: str
) -> dict[str, NDArray[np.float32]]:
    """Return a (dim,) vector for those of the pictures that have one; what is no id has none."""
    found = {}
    for image_id in filter(_IMAGE_ID.fullmatch, image_ids):
        row = db.execute(_QUERY, (bundle_digest, bytes.fromhex(image_id))).fetchone()
        if row is not None:
            found[image_id] = np.frombuffer(row[0], "<f4").astype(np.float32)
    return found
