"""`Idempotency-Key`: a write that is sent again is answered as it was, and done once.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

import hashlib
import re

from starlette.requests import Request

from service.core.errors import InvalidQueryError
from service.core.idempotency import RequestKey

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def request_key(request: Request, body: bytes) -> RequestKey | None:
    """Return what a request is known by, if it says that it may come again.

    Keys are those of each caller: two with keys of the service of other names never meet.

    Raises:
        InvalidQueryError: The key is not 1 to 255 characters of ASCII without blanks.
    """
    given = request.headers.get("idempotency-key")
    if given is None:
        return None
    if not _KEY.fullmatch(given):
        raise InvalidQueryError("Idempotency-Key takes 1 to 255 characters of ASCII, no blanks")
    says = (
        request.method,
        request.url.path,
        request.headers.get("if-match", ""),
        request.headers.get("if-none-match", ""),
    )
    digest = hashlib.sha256("\n".join(says).encode() + b"\n\n" + body).hexdigest()
    return RequestKey(f"{getattr(request.state, 'key_name', '')}:{given}", digest)
