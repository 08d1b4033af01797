"""A shop to be asked: a catalogue is indexed and served, and pictures to ask with are lent."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.pictures import catalog, encoded
from loadtests.stack import Served, index_catalog, service

_PICTURES = 200


@contextmanager
def shop_server(
    folder: Path, products: int, settings: Mapping[str, object]
) -> Iterator[tuple[Served, list[bytes]]]:
    """Index, serve, and lend JPEGs of the catalogue; stops at the end.

    Args:
        folder: For all files; exists.
        products: How many.
        settings: Of the service, by name.
    """
    source, _ = catalog(products, folder)
    index_catalog(source, folder / "data", folder / "reindex.log")
    pictures = [data for data in encoded(source, _PICTURES) if data.startswith(b"\xff\xd8")]
    with service(folder / "data", folder / "service.log", settings) as served:
        yield served, pictures
