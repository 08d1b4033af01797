"""Requests as methods: one definition, called by a thread that waits or awaited by a task.

    search = Waiting(requests.search)    shop.search(text="red bag")          -> SearchAnswer
    search = Awaited(requests.search)    await shop.search(text="red bag")    -> SearchAnswer

Arguments and their types are those of the request's function, which type checkers see through.
"""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Generic, ParamSpec, Protocol, TypeVar

from service.client.requests import Call

P = ParamSpec("P")
T = TypeVar("T")


class WaitingSender(Protocol):
    """Sends and waits."""

    def send(self, call: Call[T]) -> T:
        """Return what is answered."""


class AwaitedSender(Protocol):
    """Sends when awaited."""

    async def send(self, call: Call[T]) -> T:
        """Return what is answered."""


class Waiting(Generic[P, T]):
    """A method that sends the request it is made of, and waits."""

    def __init__(self, make: Callable[P, Call[T]]) -> None:
        self._make = make

    def __get__(self, sender: WaitingSender, owner: type) -> Callable[P, T]:
        """Return the method of this sender."""

        @wraps(self._make)
        def method(*args: P.args, **kwargs: P.kwargs) -> T:
            return sender.send(self._make(*args, **kwargs))

        return method


class Awaited(Generic[P, T]):
    """A method that sends the request it is made of, when awaited."""

    def __init__(self, make: Callable[P, Call[T]]) -> None:
        self._make = make

    def __get__(self, sender: AwaitedSender, owner: type) -> Callable[P, Coroutine[Any, Any, T]]:
        """Return the method of this sender."""

        @wraps(self._make)
        async def method(*args: P.args, **kwargs: P.kwargs) -> T:
            return await sender.send(self._make(*args, **kwargs))

        return method
