"""How work that can wait gives way, seen in processes of their own: a priority stays lowered."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

AUTOGROUP = Path("/proc/self/autogroup")
SCRIPT = """
import json, os, subprocess, sys, threading
from pathlib import Path
from service.adapters.priority import giving_way

def autogroup():
    path = Path("/proc/self/autogroup")
    return int(path.read_text().split()[-1]) if path.exists() else None

def nice(thread):
    return os.getpriority(os.PRIO_PROCESS, thread)

done, threads = threading.Event(), []
early = threading.Thread(target=lambda: (threads.append(threading.get_native_id()), done.wait()))
early.start()
beside = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
if "alone" in sys.argv:
    beside.communicate(b"")
with giving_way():
    late = []
    other = threading.Thread(target=lambda: late.append(nice(threading.get_native_id())))
    other.start()
    other.join()
    within = {"own": nice(0), "early": nice(threads[0]), "late": late[0], "session": autogroup()}
    if beside.poll() is None:
        within["beside"] = nice(beside.pid)
done.set()
if beside.poll() is None:
    beside.communicate(b"")
print(json.dumps({"within": within, "after": autogroup()}))
"""


def run(*arguments: str) -> dict:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        capture_output=True,
        text=True,
        check=True,
        start_new_session=True,
        timeout=60,
    )
    return json.loads(done.stdout)


def test_every_thread_gives_way_and_nobody_else() -> None:
    told = run()["within"]
    assert [told[thread] for thread in ("own", "early", "late")] == [10, 10, 10]
    assert told["beside"] == 0
    assert told["session"] in (0, None), "another process of the session would be lowered too"


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this kernel does not group by session")
def test_a_session_that_is_its_own_gives_way_meanwhile() -> None:
    told = run("alone")
    assert told["within"]["session"] in (10, 0)  # 0 where that is forbidden
    assert told["after"] == 0
