"""What a process that is started for a load test is told, and what becomes of it."""

import json
import sys
from pathlib import Path

import pytest

from loadtests.stack import run_to_end, running

DUMP = "import json, os; print(json.dumps(dict(os.environ)))"


def test_variables_are_set_and_taken_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_API_KEYS", "secret")
    monkeypatch.setenv("VITRINE_MAX_BATCH", "3")
    log = tmp_path / "log"
    changed = {"VITRINE_API_KEYS": None, "VITRINE_PORT": "1"}

    assert run_to_end([sys.executable, "-c", DUMP], log, changed) == 0
    seen = json.loads(log.read_text())
    assert "VITRINE_API_KEYS" not in seen
    assert (seen["VITRINE_MAX_BATCH"], seen["VITRINE_PORT"]) == ("3", "1")


def test_what_runs_is_ended_with_the_block(tmp_path: Path) -> None:
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
    with running(sleeper, tmp_path / "log") as process:
        assert process.poll() is None
    assert process.returncode is not None
