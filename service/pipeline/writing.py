"""The write flow, top to bottom.

operations -> their pictures: digest, vectors of those never seen (`pictures`)
           -> small copies kept -> one transaction of the store, vectors with it -> live index
           -> what became of each operation

A picture that fails, fails the operations that brought it, and no others. What is answered as done
is durable, and searchable in this process. Whether there is time left is asked up to where the
first transaction begins, and not after: late is never half done.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from service.core.errors import InvalidQueryError, ProductNotFoundError, RevisionError, VitrineError
from service.core.idempotency import RequestKey
from service.core.product_patch import ProductPatch
from service.core.store import ProductStore, ThumbnailStore, Write, Written
from service.core.types import Product, StoredProduct
from service.pipeline.pictures import Made, Picture, PictureError, PictureMaker
from service.pipeline.terms import BULK, EXACT, Terms

ABSENT = 0
"""As `expected`: the product must not exist."""
EXISTING = -1
"""As `expected`: the product must exist, at whatever revision."""
_TRIES = 10


@dataclass(frozen=True, slots=True)
class Put:
    """Make a product what is said here, all of it."""

    product: Product
    pictures: tuple[Picture, ...] = ()
    expected: int | None = None
    key: RequestKey | None = None

    @property
    def product_id(self) -> str:
        """Whose it is."""
        return self.product.id


@dataclass(frozen=True, slots=True)
class Patch:
    """Change some of a product; `pictures` replace those it has, None leaves them."""

    product_id: str
    change: ProductPatch
    pictures: tuple[Picture, ...] | None = None
    expected: int | None = None
    key: RequestKey | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a product."""

    product_id: str
    expected: int | None = None
    key: RequestKey | None = None


Operation: TypeAlias = Put | Patch | Delete
"""`expected` is the revision that the product must have, `ABSENT`, `EXISTING`, or None for any;
`key` is what a request is known by that may come again."""
_AllMade: TypeAlias = Mapping[Picture, Made | PictureError]


class Searched(Protocol):
    """What is searched, which a write has to reach."""

    def catch_up(self) -> None:
        """Show every write that is committed by now."""
        ...


@dataclass(frozen=True, slots=True)
class Writing:
    """Everything the write flow needs; safe to call from several threads."""

    pictures: PictureMaker
    store: ProductStore
    thumbnails: ThumbnailStore
    live: Searched
    bundle_digest: str

    def one(self, operation: Operation, terms: Terms = EXACT) -> Written:
        """Do one, unless it was done before: then what came of it is told again.

        Raises:
            InvalidImageError: A picture is not accepted; the message says which.
            FetchError: Likewise, of one behind a URL.
            InvalidQueryError: Likewise, of one that is not known, or a URL that is not fetched.
            ProductNotFoundError: There is nothing to patch or delete.
            RevisionError: The product is not at the revision that was expected.
            RequestKeyError: Another request had its key.
            StoreError: The catalogue refused.
            DeadlineExceededError: The time was over before the write began: nothing was written.
        """
        if operation.key is not None and (done := self.store.recalled(operation.key)):
            self.live.catch_up()
            return done
        (outcome,) = self.batch([operation], terms)
        if isinstance(outcome, VitrineError):
            raise outcome
        return outcome

    def batch(
        self, operations: Sequence[Operation], terms: Terms = BULK
    ) -> list[Written | VitrineError]:
        """Do many in order, in one transaction as long as no product comes up again.

        Returns:
            What became of each; an error is of that operation alone.

        Raises:
            StoreError: The catalogue refused; what came before may be done.
            DeadlineExceededError: The time was over before the write began: nothing was written.
        """
        brought = (p for each in operations for p in _pictures(each) or ())
        made = self.pictures.make(brought, terms)
        terms.check()
        outcomes: list[Written | VitrineError] = []
        try:
            for part in _without_repeats(operations):
                outcomes += self._commit(part, made)
        finally:
            self.live.catch_up()
        return outcomes

    def _commit(
        self, operations: Sequence[Operation], made: _AllMade
    ) -> list[Written | VitrineError]:
        """Write once; what was changed by someone else in between, and may be, is tried again."""
        outcomes: dict[int, Written | VitrineError] = {}
        pending = dict(enumerate(operations))
        for _ in range(_TRIES):
            current = self.store.get_many([each.product_id for each in pending.values()])
            writes: dict[int, Write] = {}
            for number, operation in pending.items():
                try:
                    writes[number] = _write(operation, current.get(operation.product_id), made)
                except VitrineError as exc:
                    outcomes[number] = exc
            self._write(writes, pending, outcomes, made)
            pending = {
                number: pending[number]
                for number in writes
                if isinstance(outcomes[number], RevisionError) and _again(pending[number])
            }
            if not pending:
                break
        return [outcomes[number] for number in range(len(operations))]

    def _write(
        self,
        writes: Mapping[int, Write],
        operations: Mapping[int, Operation],
        outcomes: dict[int, Written | VitrineError],
        made: _AllMade,
    ) -> None:
        if not writes:
            return
        brought = [made[p] for number in writes for p in _pictures(operations[number]) or ()]
        good = {each.image_id: each for each in brought if isinstance(each, Made)}
        if smalls := {id_: each.small for id_, each in good.items() if each.small is not None}:
            self.thumbnails.put_many(smalls)
        vectors = {id_: each.vector for id_, each in good.items() if each.vector is not None}
        results = self.store.write(list(writes.values()), self.bundle_digest, vectors)
        outcomes.update(zip(writes, results, strict=True))


def _pictures(operation: Operation) -> tuple[Picture, ...] | None:
    return None if isinstance(operation, Delete) else operation.pictures


def _without_repeats(operations: Sequence[Operation]) -> Iterator[Sequence[Operation]]:
    """Cut where a product comes up again: a patch has to see what was written before it."""
    part: dict[str, Operation] = {}
    for operation in operations:
        if operation.product_id in part:
            yield list(part.values())
            part = {}
        part[operation.product_id] = operation
    if part:
        yield list(part.values())


def _write(operation: Operation, current: StoredProduct | None, made: _AllMade) -> Write:
    """Say what an operation comes to, for the product as it is now.

    Raises:
        VitrineError: It cannot be done.
    """
    id_, expected = operation.product_id, operation.expected
    held = current.image_ids if current else ()
    pictures = _pictures(operation)
    image_ids = None if pictures is None else _image_ids(pictures, made, held)
    if expected == EXISTING and current is None and isinstance(operation, Put):
        raise RevisionError(f"product {id_!r} does not exist, the write expected that it does")
    if _again(operation) and current is not None:
        expected = current.revision
    if isinstance(operation, Delete):
        expected = None if expected == EXISTING else expected
        return Write(id_, None, expected=expected, key=operation.key)
    if isinstance(operation, Put):
        return Write(id_, operation.product, image_ids, expected, operation.key)
    if current is None:
        raise ProductNotFoundError(f"there is no product {id_!r}")
    changed = operation.change.applied(current.product)
    return Write(id_, changed, image_ids, expected, operation.key)


def _again(operation: Operation) -> bool:
    """Whether an operation depends on what is there, and the caller did not say on what."""
    if isinstance(operation, Patch):
        return operation.expected in (None, EXISTING)
    return isinstance(operation, Put) and operation.expected == EXISTING


def _image_ids(pictures: Iterable[Picture], made: _AllMade, held: Sequence[str]) -> tuple[str, ...]:
    """Return the ids of a product's pictures; raises the error of the first that failed."""
    ids = []
    for number, picture in enumerate(pictures):
        each = made[picture]
        if not isinstance(each, Made):
            raise type(each)(f"images.{number}: {each}")
        if not each.known and each.image_id not in held:
            raise InvalidQueryError(
                f"images.{number}: no picture {each.image_id} is known: send its bytes as "
                "`image_base64`"
            )
        ids.append(each.image_id)
    return tuple(dict.fromkeys(ids))
