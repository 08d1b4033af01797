"""Settings to who may come in, how often, and where we go for them: the doors of `wiring`."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from ipaddress import ip_address

from service.adapters.memory_buckets import MemoryBuckets
from service.adapters.redis_buckets import RedisBuckets
from service.adapters.safe_images import SafeImageFetcher
from service.core.access import Keyring, parse_keys
from service.core.errors import SettingsError
from service.core.rates import Buckets, Rate
from service.settings import Settings


def make_keyring(settings: Settings) -> Keyring:
    """Return the keys of the settings and of their file.

    Raises:
        SettingsError: A key is malformed, the file cannot be read, or there is no key and the
            service would listen beyond this machine.
    """
    text = settings.api_keys
    if settings.api_keys_file is not None:
        try:
            text += "\n" + settings.api_keys_file.read_text()
        except (OSError, UnicodeError) as exc:
            raise SettingsError(f"cannot read {settings.api_keys_file}: {exc}") from exc
    keyring = Keyring(parse_keys(text))
    if not keyring and not settings.insecure and not _is_loopback(settings.host):
        raise SettingsError(
            f"{settings.host} is reached from other machines, and there is no key: make one with "
            "`vitrine keys new` and set VITRINE_API_KEYS, or say --insecure"
        )
    return keyring


@contextmanager
def rate_limiting(settings: Settings) -> Iterator[Buckets | None]:
    """Lend what counts requests, shared through Redis where there is one; None without a limit."""
    if settings.rate_limit is None:
        yield None
        return
    rate = Rate(settings.rate_limit, settings.rate_burst)
    if not settings.redis_url:
        yield MemoryBuckets(rate)
        return
    with closing(RedisBuckets(settings.redis_url, rate)) as shared:
        yield shared


def make_url_fetcher(settings: Settings) -> SafeImageFetcher | None:
    """Return what fetches the URLs of callers, for its caller to close; None where it is off."""
    return SafeImageFetcher(max_bytes=settings.max_image_bytes) if settings.fetch_urls else None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
