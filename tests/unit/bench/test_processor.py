"""What processes take of the processor: all of a session, threads and children too."""

import subprocess
import sys
from pathlib import Path
from time import process_time

from bench.processor import processor_seconds, standing_still
from support.live_server import eventually

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


def test_who_stands_still_takes_nothing_and_goes_on_afterwards() -> None:
    polling = [sys.executable, "-c", "print(flush=True)\nwhile True: pass"]
    with subprocess.Popen(polling, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        state = Path(f"/proc/{process.pid}/stat")
        with standing_still([process.pid]):
            eventually(lambda: state.read_text().rpartition(")")[2].split()[0] == "T")
            before = processor_seconds(process.pid)
            other = process_time() + 0.1
            while process_time() < other:
                pass
            assert processor_seconds(process.pid) == before
        eventually(lambda: processor_seconds(process.pid) > before)
        process.kill()
