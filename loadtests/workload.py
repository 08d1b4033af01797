"""What the shoppers ask for: written by the runner, read by locust.

pictures.py -> Workload -> JSON -> Workload -> Traffic -> locustfile.py
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
        own: Whether it is the catalogue's own picture, which must find its product first.
    """

    file: str
    product_id: str
    own: bool


@dataclass(frozen=True, slots=True)
class Workload:
    """All there is to ask for, the most wanted first.

    Attributes:
        queries: At least one of them the catalogue's own.
        product_ids: Of the catalogue.
        image_ids: Of the catalogue.
    """

    queries: tuple[Query, ...]
    product_ids: tuple[str, ...]
    image_ids: tuple[str, ...]

    def write(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> "Workload":
        """Read what `write` wrote."""
        body = json.loads(path.read_text())
        queries = tuple(Query(**query) for query in body["queries"])
        return cls(queries, tuple(body["product_ids"]), tuple(body["image_ids"]))


class Traffic:
    """The choices of one shopper; the same seed makes the same ones."""

    def __init__(self, workload: Workload, seed: int) -> None:
        self._workload = workload
        self._random = random.Random(seed)
        self._copies = (f"shopper {seed}, copy {number}" for number in count())
        self._query_weights = zipf(len(workload.queries))
        self._product_weights = zipf(len(workload.product_ids))

    def query(self) -> tuple[Query, bytes]:
        """Choose a picture; half of the time as a copy whose bytes nobody has sent before."""
        chosen = self._random.choices(self._workload.queries, cum_weights=self._query_weights)[0]
        data = Path(chosen.file).read_bytes()
        if self._random.random() < _NEW_SHARE:
            data = with_comment(data, next(self._copies))
        return chosen, data

    def own_query(self) -> tuple[Query, bytes]:
        """Return the most wanted of the catalogue's own pictures, as it is."""
        chosen = next(query for query in self._workload.queries if query.own)
        return chosen, Path(chosen.file).read_bytes()

    def product_id(self) -> str:
        """Choose a product."""
        return self._random.choices(self._workload.product_ids, cum_weights=self._product_weights)[
            0
        ]

    def image_id(self) -> str:
        """Choose a picture of the catalogue; result pages show them all about equally often."""
        return self._random.choice(self._workload.image_ids)


def zipf(n: int) -> list[float]:
    """Return cumulative weights of n ranks, 1/1 + 1/2 + ... + 1/rank."""
    return list(accumulate(1 / rank for rank in range(1, n + 1)))


def with_comment(jpeg: bytes, comment: str) -> bytes:
    """Return the same picture in other bytes: a JPEG comment behind the first marker."""
    text = comment.encode()
    segment = _JPEG_COMMENT + struct.pack(">H", 2 + len(text)) + text
    return _JPEG_START + segment + jpeg.removeprefix(_JPEG_START)
