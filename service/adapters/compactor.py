"""Compaction beside a serving process: a child of the lowest priority, one at a time.

due? -> `vitrine index compact` -> done: logged | refused: not again for this version
                                | failed: again later, and later still
"""

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Event, Lock, Thread

import structlog

_INTERVAL_SECONDS = 1.0
_FIRST_WAIT_SECONDS = 30.0
_LONGEST_WAIT_SECONDS = 3600.0
_LOWEST_PRIORITY = 19
_REFUSED = 1
"""Exit status of a command whose snapshot did not pass the gate."""
_NOT_STARTED = 127
_log = structlog.get_logger()


class Compactor:
    """Starts the command whenever it is due, until it is closed, which ends the command too.

    Where this process is killed, the command sees its stdin end, which it should take for a sign.
    """

    def __init__(
        self,
        command: Sequence[str],
        due: Callable[[], int | None],
        *,
        interval_seconds: float = _INTERVAL_SECONDS,
        first_wait_seconds: float = _FIRST_WAIT_SECONDS,
    ) -> None:
        """Prepare to watch.

        Args:
            command: Folds what was written into a new version, and says so in a line.
            due: Returns the version that serves, where that is wanted, else None.
            interval_seconds: How often to ask.
            first_wait_seconds: After a failure; twice as long after each further one.
        """
        self._command = tuple(command)
        self._due = due
        self._interval_seconds = interval_seconds
        self._first_wait_seconds = first_wait_seconds
        self._stop = Event()
        self._lock = Lock()
        self._process: subprocess.Popen[str] | None = None
        self._watcher = Thread(target=self._watch, name="compactor", daemon=True)

    def start(self) -> None:
        """Watch in a thread of its own."""
        self._watcher.start()

    def close(self) -> None:
        """Stop watching, and end the command if it runs."""
        with self._lock:
            self._stop.set()
            if self._process is not None:
                self._process.terminate()
        if self._watcher.is_alive():
            self._watcher.join()

    def _watch(self) -> None:
        refused: int | None = None
        wait_seconds, not_before = self._first_wait_seconds, 0.0
        while not self._stop.wait(self._interval_seconds):
            if time.monotonic() < not_before:
                continue
            version = self._due()
            if version is None or version == refused:
                continue
            status = self._run()
            if status == 0:
                wait_seconds = self._first_wait_seconds
            elif status == _REFUSED:
                refused = version
            else:
                not_before = time.monotonic() + wait_seconds
                wait_seconds = min(2 * wait_seconds, _LONGEST_WAIT_SECONDS)

    def _run(self) -> int:
        with self._lock:
            if self._stop.is_set():
                return 0
            try:
                process = self._process = self._started()
            except OSError as exc:
                _log.warning("compaction", status=None, output=f"it cannot be started: {exc}")
                return _NOT_STARTED
        with process:  # whose stdin stays open, as long as this process lives
            assert process.stdout is not None  # it is a pipe
            output = process.stdout.read()
        with self._lock:
            self._process = None
        if not self._stop.is_set():
            said = _log.info if process.returncode == 0 else _log.warning
            said("compaction", status=process.returncode, output=output.strip())
        return process.returncode

    def _started(self) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        # Before it has threads, which inherit this; it may also be over already.
        with suppress(ProcessLookupError):
            os.setpriority(os.PRIO_PROCESS, process.pid, _LOWEST_PRIORITY)
        return process
