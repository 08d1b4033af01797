"""Lines out of chunks, and groups out of lines."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from service.api.bulk_lines import GROUP_BYTES, GROUP_LINES, Line, LineCutter, grouped

MAX = 50


def cut(text: bytes, sizes: list[int]) -> list[Line]:
    cutter, lines, start = LineCutter(MAX), [], 0
    for size in [*sizes, len(text)]:
        lines += cutter.cut(text[start : start + size])
        start += size
    return lines + cutter.end()


@pytest.mark.parametrize("seed", range(20))
def test_where_the_chunks_end_makes_no_difference(seed: int) -> None:
    rng = random.Random(seed)
    lengths = [rng.choice([0, 1, 5, MAX - 1, MAX, MAX + 1, 3 * MAX]) for _ in range(30)]
    whole = [b"x" * length for length in lengths]
    text = b"\n".join(whole)
    expected = [
        Line(number, line if len(line) <= MAX else None)
        for number, line in enumerate(whole, start=1)
        if line
    ]

    assert cut(text, [rng.randint(0, 40) for _ in range(60)]) == expected
    assert cut(text, []) == expected
    assert cut(text, [1] * len(text)) == expected


def test_ends_of_lines_as_windows_has_them() -> None:
    assert cut(b"a\r\n\r\nb\r\n", []) == [Line(1, b"a"), Line(3, b"b")]


def collect(chunks: AsyncIterator[bytes], max_bytes: int = 10**9) -> list[list[Line]]:
    async def all_of_them() -> list[list[Line]]:
        return [group async for group in grouped(chunks, max_bytes)]

    return asyncio.run(all_of_them())


def test_a_group_is_of_so_many_lines_or_so_many_bytes() -> None:
    async def many() -> AsyncIterator[bytes]:
        yield b"x\n" * (2 * GROUP_LINES + 3)

    async def large() -> AsyncIterator[bytes]:
        for _ in range(6):
            yield b"x" * (GROUP_BYTES // 2) + b"\n"

    assert [len(group) for group in collect(many())] == [GROUP_LINES, GROUP_LINES, 3]
    assert [len(group) for group in collect(large())] == [2, 2, 2]


def test_a_pause_ends_a_group() -> None:
    async def paused() -> AsyncIterator[bytes]:
        yield b"a\nb\nhal"
        await asyncio.sleep(0.2)
        yield b"f\n"

    first, second = collect(paused())
    assert (first, second) == ([Line(1, b"a"), Line(2, b"b")], [Line(3, b"half")])


def test_what_breaks_off_is_raised_and_half_a_line_is_none() -> None:
    seen: list[Line] = []

    async def broken() -> AsyncIterator[bytes]:
        yield b"a\nb\nhal"
        await asyncio.sleep(0.2)
        raise ConnectionError("gone")

    async def work() -> None:
        async for group in grouped(broken(), MAX):
            seen.extend(group)

    with pytest.raises(ConnectionError):
        asyncio.run(work())
    assert seen == [Line(1, b"a"), Line(2, b"b")]
