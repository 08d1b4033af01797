"""How often a JPEG goes through its pixels, and what of it may be left out at an eighth.

    bytes -> how many scans?
    bytes -> progressive, decoded at 1/8 -> without scans that 1/8 does not look at -> same pixels

libjpeg keeps all coefficients of a progressive picture, and reads every scan before it makes a
pixel. At 1/8 a component that is sampled as finely as the picture is made of its mean values (DC)
alone, so its other scans, which are most of a file, are read for nothing. What a progressive
picture takes without them is in bench/decode.py.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from service.core.bare import EOI, PROGRESSIVE, QUANTISATION, SCHEMES, SOS, Segment, segments
from service.core.errors import CorruptImageError, ImageTooLargeError

_VALUES = 64  # in a quantisation table, the mean's first
_SCAN_OF_ONE = 10  # bytes: marker, length, how many, which, its tables, from, to, bits


class _Component(NamedTuple):
    """Of a frame: its id, how finely it is sampled (4 bits each way), its quantisation table."""

    number: int
    sampling: int
    table: int


def count_scans(data: bytes, enough: int) -> int:
    """Count how often a JPEG goes through its pixels, up to `enough`.

    Raises:
        CorruptImageError: A segment has an impossible length.
        ImageTooLargeError: It has too many segments.
    """
    if _is_one_scan(data):
        return 1
    if data.count(bytes((0xFF, SOS))) < enough:  # embedded previews included; nearly always so
        return 1
    scans = 0
    for segment in segments(data):
        scans += segment.marker == SOS
        if scans >= enough:
            break
    return scans


def without_detail(data: bytes) -> bytes:
    """Leave out what makes no pixel of a JPEG that is decoded at 1/8.

    Returns:
        A picture of the same pixels at 1/8, and of others at any other scale. The same bytes where
        there is nothing to leave out, or anything about the file is unusual.
    """
    try:
        found = list(segments(data))
    except (CorruptImageError, ImageTooLargeError):  # libjpeg may still make something of it
        return data
    frames = [segment for segment in found if segment.marker in SCHEMES]
    starts = [place for place, segment in enumerate(found) if segment.marker == SOS]
    if len(frames) != 1 or frames[0].marker != PROGRESSIVE or found[-1].marker != EOI or not starts:
        return data
    by_mean, others = _split(data, frames[0])
    tables = {component.table for component in by_mean}
    shared = tables & {component.table for component in others}
    late = any(segment.marker == QUANTISATION for segment in found[starts[0] :])
    if not by_mean or shared or late:
        return data
    return b"".join(_parts(data, found, {component.number for component in by_mean}, tables))


def _is_one_scan(data: bytes) -> bool:
    """Whether libjpeg reads one scan and no more: not progressive, and all components in it."""
    components = 0
    for segment in segments(data):
        if segment.marker in SCHEMES:
            if segment.marker == PROGRESSIVE:
                return False
            components = data[segment.start + 9]
        elif segment.marker == SOS:
            return int.from_bytes(data[segment.start + 4 : segment.start + 5]) >= components > 0
    return False


def _split(data: bytes, frame: Segment) -> tuple[list[_Component], list[_Component]]:
    """Return the components that are sampled as finely as the picture, and the others."""
    start = frame.start + 10
    components = [_Component(*data[at : at + 3]) for at in range(start, frame.end - 2, 3)]
    across = max(component.sampling >> 4 for component in components)
    down = max(component.sampling & 15 for component in components)
    finest = across << 4 | down
    by_mean = [component for component in components if component.sampling == finest]
    return by_mean, [component for component in components if component.sampling != finest]


def _parts(
    data: bytes, found: Sequence[Segment], by_mean: set[int], tables: set[int]
) -> Iterator[bytes]:
    """Yield what is kept: all but the scans of detail of components that are made by their mean."""
    kept_to = 0
    for segment, following in pairwise(found):
        if segment.marker == QUANTISATION:
            yield data[kept_to : segment.start]
            yield _meanly(data[segment.start : segment.end], tables)
            kept_to = segment.end
        elif segment.marker == SOS and _is_detail(data[segment.start : segment.end], by_mean):
            yield data[kept_to : segment.start]
            kept_to = following.start
    yield data[kept_to:]


def _is_detail(scan: bytes, by_mean: set[int]) -> bool:
    """Whether it is of one such component, and of no mean; those of details are of one always."""
    return len(scan) == _SCAN_OF_ONE and scan[5] in by_mean and scan[7] > 0


def _meanly(segment: bytes, tables: set[int]) -> bytes:
    """Set all but the first value of these tables to 0, which the means do not look at.

    Else libjpeg would take the details for such as are yet to come, and smooth over the means; it
    does not where a table has a 0.
    """
    changed = bytearray(segment)
    at = 4
    while at < len(changed):
        wide, table = changed[at] >> 4, changed[at] & 15
        length = _VALUES << wide
        if table in tables:
            first = at + 1 + (1 << wide)
            changed[first : at + 1 + length] = bytes(len(changed[first : at + 1 + length]))
        at += 1 + length
    return bytes(changed)
