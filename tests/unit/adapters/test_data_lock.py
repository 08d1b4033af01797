"""One reindex a directory: the second is told which process has it, and death lets go."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.adapters.data_lock import writing_to
from service.core.errors import StoreError

HOLDER = """
import sys
from pathlib import Path
from service.adapters.data_lock import writing_to

with writing_to(Path(sys.argv[1])):
    print("holding", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def another_process_holding(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holding\n"
        try:
            yield process
        finally:
            process.kill()


def test_the_second_is_told_who_is_first(tmp_path: Path) -> None:
    with another_process_holding(tmp_path) as first:
        for _ in range(2):  # being refused must not spoil the name
            with pytest.raises(StoreError) as refused, writing_to(tmp_path):
                pass
            assert str(tmp_path) in str(refused.value)
            assert f"process {first.pid};" in str(refused.value)


def test_death_lets_go(tmp_path: Path) -> None:
    with another_process_holding(tmp_path) as first:
        first.kill()
        first.wait()
        with writing_to(tmp_path):
            assert (tmp_path / "reindex.lock").read_text() == f"{os.getpid()}\n"


def test_the_end_lets_go_also_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), writing_to(tmp_path / "new" / "data"):
        raise ZeroDivisionError
    with another_process_holding(tmp_path / "new" / "data"):
        pass


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(StoreError, match=f"{tmp_path}/file/data cannot be written"),
        writing_to(tmp_path / "file" / "data"),
    ):
        pass
