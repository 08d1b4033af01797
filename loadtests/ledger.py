"""What the shoppers of a process wrote and deleted, and what no answer may show any more.

DELETE acknowledged -> Ledger -> a request sent later takes a mark -> its answer is held to it
"""

from itertools import count


class Ledger:
    """Of all shoppers together, on one thread."""

    def __init__(self) -> None:
        self._numbers = count()
        self._deleted: dict[str, int] = {}

    def number(self) -> int:
        """Return a number for a new product, which is never given again."""
        return next(self._numbers)

    def deleted(self, product_id: str) -> None:
        """Note that a deletion was acknowledged."""
        self._deleted[product_id] = len(self._deleted)

    def mark(self) -> int:
        """Return how many deletions were acknowledged by now; taken before a request is sent."""
        return len(self._deleted)

    def gone(self, product_ids: list[str], mark: int) -> list[str]:
        """Return those of the products that were deleted before the mark was taken."""
        return [each for each in product_ids if self._deleted.get(each, mark) < mark]
