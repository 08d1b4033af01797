"""Products as they were read, for as long as nobody writes to the catalogue.

ids -> stamp of the catalogue, the same as before? -> kept | read and kept

Reading ten rows lets go of the interpreter at each of them, for which a search under load then
waits again. A write by whomever, in whichever process, changes the stamp, and all that was kept is
forgotten.
"""

from collections.abc import Callable, Mapping, Sequence
from threading import Lock

from service.core.types import StoredProduct


class KeptProducts:
    """Stands in front of reading products by id; safe to call from any number of threads."""

    def __init__(
        self,
        stamp: Callable[[], str],
        read: Callable[[Sequence[str]], Mapping[str, StoredProduct]],
        most: int,
    ) -> None:
        """Keep nothing yet.

        Args:
            stamp: Tells this moment of the catalogue from every other.
            read: Returns those products that exist, by id.
            most: How many are kept; where one read goes beyond that, all others are forgotten.
        """
        self._stamp = stamp
        self._read = read
        self._most = most
        self._lock = Lock()
        self._of = ""
        self._kept: dict[str, StoredProduct] = {}

    def get_many(self, product_ids: Sequence[str]) -> dict[str, StoredProduct]:
        """Return those of the products that exist, by id, as they are or were a moment ago."""
        stamp = self._stamp()
        with self._lock:
            if stamp != self._of:
                self._of, self._kept = stamp, {}
            found = {each: self._kept[each] for each in product_ids if each in self._kept}
        new = [each for each in product_ids if each not in found]
        if not new:
            return found
        read = self._read(new)
        with self._lock:
            if stamp == self._of:  # what was read at another moment may be gone by this one
                room = len(self._kept) + len(read) <= self._most
                self._kept = {**self._kept, **read} if room else dict(read)
        return found | dict(read)
