"""How long each stage of a flow took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Clock:
    """Milliseconds by stage, in the order in which they began; for one thread."""

    milliseconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what is within; one that raises is not told."""
        start = time.perf_counter()
        yield
        spent = self.milliseconds.get(name, 0) + (time.perf_counter() - start) * 1000
        self.milliseconds[name] = round(spent, 3)
