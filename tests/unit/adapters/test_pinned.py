"""Pinned memory, with pages of the C library in place of CUDA's."""

import ctypes
import gc
from typing import Any

import numpy as np
import pytest

from service.adapters import pinned as module
from service.adapters.pinned import pinned, staging


class Runtime:
    """The three calls of CUDA's runtime, typed as its header has them."""

    def __init__(self, status: int = 0) -> None:
        self._status = status
        self._libc = ctypes.CDLL(None)
        self._libc.malloc.restype = ctypes.c_void_p
        self._libc.malloc.argtypes = [ctypes.c_size_t]
        self._libc.free.argtypes = [ctypes.c_void_p]
        self.sizes: list[int] = []
        self.freed: list[int | None] = []
        self.forgotten = 0

    def cudaHostAlloc(self, place: Any, size: ctypes.c_size_t, flags: ctypes.c_uint) -> int:
        assert flags.value == 0
        if not self._status:
            target = ctypes.cast(place, ctypes.POINTER(ctypes.c_void_p))
            target[0] = self._libc.malloc(size)
            self.sizes.append(size.value)
        return self._status

    def cudaFreeHost(self, place: ctypes.c_void_p) -> int:
        self._libc.free(place)
        self.freed.append(place.value)
        return 0

    def cudaGetLastError(self) -> int:
        self.forgotten += 1
        return self._status


def test_an_array_lies_in_pages_that_cuda_gave_and_is_freed_with_its_last_view() -> None:
    runtime = Runtime()
    taken = pinned((4, 6, 6, 3), runtime)
    assert taken is not None
    assert runtime.sizes == [4 * 6 * 6 * 3]
    assert (taken.shape, taken.dtype) == ((4, 6, 6, 3), np.uint8)
    place = taken.ctypes.data
    taken[:] = np.arange(taken.size, dtype=np.uint8).reshape(taken.shape)
    row = taken[3]
    expected = row.copy()
    del taken
    gc.collect()
    assert runtime.freed == []
    np.testing.assert_array_equal(row, expected)
    del row
    gc.collect()
    assert runtime.freed == [place]


def test_where_cuda_has_none_its_error_is_forgotten_and_any_memory_serves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else the next kernel that is launched takes the error for its own."""
    runtime = Runtime(status=2)
    assert pinned((2, 3), runtime) is None
    assert runtime.forgotten == 1
    assert pinned((2, 3), None) is None
    monkeypatch.setattr(module, "_runtime", lambda: runtime)
    assert staging((2, 3)).shape == (2, 3)
