"""A process with many threads: glibc's own account of how many arenas it has."""

import os
import subprocess
import sys

import pytest

# Threads that each hold memory at the same moment, and then the arenas that malloc_info tells of.
SCRIPT = """
import ctypes, sys, threading
from service.adapters.heap import bound_heap

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.fopen.restype = ctypes.c_void_p
if "bound" in sys.argv:
    assert bound_heap()
together = threading.Barrier(16)

def hold():
    together.wait()
    libc.malloc(100_000)
    together.wait()

threads = [threading.Thread(target=hold) for _ in range(16)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
file = ctypes.c_void_p(libc.fopen(b"/dev/stdout", b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""


def test_threads_share_two_arenas() -> None:
    if not bound_in_child():
        pytest.skip("no glibc")
    assert arenas() > 2, "or there is nothing to bound"
    assert arenas("bound") == 2


def test_what_the_operator_says_by_glibcs_own_variable_stands() -> None:
    if not bound_in_child():
        pytest.skip("no glibc")
    assert arenas("bound", MALLOC_ARENA_MAX="5") == 5


# Buffers below the size that glibc keeps apart, every other one freed; then what is resident.
FREED = """
import ctypes, sys, time
from pathlib import Path
from service.adapters.heap import bound_heap, trimming_heap

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.memset.argtypes = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t
libc.free.argtypes = (ctypes.c_void_p,)

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

bound_heap()
buffers = [libc.malloc(100_000) for _ in range(1000)]
for buffer in buffers:
    libc.memset(buffer, 1, 100_000)
for buffer in buffers[::2]:
    libc.free(buffer)
before, end = resident(), time.monotonic() + 20
with trimming_heap(0.01):
    while resident() > before - 30 and time.monotonic() < end:
        time.sleep(0.01)
print(before - resident())
"""


def test_what_is_free_between_what_is_not_goes_back() -> None:
    if not bound_in_child():
        pytest.skip("no glibc")
    done = subprocess.run([sys.executable, "-c", FREED], capture_output=True, check=True)
    assert float(done.stdout) > 30, "of 50 MB that are free"


def bound_in_child() -> bool:
    code = "from service.adapters.heap import bound_heap; raise SystemExit(not bound_heap())"
    return subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def arenas(*arguments: str, **variables: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        check=True,
    )
    return done.stdout.count(b"<heap nr=")
