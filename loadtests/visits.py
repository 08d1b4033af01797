"""A shop's traffic on one event loop: `Visits.send` for open and closed loops.

a free Shopper, or one more -> Ask -> bench/wire.py -> Reply -> its check -> status
"""

from collections import Counter
from itertools import count

from bench.open_loop import WRONG
from bench.wire import Client
from loadtests import checks
from loadtests.asks import Ask
from loadtests.checks import Reply, WrongAnswerError
from loadtests.ledger import Ledger
from loadtests.shopper import Shopper
from loadtests.workload import Workload


class Visits:
    """All visitors of one service; as many as there are requests at once.

    Attributes:
        names: Requests by what they are.
        errors: What was wrong with how many answers.
    """

    def __init__(self, workload: Workload, address: str, *, may_refuse: bool) -> None:
        """Ask nothing yet.

        Args:
            workload: What there is to ask for.
            address: Of the service.
            may_refuse: Whether a refusal for want of room is an answer.
        """
        self._workload = workload
        self._client = Client(address)
        self._may_refuse = may_refuse
        self._ledger, self._seeds = Ledger(), count()
        self._free: list[Shopper] = []
        self.names: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()

    async def tour(self) -> None:
        """Ask for one of everything, so that the shortest run has checked it all."""
        shopper = self._shopper()
        for ask in shopper.tour():
            await self._ask(ask)
        self._free.append(shopper)

    async def send(self, _: int) -> int:
        """Make a visitor's next request; returns 200 where the answer is right."""
        shopper = self._free.pop() if self._free else self._shopper()
        status = await self._ask(shopper.next())
        self._free.append(shopper)
        return status

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def _shopper(self) -> Shopper:
        return Shopper(self._workload, self._ledger, next(self._seeds))

    async def _ask(self, ask: Ask) -> int:
        answer = await self._client.ask(ask.wire())
        reply = Reply(answer.status, answer.headers, answer.body)
        self.names[ask.name] += 1
        try:
            if reply.status == checks.REFUSED and self._may_refuse:
                checks.check_overloaded(reply)
                return checks.REFUSED
            ask.check(reply)
        except WrongAnswerError as exc:
            self.errors[f"{ask.name}: {exc}"] += 1
        except (LookupError, TypeError) as exc:
            self.errors[f"{ask.name}: a field is missing or of another type: {exc!r}"] += 1
        else:
            return 200
        return WRONG if reply.status else 0
