"""A service and its commands killed with SIGKILL while products are written: no write is lost.

`make faults` does 200 rounds (VITRINE_FAULT_ROUNDS), CI a few.
"""

import os
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

from support.fault_rounds import KINDS, Arena

ROUNDS = int(os.environ.get("VITRINE_FAULT_ROUNDS", "4"))


def test_what_was_acknowledged_survives_every_kill(tmp_path: Path) -> None:
    done: Counter[str] = Counter()
    with Arena(tmp_path, seed=20).open() as arena:
        for number in range(ROUNDS):
            done[arena.round(number)] += 1
    with closing(sqlite3.connect(tmp_path / "data" / "catalog.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert set(done) == set(KINDS)
    assert arena.ledger.acknowledged > 10 * ROUNDS
    print(f"{sum(done.values())} rounds {dict(done)}: {arena.ledger.acknowledged} writes kept")
