"""What processes take of the processor: all of a session, threads and children too."""

import subprocess
import sys

from bench.processor import processor_seconds

SPIN = "import time; end = time.process_time() + 0.3\nwhile time.process_time() < end: pass\n"
FAMILY = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {SPIN + "print('done', flush=True); input()"!r}],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
{SPIN}
print("done", flush=True)
input()
child.communicate(b"\\n")
"""


def test_all_processes_of_a_session_count() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", FAMILY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        taken = processor_seconds(process.pid)
        process.communicate(b"\n")
    assert taken >= 0.55
    assert processor_seconds(process.pid) == 0
