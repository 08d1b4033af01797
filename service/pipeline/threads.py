"""Threads that requests are worked in: of those that are idle, the one that worked last goes next.

    submit -> an idle thread, the last to have become so | a new one | the queue, while all are busy

What a thread needs is still in the caches of the core it ran on, and its memory at hand. After a
flood has started them all, `ThreadPoolExecutor` takes them in turn.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


class _Work:
    """A call, and what becomes of it."""

    __slots__ = ("_call", "future")

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call
        self.future: Future[Any] = Future()

    def run(self) -> None:
        """Make the call, unless it was cancelled."""
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            result = self._call()
        except BaseException as exc:  # noqa: BLE001 - whoever waits must hear of it
            self.future.set_exception(exc)
        else:
            self.future.set_result(result)


class Threads(Executor):
    """At most so many threads, started when they are first needed."""

    def __init__(self, count: int, name: str) -> None:
        """Start none yet.

        Args:
            count: Threads, at most.
            name: Of the threads, before a number.
        """
        self._count = count
        self._name = name
        self._lock = Lock()
        self._idle: list[SimpleQueue[_Work | None]] = []
        self._waiting: deque[_Work] = deque()
        self._threads: list[Thread] = []
        self._closed = False

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> "Future[_T]":
        """Call in one of the threads; raises RuntimeError once they were shut down."""
        work = _Work(partial(fn, *args, **kwargs))
        with self._lock:
            if self._closed:
                raise RuntimeError(f"the {self._name} threads were shut down")
            if self._idle:
                self._idle.pop().put(work)
            elif len(self._threads) < self._count:
                self._start().put(work)
            else:
                self._waiting.append(work)
        return work.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more; finish what was taken, or of it only what has begun."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            while cancel_futures and self._waiting:
                self._waiting.popleft().future.cancel()
        for own in idle:
            own.put(None)
        for thread in self._threads if wait else ():
            thread.join()

    def _start(self) -> "SimpleQueue[_Work | None]":
        own: SimpleQueue[_Work | None] = SimpleQueue()
        name = f"{self._name}_{len(self._threads)}"
        thread = Thread(target=self._work, args=(own,), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()
        return own

    def _work(self, own: "SimpleQueue[_Work | None]") -> None:
        work = own.get()
        while work is not None:
            work.run()
            work = None  # it may hold a picture, and the next may be long in coming
            work = self._next(own)

    def _next(self, own: "SimpleQueue[_Work | None]") -> _Work | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            if self._closed:
                return None
            self._idle.append(own)
        return own.get()
