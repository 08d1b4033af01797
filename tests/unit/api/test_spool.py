"""Bytes that wait: in order, all of them, and not without bound."""

import asyncio
import random

import pytest

from service.api.spool import Spool


@pytest.mark.parametrize("seed", range(5))
def test_what_goes_in_comes_out_however_the_two_take_turns(seed: int) -> None:
    rng = random.Random(seed)
    parts = [rng.randbytes(rng.choice([1, 100, 70_000])) for _ in range(60)]

    async def both() -> bytes:
        spool, out = Spool(in_memory=1000, most=200_000), bytearray()

        async def write() -> None:
            for part in parts:
                await spool.put(part)
                for _ in range(rng.randint(0, 3)):
                    await asyncio.sleep(0)
            await spool.end()

        writing = asyncio.create_task(write())
        while data := await spool.get():
            out += data
            for _ in range(rng.randint(0, 3)):
                await asyncio.sleep(0)
        await writing
        assert await spool.get() == b""
        spool.close()
        return bytes(out)

    assert asyncio.run(both()) == b"".join(parts)


def test_a_reader_too_far_behind_holds_the_writer_up() -> None:
    async def both() -> None:
        spool = Spool(most=10)
        await spool.put(b"x" * 10)
        waiting = asyncio.create_task(spool.put(b"y"))
        done, _ = await asyncio.wait([waiting], timeout=0.05)
        assert not done
        assert await spool.get() == b"x" * 10
        await asyncio.wait_for(waiting, 5)
        assert await spool.get() == b"y"
        spool.close()

    asyncio.run(both())
