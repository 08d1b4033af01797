"""Who is encoded next: callers in order of arrival, none for long at the cost of another.

    Job -> add -> lead (the first; bulk gives way) -> filled (who else fits) -> Part, Part, ...

A run is of one tier. A caller with many pictures gets half a run at a time while others wait, and
goes to the back with the rest, so that a single picture waits for little more than one run. Not
safe for several threads: whoever holds the queue, holds a lock.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Event

from service.core.errors import VitrineError
from service.core.types import Encoder, Pixels, Seen
from service.pipeline.terms import Terms

_RUNS_BEFORE_BULK = 4
"""That interactive callers lead while a bulk one waits; without a bound it might starve."""


@dataclass(slots=True, eq=False)
class Job:
    """Pictures of one caller, who is woken when all are seen.

    Attributes:
        pixels: (n, size, size, 3).
        taken: How many of them a run has, or had.
        seen: What became of each by its place, as far as runs have ended.
        failure: Why none of it is of use any more.
        woken: Set at the end; None while nobody waits for that, as whoever leads a run does not.
    """

    pixels: Pixels
    encoder: Encoder
    terms: Terms
    taken: int = 0
    seen: dict[int, Seen | VitrineError] = field(default_factory=dict)
    failure: VitrineError | None = None
    woken: Event | None = None

    @property
    def rest(self) -> int:
        """Pictures that no run has yet."""
        return len(self.pixels) - self.taken

    @property
    def done(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.failure is not None or len(self.seen) == len(self.pixels)

    def wake(self) -> None:
        """Tell the caller that there is nothing more to wait for."""
        if self.woken is not None:
            self.woken.set()


@dataclass(frozen=True, slots=True)
class Part:
    """Some pictures of a job, in a run."""

    job: Job
    start: int
    count: int

    @property
    def pixels(self) -> Pixels:
        """The (count, size, size, 3) pictures."""
        return self.job.pixels[self.start : self.start + self.count]


class BatchQueue:
    """Jobs that wait."""

    def __init__(self, max_batch: int) -> None:
        """Prepare an empty queue for runs of at most `max_batch` pictures."""
        self._share = max(1, max_batch // 2)
        self._interactive: deque[Job] = deque()
        self._bulk: deque[Job] = deque()
        self._passed_over = 0

    def __iter__(self) -> Iterator[Job]:
        yield from self._interactive
        yield from self._bulk

    @property
    def pictures(self) -> int:
        """How many wait."""
        return sum(job.rest for job in self)

    def add(self, job: Job) -> None:
        """Let a job wait behind the others."""
        self._of(job).append(job)

    def drop(self, job: Job) -> bool:
        """Forget a job, if it waits here."""
        try:
            self._of(job).remove(job)
        except ValueError:
            return False
        return True

    def drop_useless(self) -> list[Job]:
        """Forget, and return with their failure set, the jobs whose results nobody waits for."""
        useless = []
        for job in list(self):
            if failure := job.terms.failure():
                job.failure = failure
                self.drop(job)
                useless.append(job)
        return useless

    def lead(self) -> Job | None:
        """Take out the job whose pictures come next, if there are any."""
        if self._bulk and (not self._interactive or self._passed_over >= _RUNS_BEFORE_BULK):
            self._passed_over = 0
            return self._bulk.popleft()
        if not self._interactive:
            return None
        self._passed_over += bool(self._bulk)
        return self._interactive.popleft()

    def filled(self, job: Job, most: int) -> list[Part]:
        """Make a run of a job that leads, and of those like it that fit beside; keep the rest.

        Args:
            job: That leads.
            most: Pictures of the run.
        """
        waiting = self._of(job)
        alone = not (self._interactive or self._bulk)
        parts = [_cut(job, most if alone else min(most, self._share))]
        room = most - parts[0].count
        behind = [job] if job.rest else []
        for other in [each for each in waiting if each.encoder is job.encoder]:
            if not room:
                break
            parts.append(_cut(other, min(room, self._share)))
            room -= parts[-1].count
            if not other.rest or parts[-1].count == self._share:
                waiting.remove(other)
                behind += [other] if other.rest else []
        waiting.extend(behind)
        return parts

    def _of(self, job: Job) -> deque[Job]:
        return self._bulk if job.terms.urgency == "bulk" else self._interactive


def _cut(job: Job, most: int) -> Part:
    """Take the next pictures of a job."""
    part = Part(job, job.taken, min(job.rest, most))
    job.taken += part.count
    return part
