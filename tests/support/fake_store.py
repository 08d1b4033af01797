"""A catalogue in memory that keeps the Protocols' promises, and what fills one."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from service.core.errors import ProductNotFoundError, RequestKeyError, RevisionError
from service.core.idempotency import RequestKey
from service.core.store import (
    KnownDownload,
    LiveProduct,
    ProductStore,
    Replay,
    RunTotals,
    SeenRow,
    VectorRows,
    Write,
    WriteResult,
    Written,
)
from service.core.types import Product, StoredProduct
from support.fake_state import State


def fill(
    store: ProductStore,
    catalog: Iterable[tuple[Product, Sequence[str]]],
    bundle_digest: str,
    vectors: Mapping[str, NDArray[np.float32]] | None = None,
    *,
    delete_missing: bool = False,
) -> RunTotals:
    """Run a whole reindex of products and the ids of their pictures."""
    rows = []
    for product, images in catalog:
        rows += [SeenRow(product, image) for image in images] or [SeenRow(product)]
    with store.run(bundle_digest) as run:
        run.merge(rows, vectors or {})
        return run.finish(incomplete=(), delete_missing=delete_missing)


class FakeView:
    """Satisfies `CatalogView`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def sequence(self) -> int:
        return self._state.sequence

    def count_products(self) -> int:
        return len(self._state.products)

    def count_rows(self, bundle_digest: str) -> int:
        return len(self._pairs(bundle_digest))

    def rows(self, bundle_digest: str, batch: int) -> Iterator[VectorRows]:
        pairs = self._pairs(bundle_digest)
        for start in range(0, len(pairs), batch):
            part = pairs[start : start + batch]
            yield VectorRows(
                image_ids=[image for _, image in part],
                product_ids=[product for product, _ in part],
                vectors=np.stack(
                    [self._state.embeddings[image, bundle_digest] for _, image in part]
                ),
            )

    def without_vectors(self, bundle_digest: str) -> list[StoredProduct]:
        shown = {product for product, _ in self._pairs(bundle_digest)}
        return [each for id_, each in self._state.products.items() if id_ not in shown]

    def get_many(self, product_ids: Sequence[str]) -> dict[str, StoredProduct]:
        products = self._state.products
        return {id_: products[id_] for id_ in product_ids if id_ in products}

    def _pairs(self, bundle: str) -> list[tuple[str, str]]:
        numbers = self._state.numbers
        ordered = sorted(numbers, key=lambda pair: numbers[pair])
        return [pair for pair in ordered if (pair[1], bundle) in self._state.embeddings]


class FakeRun:
    """Satisfies `CatalogRun`."""

    def __init__(self, state: State, bundle_digest: str) -> None:
        self._state = state
        self._bundle = bundle_digest
        self._began = state.sequence
        self._seen: dict[str, list[str]] = {}
        self._complete: dict[str, bool] = {}
        self._new: set[str] = set()
        self._changed: set[str] = set()
        self._removed = 0

    def merge(self, rows: Sequence[SeenRow], vectors: Mapping[str, NDArray[np.float32]]) -> None:
        self._state.keep_vectors(self._bundle, vectors)
        for row in rows:
            id_ = row.product.id
            first = id_ not in self._seen
            images = self._seen.setdefault(id_, [])
            images += [row.image_id] if row.image_id else []
            if row.download:
                self._state.downloads[row.download.url] = row.download
            if self._written_live(id_):
                continue
            before = self._state.products.get(id_)
            product = row.product if first or before is None else before.product
            held = before.image_ids if before else ()
            added = tuple(i for i in [row.image_id] if i and i not in held)
            if before is None or before.product != product or added:
                self._state.put(product, held + added, live=False)
                (self._new if before is None else self._changed).add(id_)

    def keep(self, product_ids: Sequence[str]) -> None:
        for id_ in product_ids:
            self._seen.setdefault(id_, [])
            self._complete[id_] = False

    def totals(self) -> RunTotals:
        return RunTotals(
            products=len(self._seen),
            new=len(self._new),
            changed=len(self._changed - self._new),
            removed=self._removed,
        )

    def finish(self, *, incomplete: Collection[str], delete_missing: bool) -> RunTotals:
        self.keep(list(incomplete))
        state = self._state
        for id_, images in self._seen.items():
            wanted = tuple(dict.fromkeys(images))
            if not wanted or not self._complete.get(id_, True) or self._written_live(id_):
                continue
            if state.products[id_].image_ids != wanted:
                state.put(state.products[id_].product, wanted, live=False)
                self._changed.add(id_)
        missing = [
            id_ for id_ in state.products if id_ not in self._seen and not self._written_live(id_)
        ]
        for id_ in missing if delete_missing else []:
            state.delete(id_, live=False)
            self._removed += 1
        return self.totals()

    def _written_live(self, product_id: str) -> bool:
        return self._state.live.get(product_id, 0) > self._began


class FakeProductStore:
    """Satisfies `ProductStore`."""

    def __init__(self) -> None:
        self.state = State()

    @contextmanager
    def run(self, bundle_digest: str, *, dry: bool = False) -> Iterator[FakeRun]:
        state = replace(self.state.copy(), live=self.state.live) if dry else self.state
        yield FakeRun(state, bundle_digest)

    def write(
        self,
        writes: Sequence[Write],
        bundle_digest: str,
        vectors: Mapping[str, NDArray[np.float32]],
    ) -> list[WriteResult]:
        self.state.keep_vectors(bundle_digest, vectors)
        return [self._once(write) for write in writes]

    def recalled(self, key: RequestKey) -> Written | None:
        if key.text not in self.state.requests:
            return None
        digest, written = self.state.requests[key.text]
        if digest != key.digest:
            raise RequestKeyError(f"{key.text!r} came with another request")
        return written

    def replay(self, after: int, bundle_digest: str) -> Replay:
        changed = dict.fromkeys(id_ for n, id_, told in self.state.log if n > after and told)
        return Replay(self.state.sequence, {id_: self._live(id_, bundle_digest) for id_ in changed})

    @contextmanager
    def view(self) -> Iterator[FakeView]:
        yield FakeView(self.state.copy())

    def embedded(self, image_ids: Collection[str], bundle_digest: str) -> set[str]:
        return {i for i in image_ids if (i, bundle_digest) in self.state.embeddings}

    def vectors(
        self, image_ids: Collection[str], bundle_digest: str
    ) -> dict[str, NDArray[np.float32]]:
        kept = self.state.embeddings
        found = {image_id: kept.get((image_id, bundle_digest)) for image_id in image_ids}
        return {image_id: vector for image_id, vector in found.items() if vector is not None}

    def downloads(self, urls: Collection[str]) -> dict[str, KnownDownload]:
        return {url: d for url, d in self.state.downloads.items() if url in urls}

    def get_many(self, product_ids: Sequence[str]) -> dict[str, StoredProduct]:
        return FakeView(self.state).get_many(product_ids)

    def list_products(self, limit: int) -> list[StoredProduct]:
        return list(self.state.products.values())[:limit]

    def count_products(self) -> int:
        return len(self.state.products)

    def sequence(self) -> int:
        return self.state.sequence

    def stamp(self) -> str:
        return f"{self.state.sequence}@{id(self)}"

    def forget_changes(self, before: int) -> None:
        self.state.log = [entry for entry in self.state.log if entry[0] > before]

    def _once(self, write: Write) -> WriteResult:
        if write.key is None:
            return self._write(write)
        try:
            if done := self.recalled(write.key):
                return done
        except RequestKeyError as exc:
            return exc
        made = self._write(write)
        if isinstance(made, Written):
            self.state.requests[write.key.text] = (write.key.digest, made)
        return made

    def _write(self, write: Write) -> WriteResult:
        id_, before = write.product_id, self.state.products.get(write.product_id)
        if before is None and write.product is None:
            return ProductNotFoundError(f"there is no product {id_!r}")
        revision = before.revision if before else 0
        if write.expected is not None and write.expected != revision:
            found = f"at revision {revision}" if before else "no more"
            return RevisionError(f"{id_!r} is {found}, the write expected {write.expected}")
        if write.product is None:
            self.state.delete(id_, live=True)
            return Written(None, self.state.sequence, created=False)
        held = before.image_ids if before else ()
        images = held if write.image_ids is None else write.image_ids
        stored = self.state.put(write.product, images, live=True)
        return Written(stored, stored.revision, created=before is None)

    def _live(self, product_id: str, bundle_digest: str) -> LiveProduct | None:
        stored = self.state.products.get(product_id)
        if stored is None:
            return None
        embeddings = self.state.embeddings
        dim = max((len(v) for (_, bundle), v in embeddings.items() if bundle == bundle_digest),
                  default=0)  # fmt: skip
        shown = [i for i in stored.image_ids if (i, bundle_digest) in embeddings]
        vectors = np.array([embeddings[i, bundle_digest] for i in shown], np.float32)
        return LiveProduct(stored.product, tuple(shown), vectors.reshape(len(shown), dim))
