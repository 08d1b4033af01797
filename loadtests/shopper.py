"""A shop's visitor, and a buyer of the shop who keeps its catalogue: what is asked for next.

Choices + what came back so far -> Shopper.next -> Ask -> its check -> what is asked next
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from loadtests import checks
from loadtests.asks import Ask, get, post, text, upload
from loadtests.checks import Found, Reply, read_found
from loadtests.keeper import Keeper
from loadtests.ledger import Ledger
from loadtests.workload import Choices, Query, Workload

LIMIT = 10
_SOON_SECONDS = 2.0
"""After which a visitor sends a picture rather than crop the last: of whoever comes back after a
rest, it may have made room for those of others."""
_FACETS = ("brand", "price")
_NO_PICTURE = b"id,title\n1,this is a catalogue, not a picture\n"
_WORDS = ("red sunglasses", "striped shirt", "blue sneakers", "leather handbag", "wooden chair")


class Shopper:
    """One visitor; the same seed asks the same, as far as the answers are the same, and as soon."""

    def __init__(
        self,
        workload: Workload,
        ledger: Ledger,
        seed: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._choices = Choices(workload, seed)
        self._ledger = ledger
        self.keeper = Keeper(self._choices, ledger, self._held)
        self._last_image_id, self._sent_at = "", -math.inf
        # Of a hundred requests; shares of a shop's traffic, of which most only look.
        self._mix: Mapping[Callable[[], Ask], int] = {
            self.search: 28,
            self.search_base64: 6,
            self.crop: 10,
            self.narrow: 10,
            self.similar: 10,
            self.image: 14,
            self.product: 7,
            self.words: 4,
            self.batch: 1,
            self.page: 1,
            self.no_picture: 1,
            self.keeper.next: 8,
        }

    def next(self) -> Ask:
        """Return the next request."""
        return self._choices.random.choices([*self._mix], [*self._mix.values()])[0]()

    def tour(self) -> Iterator[Ask]:
        """Ask for one of everything, so that the shortest run has checked it all."""
        yield self.page()
        own = self._choices.own_query()
        yield self._upload(*own)
        yield self._base64(*own)
        yield from (ask() for ask in self._mix if ask != self.keeper.next)
        for _ in range(Keeper.STEPS):
            yield self.keeper.next()

    def search(self) -> Ask:
        """Upload a picture."""
        return self._upload(*self._choices.query())

    def search_base64(self) -> Ask:
        """Send a picture as base64."""
        return self._base64(*self._choices.query())

    def crop(self) -> Ask:
        """Search by a part of the picture that was sent last, without sending it again."""
        if self._clock() - self._sent_at > _SOON_SECONDS:
            return self.search()
        image_id = self._last_image_id
        left, top = (self._choices.random.uniform(0, 0.3) for _ in range(2))
        box = [round(side, 2) for side in (left, top, left + 0.6, top + 0.6)]

        def check(found: Found) -> None:
            about = found.answer["image_id"]
            checks.require(about == image_id, "another picture's answer")

        content = {"image_id": image_id, "box": box, "limit": LIMIT}
        return post("search, crop", "/v1/search", content, self._held(check))

    def narrow(self) -> Ask:
        """Search one category below a price, with facets."""
        _, data = self._choices.query()
        item = self._choices.item()
        below = round(1.5 * item.price, 2)
        allowed = self._choices.workload.kept(item.category, below)

        def check(found: Found) -> None:
            checks.check_picture(found, data)
            checks.check_kept(found, allowed, _FACETS)

        conditions = [
            {"key": "category", "match": item.category},
            {"key": "price", "range": {"lt": below}},
        ]
        content = {
            "image_base64": text(data),
            "filter": {"must": conditions},
            "facets": list(_FACETS),
            "limit": LIMIT,
        }
        held = self._held(check, limit=min(LIMIT, len(allowed)))
        return post("search, filter and facets", "/v1/search", content, held)

    def similar(self) -> Ask:
        """Ask for what looks like a product."""
        product_id = self._choices.item().id

        def check(found: Found) -> None:
            checks.require(product_id not in found.product_ids, "a product is like itself")

        path = f"/v1/products/{product_id}/similar?limit={LIMIT}"
        return get("search, similar", path, self._held(check))

    def words(self) -> Ask:
        """Search by words."""
        wanted = self._choices.random.choice((*_WORDS, self._choices.item().title))
        content = {"text": wanted, "limit": LIMIT}
        return post("search, text", "/v1/search", content, self._held(lambda _: None))

    def batch(self) -> Ask:
        """Ask for a page of four searches at once."""
        query, data = self._choices.query()
        own, own_data = self._choices.own_query()
        queries: list[dict[str, Any]] = [
            {"image_base64": text(data)},
            {"image_base64": text(own_data)},
            {"product_id": self._choices.item().id},
            {"text": _WORDS[0]},
        ]
        mark = self._ledger.mark()

        def check(reply: Reply) -> None:
            answers = checks.read_batch(reply, len(queries))
            found = [checks.check_found(answer, LIMIT) for answer in answers]
            for sent, asked, each in ((data, query, found[0]), (own_data, own, found[1])):
                checks.check_picture(each, sent)
                _check_known(each, asked)
            for each in found:
                self._check_gone(each, mark)

        content = {"queries": [{**each, "limit": LIMIT} for each in queries]}
        return post("search, batch", "/v1/search:batch", content, check)

    def image(self) -> Ask:
        """Fetch a result's picture."""
        return get("image", f"/v1/images/{self._choices.image_id()}", checks.check_image)

    def product(self) -> Ask:
        """Open a product."""
        product_id = self._choices.item().id

        def check(reply: Reply) -> None:
            checks.check_product(reply, product_id)

        return get("product", f"/v1/products/{product_id}", check)

    def page(self) -> Ask:
        """Open the search page."""
        return get("page", "/", checks.check_page)

    def no_picture(self) -> Ask:
        """Upload what is no picture; the refusal is the success."""
        return upload("no picture", _NO_PICTURE, {}, checks.check_refusal)

    def _upload(self, query: Query, data: bytes) -> Ask:
        held = self._held(self._about(query, data))
        return upload("search, multipart", data, {"limit": str(LIMIT)}, held)

    def _base64(self, query: Query, data: bytes) -> Ask:
        content = {"image_base64": text(data), "limit": LIMIT}
        return post("search, base64", "/v1/search", content, self._held(self._about(query, data)))

    def _about(self, query: Query, data: bytes) -> Callable[[Found], None]:
        def check(found: Found) -> None:
            checks.check_picture(found, data)
            _check_known(found, query)
            self._last_image_id, self._sent_at = found.answer["image_id"], self._clock()

        return check

    def _held(self, check: Callable[[Found], None], limit: int = LIMIT) -> Callable[[Reply], None]:
        """Return a check of a search sent now, which shows no product deleted before."""
        mark = self._ledger.mark()

        def whole(reply: Reply) -> None:
            found = read_found(reply, limit)
            self._check_gone(found, mark)
            check(found)

        return whole

    def _check_gone(self, found: Found, mark: int) -> None:
        gone = self._ledger.gone(found.product_ids, mark)
        checks.require(not gone, f"deleted before it was asked, and shown: {gone}")


def _check_known(found: Found, query: Query) -> None:
    if query.within:
        checks.check_known(found, query.product_id, query.within)
