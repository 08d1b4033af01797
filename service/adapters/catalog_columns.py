"""Which column of a catalogue is which field of ours, and a record read accordingly.

    columns + mapping -> ColumnPlan;  record + ColumnPlan -> CatalogRow, one a picture

The sources differ in how they come by columns and records, not in what these mean.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from service.adapters import catalog_cells as cells
from service.core.errors import CatalogSourceError
from service.core.types import CatalogRow, ImageRef, Product

ALIASES: Mapping[str, tuple[str, ...]] = {
    "id": ("product_id", "sku", "asin", "item_id"),
    "title": ("name", "product_name", "productdisplayname", "product_title"),
    "category": ("product_type", "category_path", "article_type"),
    "brand": ("vendor", "manufacturer"),
    "price": (),
    "currency": (),
    "availability": (),
    "url": ("link", "product_url"),
    "updated_at": (),
    "image": (
        "images",
        "image_url",
        "image_link",
        "image_path",
        "img",
        "picture",
        "path",
        "file",
        "filename",
        "file_name",
    ),
}
"""Our fields, and under which other names catalogues have them, likeliest first."""
REQUIRED = ("id", "image")
UPDATED = "updated_at"
"""When a row last changed: no field of a product, so that its column is an attribute as well."""
_FIELDS_ALONE = ALIASES.keys() - {UPDATED}


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """The column of each field that has one, and the columns that are attributes."""

    fields: Mapping[str, str]
    attributes: tuple[str, ...]

    @property
    def dated(self) -> bool:
        """Whether there is a column that says when a row last changed."""
        return UPDATED in self.fields


def parse_mapping(pairs: Sequence[str]) -> dict[str, str]:
    """Read FIELD=COLUMN pairs, as `--map` takes them.

    Raises:
        CatalogSourceError: one is not such a pair.
    """
    columns = {}
    for pair in pairs:
        field, equals, column = pair.partition("=")
        if not (field and equals and column):
            raise CatalogSourceError(f"--map takes FIELD=COLUMN, not {pair!r}")
        columns[field] = column
    return columns


def plan_columns(available: Sequence[str], mapping: Mapping[str, str], source: Path) -> ColumnPlan:
    """Find each field's column: as `mapping` says, by the same name, or by an alias, in any case.

    What is left is an attribute, and so is a column found under another name than ours
    (`article_type` read as category can still be filtered by). Two kinds are not: the picture's
    column, and a column which bears the name of a field that another column was chosen for.

    Raises:
        CatalogSourceError: a field or column in `mapping` does not exist, a column name is used
            twice, or no column holds the id or the picture; every problem is listed.
    """
    by_name = {column.casefold(): column for column in reversed(available)}
    by_name |= {column: column for column in available}
    _refuse_bad_mapping(available, by_name, mapping, source)
    chosen = {field: _lookup(by_name, column) for field, column in mapping.items()}
    fields = {field: column for field, column in chosen.items() if column is not None}
    claimed = set(fields.values())
    for field, aliases in ALIASES.items():
        candidates = [by_name[name] for name in (field, *aliases) if name in by_name]
        # A column mapped elsewhere is not also taken for this (`image=url` leaves no product
        # URL), except where there would be no id or picture at all (`id=filename`).
        candidates.sort(key=claimed.__contains__)
        if candidates and (field in REQUIRED or candidates[0] not in claimed):
            fields.setdefault(field, candidates[0])
    _refuse_missing(fields, available, source)
    attributes = tuple(
        column
        for column in available
        if column.casefold() not in _FIELDS_ALONE and column != fields["image"]
    )
    return ColumnPlan(fields, attributes)


def rows_of(
    record: Mapping[str, object],
    plan: ColumnPlan,
    *,
    folder: Path,
    where: str,
    separator: str | None = None,
) -> Iterator[CatalogRow]:
    """Yield the record's product once for each of its pictures, or once without one.

    `folder` is where relative paths start, `where` names the record in errors, and `separator`
    stands between the pictures of a cell that is text.

    Raises:
        CatalogSourceError: the id is empty, or the picture's cell cannot be one.
    """
    found = {field: record.get(column) for field, column in plan.fields.items()}
    product_id = cells.text(found["id"])
    if not product_id:
        raise CatalogSourceError(f"{where}: the id (column {plan.fields['id']!r}) is empty")
    price, currency = cells.price_and_currency(found.get("price"))
    named = ((name, cells.attribute_value(record.get(name))) for name in plan.attributes)
    product = Product(
        id=product_id,
        title=cells.text(found.get("title")),
        category=cells.text(found.get("category")),
        brand=cells.text(found.get("brand")),
        price=price,
        currency=cells.currency_code(cells.text(found.get("currency"))) or currency,
        availability=cells.text(found.get("availability")),
        url=cells.text(found.get("url")),
        attributes={name: value for name, value in named if value is not None},
    )
    picture = found["image"]
    if separator is not None and isinstance(picture, str):
        picture = picture.split(separator)
    try:
        images = cells.image_refs(picture, folder)
    except ValueError as exc:
        raise CatalogSourceError(f"{where}: column {plan.fields['image']!r}: {exc}") from exc
    updated_at = cells.moment(found[UPDATED]) if plan.dated else None
    pictures: list[ImageRef | None] = [*images] or [None]
    for image in pictures:
        yield CatalogRow(product, image, updated_at)


def _lookup(by_name: Mapping[str, str], column: str) -> str | None:
    return by_name.get(column, by_name.get(column.casefold()))


def _refuse_bad_mapping(
    available: Sequence[str], by_name: Mapping[str, str], mapping: Mapping[str, str], source: Path
) -> None:
    problems = [f"there is no field {field!r}" for field in mapping if field not in ALIASES]
    if problems:
        problems.append(f"the fields are: {', '.join(ALIASES)}")
    absent = [
        f"there is no column {column!r} to take as {field}"
        for field, column in mapping.items()
        if _lookup(by_name, column) is None
    ]
    absent += [
        f"{count} columns are named {column!r}"
        for column, count in Counter(available).items()
        if count > 1
    ]
    if absent:
        problems += [*absent, _listed(available)]
    if problems:
        raise CatalogSourceError(f"{source}: {'; '.join(problems)}")


def _refuse_missing(fields: Mapping[str, str], available: Sequence[str], source: Path) -> None:
    missing = [field for field in REQUIRED if field not in fields]
    if missing:
        ways_out = " ".join(f"--map {field}=COLUMN" for field in missing)
        raise CatalogSourceError(
            f"{source}: no column for {' or '.join(missing)}; say which with {ways_out}; "
            f"{_listed(available)}"
        )


def _listed(available: Sequence[str]) -> str:
    return f"the columns are: {', '.join(available) or '(none)'}"
