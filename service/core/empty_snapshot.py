"""The index before the first reindex: no pictures, to lay live writes over."""

from service.core.delta import Delta
from service.core.keys import bundle_digest
from service.core.manifest import BundleManifest, Receipt, SnapshotManifest
from service.core.product_kinds import fixed_kinds
from service.core.snapshot import Snapshot


def empty_snapshot(bundle: BundleManifest) -> Snapshot:
    """Return version 0, built of nothing at sequence 0."""
    kinds = {key: kind.holds for key, kind in fixed_kinds().items()}
    nothing = Delta(bundle.dim, kinds).view()
    manifest = SnapshotManifest(
        version=0,
        bundle_digest=bundle_digest(bundle),
        bundle_name=bundle.name,
        dim=bundle.dim,
        rows=0,
        products=0,
        index_factory="Flat",
        sequence=0,
        built_at="1970-01-01T00:00:00+00:00",
        files={},
        receipt=Receipt(products=0, seen=0, embedded=0, reused=0, failed=0, removed=0, seconds=0.0),
    )
    return Snapshot(
        manifest=manifest,
        index=nothing,
        image_ids=(),
        product_ids=(),
        vectors=nothing,
        product_rows=nothing.product_rows,
        fields=nothing.fields,
    )
