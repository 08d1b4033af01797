"""A snapshot with what was written since, in the shape of a snapshot.

    Snapshot (base) + Replay -> Tombstones of the base, DeltaView -> Overlay -> searches

Row and product numbers below the base's are the base's; those that follow are the delta's.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from service.core.delta import Delta, DeltaView
from service.core.manifest import SnapshotManifest
from service.core.overlay_parts import (
    Joined,
    OverlayFields,
    OverlayIndex,
    OverlayNumbers,
    OverlayVectors,
)
from service.core.snapshot import Snapshot
from service.core.store import Replay
from service.core.tombstones import Graveyard, Tombstones


@dataclass(frozen=True, slots=True)
class Overlay:
    """A base and what was written since, up to one write.

    Attributes:
        sequence: Number of that write; every live one up to it is shown.
    """

    base: Snapshot
    delta: DeltaView
    tombstones: Tombstones
    sequence: int

    @property
    def manifest(self) -> SnapshotManifest:
        """Of the base."""
        return self.base.manifest

    @property
    def index(self) -> OverlayIndex:
        """Both, searched as one."""
        return OverlayIndex(self.base.index, self.delta, self.tombstones)

    @property
    def image_ids(self) -> Joined:
        """Of every row, dead ones too."""
        return Joined(self.base.image_ids, self.delta.image_ids, len(self.delta))

    @property
    def product_ids(self) -> Joined:
        """Of every row, dead ones too."""
        return Joined(self.base.product_ids, self.delta.product_ids, len(self.delta))

    @property
    def vectors(self) -> OverlayVectors:
        """Of every row, dead ones too."""
        return OverlayVectors(self.base.vectors, self.delta)

    @property
    def product_rows(self) -> OverlayNumbers:
        """The number of each row's product in `fields`."""
        return OverlayNumbers(self.base, self.delta)

    @property
    def fields(self) -> OverlayFields:
        """Of every product, dead ones too."""
        return OverlayFields(self.base.fields, self.delta)

    @property
    def rows(self) -> int:
        """Pictures that may be found."""
        return len(self.base.index) + self.delta_rows - self.dead_rows

    @property
    def products(self) -> int:
        """Products that may be found."""
        return len(self.base.fields) - len(self.tombstones.products) + self.delta.products

    @property
    def delta_rows(self) -> int:
        """Pictures written since the base was built, dead ones too."""
        return len(self.delta)

    @property
    def dead_rows(self) -> int:
        """Pictures, of either, that are passed over."""
        return len(self.tombstones.rows) + int(np.count_nonzero(~self.delta.alive))


LiveView: TypeAlias = Snapshot | Overlay
"""What is searched: a snapshot to which nothing was written since, or one with what was."""


class Layers:
    """Makes one overlay after another over a base; for one writer at a time."""

    def __init__(self, base: Snapshot) -> None:
        self.view: LiveView = base
        self._base = base
        self._delta = Delta(base.manifest.dim, base.fields.kinds())
        self._graveyard = Graveyard(base)

    def prepare(self) -> None:
        """Do what the first write would wait for; any thread may, at any time."""
        self._graveyard.prepare()

    def write(self, replay: Replay) -> LiveView:
        """Take in what was written next; where that is nothing, the view stays what it was."""
        if replay.products:
            self.view = Overlay(
                base=self._base,
                delta=self._delta.write(replay.products),
                tombstones=self._graveyard.bury(replay.products),
                sequence=replay.sequence,
            )
        return self.view
