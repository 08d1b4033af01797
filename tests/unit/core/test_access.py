"""Keys: known by their hash, found by their secret, and replaced by listing two."""

import pytest

from service.core.access import ApiKey, Keyring, Scope, new_key, parse_keys
from service.core.errors import SettingsError

SHA = "ab" * 32


def test_a_new_key_is_found_by_its_secret_and_by_no_other() -> None:
    secret, key = new_key("shop", [Scope.SEARCH])
    other_secret, other = new_key("shop", [Scope.SEARCH])
    keyring = Keyring([key, other])

    assert secret != other_secret
    assert keyring.find(secret) == key
    assert keyring.find(other_secret) == other
    for wrong in ("", secret[:-1], secret + "a", secret.upper(), key.digest, str(key), "é\ud800"):
        assert keyring.find(wrong) is None


def test_what_is_kept_does_not_hold_the_secret() -> None:
    secret, key = new_key("shop", Scope)
    assert len(secret) >= 40
    assert secret.removeprefix("vk_") not in str(key)


def test_a_key_is_read_as_it_is_written() -> None:
    keys = [new_key("shop", [Scope.SEARCH])[1], new_key("tool-1.a_b", Scope)[1]]
    assert parse_keys("\n".join(map(str, keys))) == tuple(keys)
    assert parse_keys(f" {keys[0]},{keys[1]} ") == tuple(keys)


def test_lines_and_comments_of_a_file() -> None:
    text = f"# the storefront\nshop:search:{SHA}  # since May\n\nshop:write+search:{SHA}\n"
    first, second = parse_keys(text)
    assert first == ApiKey("shop", frozenset({Scope.SEARCH}), SHA)
    assert second.scopes == {Scope.SEARCH, Scope.WRITE}


def test_no_keys_are_none() -> None:
    assert not Keyring(parse_keys(" \n# nothing\n"))
    assert Keyring(parse_keys(f"a:search:{SHA}"))


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("shop", "key 'shop' is not of the form name:scope"),
        ("shop:search", "key 'shop'"),
        (f"shop::{SHA}", "unknown scope ''; known are search, write, admin"),
        (f"shop:read:{SHA}", "key 'shop' has an unknown scope 'read'"),
        (f"shop:search:{SHA[:-1]}", "key 'shop'"),
        (f"shop:search:{SHA.upper()}", "key 'shop'"),
        (f":search:{SHA}", "a key is not of the form"),
        ("my-secret-password!", "a key is not of the form"),
    ],
)
def test_what_is_malformed_is_named_and_its_secret_is_not(text: str, detail: str) -> None:
    with pytest.raises(SettingsError, match=detail) as caught:
        parse_keys(text)
    assert SHA[:-1] not in str(caught.value)
    assert "password" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a" * 65, "ü"])
def test_a_name_that_cannot_be_written(name: str) -> None:
    with pytest.raises(SettingsError, match="names no key"):
        new_key(name, [Scope.SEARCH])
