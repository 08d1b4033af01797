"""Who may do what: keys that are known by their hash alone.

    vitrine keys new -> secret, shown once | `name:scope+scope:hash`, kept
    request          -> secret -> hash -> compared with every key kept -> ApiKey | None

A secret has 256 random bits, so that its plain SHA-256 cannot be guessed back and costs nothing to
check. A key is replaced by listing the new one beside the old until nobody uses that.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from service.core.errors import SettingsError

_PREFIX = "vk_"  # makes a leaked one easy to search for
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HASH = re.compile(r"[0-9a-f]{64}")


class Scope(StrEnum):
    """What a key opens; none includes another."""

    SEARCH = "search"
    WRITE = "write"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept; several may have one name, while one replaces the other.

    Attributes:
        name: Of whoever uses it; limits and logs go by it.
        scopes: What it opens.
        digest: SHA-256 of the secret, in hex.
    """

    name: str
    scopes: frozenset[Scope]
    digest: str

    def __str__(self) -> str:
        """Write it as `parse_keys` reads it."""
        return f"{self.name}:{'+'.join(sorted(self.scopes))}:{self.digest}"


class Keyring:
    """The keys of a service."""

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        self._keys = tuple(keys)

    def __bool__(self) -> bool:
        """Whether there is any key."""
        return bool(self._keys)

    def find(self, secret: str) -> ApiKey | None:
        """Return the key of this secret, in a time that says nothing of the others."""
        digest = _digest(secret)
        found = None
        for key in self._keys:
            if hmac.compare_digest(key.digest, digest):
                found = key
        return found


def new_key(name: str, scopes: Iterable[Scope]) -> tuple[str, ApiKey]:
    """Make a secret, and what is kept of it; raises SettingsError of a name that cannot be."""
    if not _NAME.fullmatch(name):
        raise SettingsError(f"{name!r} names no key: use 1 to 64 letters, digits, '.', '_' and '-'")
    secret = _PREFIX + secrets.token_urlsafe(32)
    return secret, ApiKey(name, frozenset(scopes), _digest(secret))


def parse_keys(text: str) -> tuple[ApiKey, ...]:
    """Read `name:scope+scope:sha256`, separated by blanks, commas or lines; # begins a comment.

    Raises:
        SettingsError: One of them is malformed; says which, and never what its hash is.
    """
    lines = (line.partition("#")[0] for line in text.splitlines())
    return tuple(_parse(entry) for line in lines for entry in line.replace(",", " ").split())


def _parse(entry: str) -> ApiKey:
    name, _, rest = entry.partition(":")
    scopes, _, digest = rest.partition(":")
    which = f"key {name!r}" if _NAME.fullmatch(name) else "a key"
    if not _NAME.fullmatch(name) or not _HASH.fullmatch(digest):
        raise SettingsError(
            f"{which} is not of the form name:scope+scope:sha256 that `vitrine keys new` prints"
        )
    unknown = sorted(set(scopes.split("+")) - set(Scope))
    if unknown:
        known = ", ".join(Scope)
        raise SettingsError(f"{which} has an unknown scope {unknown[0]!r}; known are {known}")
    return ApiKey(name, frozenset(Scope(scope) for scope in scopes.split("+")), digest)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
