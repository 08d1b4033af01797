"""What every `EventStore` keeps to."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.adapters.sqlite_store import SqliteStore
from service.core.events import Event, EventStore, EventType
from support.fakes import FakeEvents

MOST = 5
CLICK = Event("shop", "e1", EventType.CLICK, "r" * 32, "süß/1", 3, "ab" * 32)
BOUGHT = Event("shop", "e2", EventType.PURCHASE, "r" * 32, "süß/1")


@pytest.fixture(params=["sqlite", "fake"])
def events(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventStore]:
    if request.param == "fake":
        yield FakeEvents(MOST)
        return
    store = SqliteStore(tmp_path / "catalog.db")
    yield store.events(MOST)
    store.close()


def kept(events: EventStore, moment: datetime | None = None) -> list[Event]:
    return [each.event for part in events.since(moment) for each in part]


def test_before_any_is_reported_there_are_none(events: EventStore, tmp_path: Path) -> None:
    assert kept(events) == []
    assert list(tmp_path.iterdir()) == [], "asking makes no file"


def test_events_are_kept_as_they_were_reported_in_order(events: EventStore) -> None:
    assert events.add([CLICK, BOUGHT]) == [CLICK, BOUGHT]
    assert kept(events) == [CLICK, BOUGHT]


def test_an_event_that_comes_again_is_kept_once_as_it_was(events: EventStore) -> None:
    events.add([CLICK])
    other = replace(CLICK, product_id="other")
    assert events.add([other, BOUGHT, BOUGHT]) == [BOUGHT]
    assert kept(events) == [CLICK, BOUGHT]


def test_reporters_do_not_meet(events: EventStore) -> None:
    theirs = replace(CLICK, reporter="them")
    assert events.add([CLICK, theirs]) == [CLICK, theirs]


def test_the_oldest_go_beyond_the_bound(events: EventStore) -> None:
    reported = [replace(CLICK, id=f"e{i}") for i in range(12)]
    for event in reported[:4]:
        events.add([event])
    events.add(reported[4:])
    assert kept(events) == reported[-MOST:]
    assert events.add(reported[:1]) == reported[:1], "what is gone is not known"


def test_what_came_since_a_moment(events: EventStore) -> None:
    before = datetime.now(UTC) - timedelta(seconds=5)
    events.add([CLICK])
    assert kept(events, before) == [CLICK]
    assert kept(events, before.astimezone()) == [CLICK]
    assert kept(events, datetime.now(UTC) + timedelta(seconds=5)) == []


def test_when_it_came_is_a_moment_in_utc(events: EventStore) -> None:
    start = datetime.now(UTC)
    events.add([CLICK])
    ((found,),) = events.since(None)
    at = datetime.fromisoformat(found.at)
    assert at.utcoffset() == timedelta(0)
    assert start - timedelta(seconds=1) <= at <= datetime.now(UTC) + timedelta(seconds=1)
