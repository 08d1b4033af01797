"""Who keeps the catalogue: a product is written, found, repriced, found again, deleted, gone.

Each step is asked for once the one before was acknowledged; a refused one is asked for again.
"""

from collections.abc import Callable
from typing import TypeAlias

from loadtests import checks
from loadtests.asks import Ask, get, post, send, text, upload
from loadtests.checks import Found, Reply
from loadtests.ledger import Ledger
from loadtests.workload import Choices

_CATEGORY = "New"
"""Which the catalogue has none of, so that what its categories hold is known all the time."""
Held: TypeAlias = Callable[..., Callable[[Reply], None]]


class Keeper:
    """One life after another of products that no other keeper touches."""

    STEPS = 7
    """Requests of one life."""

    def __init__(self, choices: Choices, ledger: Ledger, held: Held) -> None:
        """Begin with nothing written.

        Args:
            choices: Of pictures.
            ledger: Where a deletion is noted.
            held: Makes the check of a search sent now out of what it should have found.
        """
        self._choices = choices
        self._ledger = ledger
        self._held = held
        self._steps = (
            self._put,
            self._written,
            self._reprice,
            self._repriced,
            self._delete,
            self._deleted,
            self._absent,
        )
        self._step = 0
        self._begin()

    def next(self) -> Ask:
        """Return the next request of the life."""
        return self._steps[self._step]()

    def _begin(self) -> None:
        number = self._ledger.number()
        self._id = f"load-{number}"
        self._price = 10.0 + number % 90
        self._picture = self._choices.new_picture()

    def _then(self, check: Callable[[Reply], None]) -> Callable[[Reply], None]:
        """Go on if the check passes; else leave the product as it is and begin with another."""

        def checked(reply: Reply) -> None:
            last = self._step == self.STEPS - 1
            self._step += 1
            try:
                check(reply)
            except Exception:
                last = True
                raise
            finally:
                if last:
                    self._step = 0
                    self._begin()

        return checked

    def _put(self) -> Ask:
        content = {
            "title": f"New product {self._id}",
            "category": _CATEGORY,
            "brand": self._id,
            "price": self._price,
            "images": [{"image_base64": text(self._picture)}],
        }

        def check(reply: Reply) -> None:
            checks.check_put(reply, self._id, self._picture)

        return send("product, PUT", "PUT", self._path, content, self._then(check))

    def _written(self) -> Ask:
        check = self._then(self._held(self._is_found))
        return upload("search, just written", self._picture, {}, check)

    def _reprice(self) -> Ask:
        self._price += 0.5

        def check(reply: Reply) -> None:
            checks.check_price(reply, self._id, self._price)

        content = {"price": self._price}
        return send("product, PATCH", "PATCH", self._path, content, self._then(check))

    def _repriced(self) -> Ask:
        def check(found: Found) -> None:
            self._is_found(found)
            told = found.answer["results"][0]["product"]["price"]
            checks.require(told == self._price, f"price {told}, not {self._price}")

        price = {"gte": self._price, "lte": self._price}
        conditions = [{"key": "brand", "match": self._id}, {"key": "price", "range": price}]
        content = {"image_base64": text(self._picture), "filter": {"must": conditions}}
        held = self._then(self._held(check, limit=1))
        return post("search, just repriced", "/v1/search", content, held)

    def _delete(self) -> Ask:
        def check(reply: Reply) -> None:
            checks.check_deleted(reply)
            self._ledger.deleted(self._id)

        return Ask("product, DELETE", "DELETE", self._path, self._then(check))

    def _deleted(self) -> Ask:
        check = self._then(self._held(lambda _: None))
        return upload("search, just deleted", self._picture, {}, check)

    def _absent(self) -> Ask:
        return get("product, deleted", self._path, self._then(checks.check_absent))

    @property
    def _path(self) -> str:
        return f"/v1/products/{self._id}"

    def _is_found(self, found: Found) -> None:
        checks.check_written(found, self._id)
