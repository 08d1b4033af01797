"""Answers that were given before, as long as nothing of what they say has changed.

    Search + what is asked -> Moment -> key -> ResultCache -> the answer's JSON, and how good it was

A key holds all that an answer depends on: what is asked, pictures by their digests; the towers; the
version of the index, which live writes it shows, and the catalogue as it is this moment. So nothing
is ever removed: after a write, a promotion or a rollback, in whichever process, other keys are
asked for, and the old values go with their time.
"""

import hashlib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, fields
from functools import cache, partial
from typing import Any, TypeAlias

from service import __version__
from service.core.caching import Cache
from service.core.keys import result_key, text_tower_digest
from service.core.manifest import SnapshotManifest
from service.core.matching import Match
from service.pipeline.chain import Chain
from service.pipeline.gathering import Gathering
from service.pipeline.querying import LinkedPicture, Query
from service.pipeline.search import Answer, Search
from service.pipeline.terms import PATIENT, Terms

_VERSION = b"\x01"
_MATCHES: Mapping[Match | None, bytes] = {
    "exact": b"e",
    "similar": b"s",
    "weak": b"w",
    "none": b"n",
    None: b"-",
}
_PLAIN = {str, int, float, bool, type(None)}
_BY_LETTER = {letter: match for match, letter in _MATCHES.items()}

Moment: TypeAlias = tuple[str, int, str]
"""Digest of the snapshot's manifest, number of the last live write shown, stamp of the store."""


@dataclass(frozen=True, slots=True)
class Result:
    """An answer as JSON, without what is of one request alone, and how good its best result is."""

    body: bytes
    match: Match | None


class ResultCache:
    """Results by key in a chain of caches: version byte + letter of the match + JSON."""

    def __init__(self, caches: Sequence[Cache] = ()) -> None:
        self._chain = Chain(caches, _sound)
        self.keeps = bool(caches)
        self._reaches_far = len(caches) > 1
        self._gathering = Gathering(partial(self._chain.get_many, beyond=1))

    def near(self, key: str) -> Result | None:
        """Return what this process has, at once."""
        return _read(self._chain.near(key))

    async def far(self, key: str, terms: Terms = PATIENT) -> Result | None:
        """Return what other machines have, asked together with what others want of them.

        Raises:
            DeadlineExceededError: It took too long.
        """
        # Of one that is failing there is nothing to wait for, nor for who tries it again.
        if not self._reaches_far or self._chain.degraded:
            return None
        return _read(await self._gathering.get(key, terms))

    def get_many(self, keys: Sequence[str]) -> list[Result | None]:
        """Return the results in order, or None for each; may ask other machines."""
        return [_read(value) for value in self._chain.get_many(keys)]

    def set(self, key: str, result: Result) -> None:
        """Keep it everywhere."""
        self._chain.set(key, _VERSION + _MATCHES[result.match] + result.body)


def _sound(key: str, value: bytes) -> bool:
    whole = value[2:3] == b"{" and value.endswith(b"}")
    return whole and value[:1] == _VERSION and value[1:2] in _BY_LETTER


def _read(value: bytes | None) -> Result | None:
    return None if value is None else Result(value[2:], _BY_LETTER[value[1:2]])


class ResultKeys:
    """Keys of what is asked of a search; safe to use from several threads."""

    def __init__(self, search: Search) -> None:
        self._search = search
        manifest = search.encoder.manifest
        towers = (__version__, search.encoder.bundle_digest, text_tower_digest(manifest))
        self._towers = repr(towers)
        self._known: tuple[SnapshotManifest | None, str] = (None, "")

    def moment(self) -> Moment:
        """Return what answers are given from now.

        Raises:
            VitrineError: There is no index, or the store cannot be read; nor can be answered.
        """
        view = self._search.live.snapshot()
        return self._digest(view.manifest), view.sequence, self._search.store.stamp()

    def key(self, moment: Moment, asked: object) -> str:
        """Return the key of what is asked: a frozen value, of which all that tells equals apart."""
        whole = f"{self._towers}{moment!r}{canonical(asked)}"
        return result_key(hashlib.sha256(whole.encode()).hexdigest())

    def of_moment(self, answer: Answer, moment: Moment) -> bool:
        """Whether an answer is wholly of a moment, which is still the present one."""
        return self.moment() == moment == (self._digest(answer.index), answer.sequence, moment[2])

    def _digest(self, manifest: SnapshotManifest) -> str:
        known, digest = self._known
        if manifest is not known:
            digest = hashlib.sha256(manifest.model_dump_json().encode()).hexdigest()
            self._known = manifest, digest
        return digest


def is_fixed(query: Query) -> bool:
    """Whether what is asked is known before it is looked for; behind a URL may be anything."""
    return not any(isinstance(part.source, LinkedPicture) for part in query.parts)


def canonical(value: object) -> str:
    """Write a frozen value so that equal ones, and no others, are written alike.

    Fields that do not tell equals apart are left out, as are those that are what they usually are.
    Numbers are as they are written, so that 1, 1.0 and true differ.
    """
    kind: type[Any] = type(value)
    if kind in _PLAIN:
        return repr(value)
    if isinstance(value, tuple | list):
        return f"({','.join(map(canonical, value))})"
    if isinstance(value, Set):
        return f"{{{','.join(sorted(map(canonical, value)))}}}"
    parts = [
        f"{name}={canonical(each)}"
        for name, usual in _telling(kind)  # type: ignore[arg-type]
        if not _same(each := getattr(value, name), usual)
    ]
    return f"{kind.__name__}({','.join(parts)})"


def _same(value: object, usual: object) -> bool:
    return value is usual or (type(value) is type(usual) and value == usual)


@cache
def _telling(kind: type[Any]) -> tuple[tuple[str, object], ...]:
    """Return the fields that tell equals apart, with what is usual and need not be written.

    Raises:
        TypeError: It is no dataclass.
    """
    return tuple((field.name, field.default) for field in fields(kind) if field.compare)
