"""Work that can wait gives way to what else the machine does: the searches of those who serve.

    process -> nice: it gives way within its session
            -> its session, where it is alone there -> nice: it gives way to other sessions

Linux shares the processor among sessions first, where it has autogroups, and looks at how nice a
process is only within its own: sched(7).
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_NICE = 10
_TRIES, _BETWEEN_SECONDS = 20, 0.11
_PROC = Path("/proc")
_AUTOGROUP = _PROC / "self" / "autogroup"


@contextmanager
def giving_way() -> Iterator[None]:
    """Lower the priority of this process for good, and of its session while the block runs.

    A kill leaves the session lowered: docs/runbook.md has the way back. A session of its own would
    be gone with the process, but so would Ctrl-C, and a shell's job may not begin one unforked.
    """
    _lower_process()
    before = _session_niceness()
    lowered = before is not None and before < _NICE and _alone() and _lower_session(_NICE)
    try:
        yield
    finally:
        if lowered and before is not None:
            _raise_session(before)


def _lower_process() -> None:
    """Lower every thread there is; those to come inherit it from whoever starts them."""
    tasks = _PROC / "self" / "task"
    threads = [int(task.name) for task in tasks.iterdir()] if tasks.is_dir() else [0]
    for thread in threads:
        with suppress(OSError):  # it has ended, or is lower already
            if os.getpriority(os.PRIO_PROCESS, thread) < _NICE:
                os.setpriority(os.PRIO_PROCESS, thread, _NICE)


def _session_niceness() -> int | None:
    """Return how nice the session is; None where the machine does not say, or does not care."""
    try:
        *_, niceness = _AUTOGROUP.read_text().split()
        return int(niceness)
    except (OSError, ValueError):
        return None


def _lower_session(niceness: int) -> bool:
    """Set it, and say whether that was possible."""
    try:
        _AUTOGROUP.write_text(str(niceness))
    except OSError:
        return False
    return True


def _raise_session(niceness: int) -> None:
    """Set it back: the kernel bears one change in 0.1 s, by whomever, and refuses others."""
    for _ in range(_TRIES):
        if _lower_session(niceness):
            return
        time.sleep(_BETWEEN_SECONDS)


def _alone() -> bool:
    """Whether nothing is in this session but this process and those that started it.

    A service that was started from the same shell would be lowered with it.
    """
    parents: dict[int, int] = {}
    for stat in _PROC.glob("[0-9]*/stat"):
        with suppress(OSError):
            _, parent, _, session, *_ = stat.read_text().rpartition(")")[2].split()
            if int(session) == os.getsid(0):
                parents[int(stat.parent.name)] = int(parent)
    process: int | None = os.getpid()
    while process in parents:
        process = parents.pop(process)
    return not parents
