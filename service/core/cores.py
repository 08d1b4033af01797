"""How many processors there are to work with."""

import os


def core_count() -> int:
    """Return those this process may run on: a container often has a few of a machine's."""
    return len(os.sched_getaffinity(0))
