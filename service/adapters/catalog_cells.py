"""What single cells of a catalogue mean.

    cell -> text | price and currency | attribute | pictures

Pure functions over plain Python values, whatever file those came from.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

from service.core.types import AttributeValue, ImageRef, Scalar

_SYMBOLS: Mapping[str, str] = {
    "$": "USD",
    "US$": "USD",
    "CA$": "CAD",
    "C$": "CAD",
    "AU$": "AUD",
    "A$": "AUD",
    "R$": "BRL",
    "€": "EUR",
    "£": "GBP",
    "¥": "JPY",
    "₹": "INR",
    "₩": "KRW",
    "₽": "RUB",
    "₺": "TRY",
    "ZŁ": "PLN",
    "KČ": "CZK",
    "FT": "HUF",
    "FR.": "CHF",
    "KR": "",  # Danish, Norwegian, Swedish or Icelandic: a price, but of no known currency
    "KR.": "",
}
_PRICE = re.compile(r"(?P<before>[^\d+-]*)(?P<number>\d[\d.,'’\s]{0,30})(?P<after>[^\d]*)")  # noqa: RUF001
_CODE = re.compile(r"[A-Za-z]{3}")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_GROUPED = re.compile(r"[1-9]\d{0,2}(?:([.,])\d{3})(?:\1\d{3})*")


def text(cell: object) -> str:
    """Return the cell as stripped text; "" for nothing, `15970.0` as "15970", a list as a path."""
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, list | tuple):
        return " > ".join(filter(None, map(text, cell)))
    value = _scalar(cell)
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a column of integers with a gap arrives as floats
    return "" if value is None else str(value)


def price_and_currency(cell: object) -> tuple[float | None, str]:
    """Return a price and the ISO 4217 code written beside it; (None, "") where there is no price.

    Either comma or point may be the decimal mark: `1,299.00`, `1.299,00`, `12,99`. What is left
    open, exactly three digits after the only mark, is read the way it is usually meant:
    `1,299` and `1.299 €` are thousands, a bare `1.299` is a machine's decimal. Of `$5 CAD` the
    code counts.
    """
    if not isinstance(cell, str):
        value = _scalar(cell)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e15:
            return float(value), ""
        return None, ""
    found = _PRICE.fullmatch(cell.strip())
    if found is None:
        return None, ""
    before, after = found["before"].strip(), found["after"].strip(" -–—\xa0")  # noqa: RUF001
    marks = [mark for mark in (before, after) if mark]
    if not all(_is_currency(mark) for mark in marks):
        return None, ""
    number = _number(found["number"], currency_follows=bool(after))
    if number is None or not marks:
        return number, ""
    return number, currency_code(max(marks, key=lambda mark: bool(_CODE.fullmatch(mark))))


def currency_code(mark: str) -> str:
    """Return the ISO 4217 code of a symbol or a code; anything else as it stands."""
    upper = mark.upper()
    return _SYMBOLS.get(upper, upper if _CODE.fullmatch(mark) else mark)


def attribute_value(cell: object) -> AttributeValue | None:
    """Return a scalar or a tuple of scalars; None for what is empty or has no such form."""
    if isinstance(cell, list | tuple):
        return tuple(value for value in map(_scalar, cell) if value is not None) or None
    return _scalar(cell)


def moment(cell: object) -> datetime | None:
    """Return a date, or a time, as a moment; None for what is neither.

    Text is ISO 8601. A date stands for its first moment, what has no time zone is in UTC.
    """
    if isinstance(cell, str):
        try:
            cell = datetime.fromisoformat(cell.strip())
        except ValueError:
            return None
    if isinstance(cell, date) and not isinstance(cell, datetime):
        cell = datetime.combine(cell, time.min)
    if not isinstance(cell, datetime):
        return None
    return cell if cell.tzinfo else cell.replace(tzinfo=UTC)


def image_refs(cell: object, folder: Path) -> list[ImageRef]:
    """Return the pictures a cell stands for, none for an empty one.

    A cell is bytes, a URL (those but http and https will fail to be fetched), a path (relative
    ones start at `folder`), the `{bytes, path}` of Hugging Face datasets, or a list of these.

    Raises:
        ValueError: the cell is something else.
    """
    refs: list[ImageRef] = []
    match cell:
        case bytes(data) | {"bytes": bytes(data)} if data:
            refs.append(ImageRef(data=data))
        case str(place) | {"path": str(place)}:
            refs += _located(place.strip(), folder)
        case list() | tuple():
            for item in cell:
                refs += image_refs(item, folder)
        case None | b"" | {"path": None} | {"bytes": None | b""}:
            pass
        case float() if math.isnan(cell):  # pandas has no other way to write "nothing"
            pass
        case _:
            kind = type(cell).__name__
            raise ValueError(f"a picture is bytes, a path, a URL or {{bytes, path}}, not {kind}")
    return refs


def _located(place: str, folder: Path) -> list[ImageRef]:
    if _URL.match(place):
        return [ImageRef(url=place)]
    return [ImageRef(path=folder / place)] if place else []


def _scalar(cell: object) -> Scalar | None:
    """Return the cell as text, number or truth value, dates as ISO 8601; None for nothing."""
    match cell:
        case str():
            return cell.strip() or None
        case bool() | int():
            return cell
        case float() | Decimal():
            return float(cell) if math.isfinite(cell) else None
        case date():  # datetime is one too
            return cell.isoformat()
    return None


def _is_currency(mark: str) -> bool:
    known = mark.upper()
    is_code = _CODE.fullmatch(mark) is not None and (mark.isupper() or known in _SYMBOLS.values())
    return is_code or known in _SYMBOLS


def _number(written: str, *, currency_follows: bool) -> float | None:
    digits = re.sub(r"['’\s]", "", written).rstrip(".,")  # noqa: RUF001 - Swiss and French groups
    grouped = _GROUPED.fullmatch(digits)
    point, comma = digits.rfind("."), digits.rfind(",")
    if grouped and (grouped[1] == "," or digits.count(".") > 1 or currency_follows):
        digits = digits.replace(grouped[1], "")
    elif comma > point:
        digits = digits.replace(".", "").replace(",", ".")
    else:
        digits = digits.replace(",", "")
    try:
        return float(digits)
    except ValueError:
        return None  # several decimal marks: 1,2,3
