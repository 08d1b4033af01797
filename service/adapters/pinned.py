"""Memory of the CPU that a GPU copies from by itself: pages which stay where they are.

    CUDA's runtime -> pinned pages -> an array of bytes -> freed with the last view of it

From any other memory the driver copies twice, through pages of its own. ONNX Runtime lends such
memory of its CUDA provider only where that is registered as a plugin, which its wheels do not do.
"""

import ctypes
import math
import weakref
from contextlib import suppress
from functools import cache
from typing import Any

import numpy as np
import structlog

from service.core.types import Pixels

_RUNTIME = "libcudart.so.13"
_log = structlog.get_logger()


def staging(shape: tuple[int, ...]) -> Pixels:
    """Return an array of bytes to copy to a GPU from: pinned, or any memory where that fails."""
    taken = pinned(shape, _runtime())
    if taken is None:
        _log.warning("pictures are copied from memory that is not pinned")
        return np.empty(shape, np.uint8)
    return taken


def pinned(shape: tuple[int, ...], runtime: Any) -> Pixels | None:
    """Return an array of bytes in pinned memory, or None where CUDA has none to give.

    Args:
        shape: Of the array.
        runtime: CUDA's runtime, or None.
    """
    if runtime is None:
        return None
    size, place = math.prod(shape), ctypes.c_void_p()
    if runtime.cudaHostAlloc(ctypes.byref(place), ctypes.c_size_t(size), ctypes.c_uint(0)):
        runtime.cudaGetLastError()  # forgets it: whoever launches next would take it for its own
        return None
    assert place.value is not None
    pages = (ctypes.c_uint8 * size).from_address(place.value)
    weakref.finalize(pages, runtime.cudaFreeHost, place)  # every view keeps `pages`
    return np.ctypeslib.as_array(pages).reshape(shape)


@cache
def _runtime() -> Any:
    """Return the runtime that ONNX Runtime loaded, or None where there is none."""
    with suppress(OSError):
        return ctypes.CDLL(_RUNTIME)
    return None
