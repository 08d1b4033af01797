"""How many visitors there are when: name + users + seconds -> Shape -> users at a moment.

steady  as many all the time
ramp    a quarter of them, then more in eight steps up to four times as many
spike   as many, eight times as many in the middle fifth, as many again
soak    as steady, for ten minutes
"""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

Name: TypeAlias = Literal["steady", "ramp", "spike", "soak"]
NAMES: tuple[Name, ...] = get_args(Name)
SECONDS: dict[Name, int] = {"steady": 30, "ramp": 120, "spike": 60, "soak": 600}
"""How long each lasts unless told otherwise."""
SHAPE_VARIABLE = "VITRINE_LOAD_SHAPE"
"""Names, in the environment of locust, the shape as `Shape.told` writes it."""
_RAMP_STEPS, _RAMP_FROM, _RAMP_TO = 8, 0.25, 4.0
_SPIKE, _SPIKE_TIMES = (0.4, 0.6), 8


@dataclass(frozen=True, slots=True)
class Shape:
    """A plan of visitors."""

    name: Name
    users: int
    seconds: int

    @property
    def overloads(self) -> bool:
        """Whether there may be more than the service has room for, so that it may refuse."""
        return self.name in ("ramp", "spike")

    @property
    def most(self) -> int:
        """The most there are at once."""
        return max(self.at(second) or 0 for second in range(self.seconds))

    def at(self, elapsed: float) -> int | None:
        """Return how many there are so many seconds after the start; None at the end."""
        done = elapsed / self.seconds
        if done >= 1:
            return None
        times = 1.0
        if self.name == "ramp":
            step = math.floor(done * _RAMP_STEPS)
            times = _RAMP_FROM + (_RAMP_TO - _RAMP_FROM) * step / (_RAMP_STEPS - 1)
        elif self.name == "spike" and _SPIKE[0] <= done < _SPIKE[1]:
            times = _SPIKE_TIMES
        return max(1, round(times * self.users))

    def told(self) -> str:
        """Write for `read`."""
        return f"{self.name} {self.users} {self.seconds}"

    @classmethod
    def read(cls, told: str) -> "Shape":
        """Read what `told` wrote."""
        name, users, seconds = told.split()
        known: dict[str, Name] = {each: each for each in NAMES}
        return cls(known[name], int(users), int(seconds))
