"""What the shoppers ask for: written by the runner, read by whoever sends.

pictures.py -> Workload -> quiet.py -> JSON -> Workload -> Choices -> shopper.py
"""

import json
import random
import struct
from dataclasses import asdict, dataclass
from itertools import accumulate, count
from pathlib import Path

# Name, in the environment of locust, the file it reads and the file it writes.
WORKLOAD_VARIABLE, FIGURES_VARIABLE = "VITRINE_LOAD_WORKLOAD", "VITRINE_LOAD_FIGURES"
# Half of the searches bring a picture never seen before, so that the encoder keeps working after
# every prepared picture has been cached.
_NEW_SHARE = 0.5
_JPEG_START, _JPEG_COMMENT = b"\xff\xd8", b"\xff\xfe"


@dataclass(frozen=True, slots=True)
class Query:
    """A picture to search with.

    Attributes:
        file: A JPEG.
        product_id: What it shows.
        within: Its product must be among so many first results; 1 is the catalogue's own picture,
            0 is one that may be missed.
    """

    file: str
    product_id: str
    within: int


@dataclass(frozen=True, slots=True)
class Item:
    """A product of the catalogue; what it is filtered by never changes."""

    id: str
    category: str
    price: float
    title: str


@dataclass(frozen=True, slots=True)
class Workload:
    """All there is to ask for, the most wanted first.

    Attributes:
        queries: At least one of them the catalogue's own.
        items: The catalogue.
        image_ids: Of the catalogue.
        new_pictures: JPEG files of products that are not in the catalogue, to be written.
    """

    queries: tuple[Query, ...]
    items: tuple[Item, ...]
    image_ids: tuple[str, ...]
    new_pictures: tuple[str, ...]

    def write(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> "Workload":
        """Read what `write` wrote."""
        body = json.loads(path.read_text())
        return cls(
            queries=tuple(Query(**query) for query in body["queries"]),
            items=tuple(Item(**item) for item in body["items"]),
            image_ids=tuple(body["image_ids"]),
            new_pictures=tuple(body["new_pictures"]),
        )

    def kept(self, category: str, below: float) -> list[str]:
        """Return the ids of a category's products that cost less."""
        return [item.id for item in self.items if item.category == category and item.price < below]


class Choices:
    """The choices of one shopper; the same seed makes the same ones."""

    def __init__(self, workload: Workload, seed: int) -> None:
        self.workload = workload
        self.random = random.Random(seed)
        self._copies = (f"shopper {seed}, copy {number}" for number in count())
        self._query_weights = zipf(len(workload.queries))
        self._item_weights = zipf(len(workload.items))

    def query(self) -> tuple[Query, bytes]:
        """Choose a picture; half of the time as a copy whose bytes nobody has sent before."""
        queries = self.workload.queries
        chosen = self.random.choices(queries, cum_weights=self._query_weights)[0]
        data = Path(chosen.file).read_bytes()
        return chosen, self.copy(data) if self.random.random() < _NEW_SHARE else data

    def own_query(self) -> tuple[Query, bytes]:
        """Return the most wanted of the catalogue's own pictures, as it is."""
        chosen = next(query for query in self.workload.queries if query.within == 1)
        return chosen, Path(chosen.file).read_bytes()

    def item(self) -> Item:
        """Choose a product."""
        return self.random.choices(self.workload.items, cum_weights=self._item_weights)[0]

    def image_id(self) -> str:
        """Choose a picture of the catalogue; result pages show them all about equally often."""
        return self.random.choice(self.workload.image_ids)

    def new_picture(self) -> bytes:
        """Choose a picture to write, in bytes that no product has."""
        return self.copy(Path(self.random.choice(self.workload.new_pictures)).read_bytes())

    def copy(self, jpeg: bytes) -> bytes:
        """Return the same picture in bytes that this shopper has not sent before."""
        return with_comment(jpeg, next(self._copies))


def zipf(n: int) -> list[float]:
    """Return cumulative weights of n ranks, 1/1 + 1/2 + ... + 1/rank."""
    return list(accumulate(1 / rank for rank in range(1, n + 1)))


def with_comment(jpeg: bytes, comment: str) -> bytes:
    """Return the same picture in other bytes: a JPEG comment behind the first marker."""
    text = comment.encode()
    segment = _JPEG_COMMENT + struct.pack(">H", 2 + len(text)) + text
    return _JPEG_START + segment + jpeg.removeprefix(_JPEG_START)
