"""Work is spread over the processors that a process may run on, not over all of a machine's."""

import subprocess
import sys

SCRIPT = """
import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from service.core.cores import core_count
from service.core.errors import OverloadedError
from service.pipeline.decoding import Decoding

decoding = Decoding(wait_seconds=0)
with decoding.turn():
    try:
        with decoding.turn():
            print(core_count(), "two at once")
    except OverloadedError:
        print(core_count(), "one at once")
"""


def test_a_process_on_one_processor_counts_one_and_decodes_one_at_once() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split("\n")[0] == "1 one at once"
