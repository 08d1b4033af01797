"""Arrays that grow at the end while others read what was there before.

rows -> a buffer with room to spare, twice as large when it is full -> views that never change
"""

from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

_Scalar = TypeVar("_Scalar", bound=np.generic)


class Growing(Generic[_Scalar]):
    """For one writer; what `view` returned stays as it is, whatever is added."""

    def __init__(self, empty: NDArray[_Scalar]) -> None:
        """Begin with no rows.

        Args:
            empty: (0, ...), of the shape and type that every row has.
        """
        self._buffer = empty.copy()
        self._count = 0

    def __len__(self) -> int:
        """Rows there are."""
        return self._count

    def extend(self, rows: NDArray[_Scalar]) -> None:
        """Add (n, ...) rows; each is copied about twice in its life, however many there become."""
        count = self._count + len(rows)
        if count > len(self._buffer):
            grown = np.empty((max(count, 2 * len(self._buffer)), *rows.shape[1:]), rows.dtype)
            grown[: self._count] = self._buffer[: self._count]
            self._buffer = grown
        self._buffer[self._count : count] = rows
        self._count = count

    def view(self) -> NDArray[_Scalar]:
        """Return the rows there are, (rows, ...), not to be written to."""
        rows = self._buffer[: self._count]
        rows.flags.writeable = False
        return rows
