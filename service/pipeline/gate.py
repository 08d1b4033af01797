"""May this snapshot serve? Four checks, all of them made, before a version goes live.

snapshot -> recall that its point promises  against the target it was built for
         -> rows                            against the catalogue it was built from
         -> coverage                        share of products with a vector
         -> golden queries, if given        share that finds what is expected
         -> all pass: promoted | else: the old version stays, and which failed by how much
"""

from collections.abc import Sequence
from dataclasses import dataclass

from service.core.errors import BundleMismatchError, IndexRefusedError
from service.core.image import ImageLimits
from service.core.preprocess import decode_for, preprocess
from service.core.snapshot import Snapshot
from service.core.store import CatalogView
from service.core.tasks import GoldenQuery
from service.core.types import Encoder
from service.pipeline.selecting import nearest_products

_GOLDEN_DEPTH = 10


@dataclass(frozen=True, slots=True)
class GateOptions:
    """What the gate asks of a snapshot.

    Attributes:
        min_coverage: Share of the store's products that must have a vector, 0-1.
        golden: Queries whose answers are known.
        min_golden: Share of them that must find an expected product among the first ten, 0-1.
    """

    min_coverage: float = 0.5
    golden: Sequence[GoldenQuery] = ()
    min_golden: float = 0.95


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what was found against what was asked for.

    Attributes:
        way_out: What an operator may do about a failure.
    """

    name: str
    found: float
    required: float
    passed: bool
    way_out: str

    def __str__(self) -> str:
        """Say what was found and by how much it fell short."""
        if self.name == "rows":
            return f"rows {self.found:,.0f}, the store has {self.required:,.0f}"
        short = f", short by {self.required - self.found:.4f}" if not self.passed else ""
        return f"{self.name} {self.found:.4f}, required {self.required:.4f}{short}"


def inspect(
    snapshot: Snapshot, view: CatalogView, encoder: Encoder | None, options: GateOptions
) -> list[Check]:
    """Make every check.

    Args:
        snapshot: What may go live.
        view: What it was built from, or the catalogue as it is by now.
        encoder: Embeds the golden queries; not needed without any.
        options: What is asked.

    Raises:
        InvalidImageError: A golden query is no picture that is accepted.
        BundleMismatchError: There are golden queries, and the encoder is of another bundle.
    """
    manifest = snapshot.manifest
    checks = [
        _at_least(
            "recall@10 at least",
            manifest.chosen.promised,
            manifest.target_recall,
            "lower --target-recall or choose another --index",
        ),
        _rows(snapshot, view),
        _at_least(
            "coverage",
            manifest.products / max(view.count_products(), 1),
            options.min_coverage if manifest.products or view.count_products() else 0.0,
            "reindex the products without vectors or lower --min-coverage",
        ),
    ]
    if options.golden:
        assert encoder is not None  # whoever gives golden queries gives what embeds them
        found = _golden_rate(snapshot, encoder, options.golden)
        way_out = "look at the golden file's misses or lower --min-golden"
        checks.append(_at_least("golden hits", found, options.min_golden, way_out))
    return checks


def require(checks: Sequence[Check], version: int) -> None:
    """Let a version through.

    Raises:
        IndexRefusedError: A check failed; one line names each that did and by how much.
    """
    failed = [check for check in checks if not check.passed]
    if failed:
        why = "; ".join(f"{check} ({check.way_out})" for check in failed)
        raise IndexRefusedError(
            f"index v{version:06d} is not promoted, and what served still serves: {why}; "
            f"see `vitrine index show {version}`"
        )


def _at_least(name: str, found: float, required: float, way_out: str) -> Check:
    return Check(name, found, required, found >= required, way_out)


def _rows(snapshot: Snapshot, view: CatalogView) -> Check:
    """Compare with the catalogue, or where it was written to since the build, the manifest."""
    manifest = snapshot.manifest
    unchanged = view.sequence() == manifest.sequence
    required = view.count_rows(manifest.bundle_digest) if unchanged else manifest.rows
    held = len(snapshot.index)
    return Check("rows", held, required, held == required, "run `vitrine reindex` again")


def _golden_rate(snapshot: Snapshot, encoder: Encoder, golden: Sequence[GoldenQuery]) -> float:
    """Return the share of queries that find an expected product among the first ten."""
    if encoder.bundle_digest != snapshot.manifest.bundle_digest:
        raise BundleMismatchError(
            f"index v{snapshot.manifest.version:06d} was built by bundle "
            f"{snapshot.manifest.bundle_name}, the golden queries would be embedded by "
            f"{encoder.manifest.name}: give that bundle by --bundle"
        )
    spec, hits = encoder.manifest.preprocess, 0
    for query in golden:
        pixels = preprocess(spec, decode_for(spec, query.data, ImageLimits()))
        (vector,) = encoder.encode(pixels[None])
        found = nearest_products(snapshot, vector, _GOLDEN_DEPTH)
        hits += any(hit.product_id in query.expect for hit in found)
    return hits / len(golden)
