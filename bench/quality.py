"""What `vitrine index report` is worth: labels swapped on purpose, copies made; JSON on stdout.

    python -m bench.quality DATA_DIR [--field category] [--swapped 100] [--seeds 3]

Some products of a data directory, drawn at random, get the label of another product before the
report sees them. Printed are how many of these are among the first n findings, beside the same
findings ordered by the neighbours' share alone. Shops have labels that were wrong before: a
finding that was not swapped is not always a false one.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.adapters.snapshots import SnapshotFolder
from service.adapters.sqlite_thumbnails import SqliteThumbnails
from service.core.filters import Filter
from service.core.quality import Disagreement, QualityOptions
from service.core.snapshot import ProductFields, Snapshot
from service.core.types import AttributeValue
from service.pipeline.quality_report import inspect_catalog

_FIRST = (50, 100, 200)


class Swapped:
    """Satisfies `ProductFields` with some values of one field changed."""

    def __init__(self, fields: ProductFields, key: str, changed: dict[int, AttributeValue]) -> None:
        self._fields, self._key, self._changed = fields, key, changed

    def __len__(self) -> int:
        return len(self._fields)

    def matching(self, wanted: Filter) -> NDArray[np.bool_]:
        """As before the swap."""
        return self._fields.matching(wanted)

    def values(self, key: str, products: NDArray[np.int32]) -> list[AttributeValue | None]:
        """Return the values with those that were changed."""
        found = self._fields.values(key, products)
        if key != self._key:
            return found
        numbers = products.tolist()
        return [self._changed.get(n, value) for n, value in zip(numbers, found, strict=True)]


def measure(data_dir: Path, field: str, swapped: int, seeds: int) -> dict[str, Any]:
    """Swap labels, report, and count."""
    folder = SnapshotFolder(data_dir)
    version = folder.current()
    assert version is not None, f"nothing serves in {data_dir}"
    snapshot = folder.load(version)
    thumbnails = SqliteThumbnails(data_dir / "thumbnails.db")
    options = QualityOptions(field=field)
    untouched = inspect_catalog(snapshot, thumbnails, (), options)
    rounds = []
    for seed in range(seeds):
        bad, changed = _swap(snapshot, field, swapped, seed)
        report = inspect_catalog(changed, thumbnails, (), options)
        by_share = sorted(report.disagreements, key=lambda each: each.own - each.share)
        right = sum(bad.get(d.shown.product_id) == d.suspected for d in report.disagreements)
        rounds.append(
            {
                "findings": len(report.disagreements),
                "found": sum(d.shown.product_id in bad for d in report.disagreements),
                "suspected_rightly": right,
                **{f"in_first_{n}": _hits(report.disagreements[:n], bad) for n in _FIRST},
                **{f"in_first_{n}_by_share_alone": _hits(by_share[:n], bad) for n in _FIRST},
            }
        )
    return {
        "field": field,
        "products": untouched.products,
        "swapped": swapped,
        "findings_untouched": len(untouched.disagreements),
        "shared_pictures": len(untouched.shared),
        "blank": len(untouched.blank),
        "rounds": rounds,
        "median": {key: statistics.median(r[key] for r in rounds) for key in rounds[0]},
    }


def _swap(
    snapshot: Snapshot, field: str, count: int, seed: int
) -> tuple[dict[str, AttributeValue], Snapshot]:
    """Return the ids of the products swapped with their true labels, and the changed snapshot."""
    rng = np.random.default_rng(seed)
    n = len(snapshot.fields)
    labels = snapshot.fields.values(field, np.arange(n, dtype=np.int32))
    ids = snapshot.fields.values("id", np.arange(n, dtype=np.int32))
    true: dict[str, AttributeValue] = {}
    changed: dict[int, AttributeValue] = {}
    for number in rng.permutation(n).tolist():
        label = labels[number]
        other = labels[int(rng.integers(n))]
        if label and other and label != other and len(changed) < count:
            changed[number] = other
            true[str(ids[number])] = label
    return true, replace(snapshot, fields=Swapped(snapshot.fields, field, changed))


def _hits(findings: Sequence[Disagreement], bad: dict[str, AttributeValue]) -> int:
    return sum(found.shown.product_id in bad for found in findings)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--field", default="category")
    parser.add_argument("--swapped", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    json.dump(
        measure(asked.data_dir, asked.field, asked.swapped, asked.seeds), sys.stdout, indent=2
    )
