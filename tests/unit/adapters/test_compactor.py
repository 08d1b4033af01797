"""The command that is started beside a server: really run, one at a time, and never left behind."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from service.adapters.compactor import Compactor
from service.adapters.data_lock import writing_to
from service.core.errors import CatalogBusyError
from support.live_server import eventually

WAIT_SECONDS = 0.3
RECORD = """
import json, os, sys, time
with open(sys.argv[1], "a") as file:
    file.write(json.dumps({"pid": os.getpid(), "nice": os.nice(0), "at": time.monotonic()}) + "\\n")
print("said", flush=True)
time.sleep(float(sys.argv[3]))
sys.exit(int(sys.argv[2]))
"""


@contextmanager
def compactor(
    record: Path, due: Callable[[], int | None], status: int = 0, seconds: float = 0.0
) -> Iterator[None]:
    command = [sys.executable, "-S", "-c", RECORD, str(record), str(status), str(seconds)]
    made = Compactor(command, due, interval_seconds=0.01, first_wait_seconds=WAIT_SECONDS)
    made.start()
    try:
        yield
    finally:
        made.close()


def runs(record: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_runs_when_it_is_due_at_the_lowest_priority_and_logs_what_was_said(tmp_path: Path):
    record, wanted = tmp_path / "record", [None, None, 7]

    with (
        capture_logs() as logs,
        compactor(record, lambda: wanted.pop(0) if wanted else None),
    ):
        eventually(lambda: logs)
    assert wanted == []
    (run,) = runs(record)
    assert run["nice"] == 19
    (entry,) = logs
    assert (entry["event"], entry["status"], entry["output"]) == ("compaction", 0, "said")


def test_after_a_failure_it_waits_and_then_twice_as_long(tmp_path: Path):
    record = tmp_path / "record"

    with capture_logs() as logs, compactor(record, lambda: 7, status=2):
        eventually(lambda: len(runs(record)) >= 3)
    first, second, third = (run["at"] for run in runs(record)[:3])
    assert second - first >= WAIT_SECONDS
    assert third - second >= 2 * WAIT_SECONDS
    assert logs[0]["log_level"] == "warning"


def test_what_the_gate_refuses_is_not_tried_again_before_another_version_serves(tmp_path: Path):
    record, asked = tmp_path / "record", []

    def due() -> int:
        asked.append(1)
        return 7 if len(asked) <= 10 else 8

    with compactor(record, due, status=1):
        eventually(lambda: len(asked) >= 20)
    assert len(runs(record)) == 2


def test_closing_ends_the_command(tmp_path: Path):
    record = tmp_path / "record"

    with compactor(record, lambda: 7, seconds=60.0):
        eventually(lambda: runs(record))
    (run,) = runs(record)
    assert not alive(run["pid"])


SERVER = """
import sys, time
from service.adapters.compactor import Compactor

Compactor(sys.argv[1:], lambda: 7, interval_seconds=0.01).start()
time.sleep(600)
"""


def test_where_the_server_is_killed_the_compaction_ends_as_well(tmp_path: Path):
    """It is held up where it reads its bundle: a pipe into which nobody writes."""
    data_dir, bundle = tmp_path / "data", tmp_path / "bundle"
    bundle.mkdir()
    os.mkfifo(bundle / "bundle.json")
    command = [sys.executable, "-m", "service", "index", "compact", "--ends-with-stdin"]
    command += ["--data-dir", str(data_dir), "--bundle", str(bundle)]
    server = subprocess.Popen([sys.executable, "-c", SERVER, *command])
    lock = data_dir / "reindex.lock"

    def held() -> bool:
        try:
            with writing_to(data_dir):
                return False
        except CatalogBusyError:
            return True

    try:
        pid = int(eventually(lambda: lock.exists() and lock.read_text().strip()))
        assert pid != server.pid
        assert held()
    finally:
        server.kill()
        server.wait()
    eventually(lambda: not held())


def test_a_command_that_ends_with_its_input_is_done_where_that_stays_open(tmp_path: Path):
    command = [sys.executable, "-m", "service", "index", "compact", "--ends-with-stdin"]
    with subprocess.Popen(
        [*command, "--data-dir", str(tmp_path / "data")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.read() == "nothing to fold\n"
        assert process.wait() == 0


def test_a_command_that_cannot_be_started_is_a_line_in_the_log():
    made = Compactor(["/no/such/command"], lambda: 7, interval_seconds=0.01)
    with capture_logs() as logs:
        made.start()
        eventually(lambda: logs)
        made.close()
    assert "cannot be started" in logs[0]["output"]


def test_what_was_never_started_is_closed_all_the_same():
    Compactor(["true"], lambda: None).close()
