"""Only this machine may be loaded."""

from ipaddress import ip_address
from urllib.parse import urlsplit


class RemoteHostError(ValueError):
    """The address is not of this machine."""


def require_loopback(url: str | None) -> str:
    """Return the URL if its host is `localhost` or a loopback address.

    A name is never looked up: what it means today it may not mean tomorrow.

    Raises:
        RemoteHostError: It is another host, or none.
    """
    host = urlsplit(url or "").hostname or ""
    try:
        loopback = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not (url and loopback):
        raise RemoteHostError(f"{url!r} is refused: only localhost, 127.0.0.0/8 and ::1 are loaded")
    return url
