"""A picture as text: base64, with or without the head of a `data:` URI."""

import base64
import binascii

from service.core.errors import InvalidQueryError


def decode_base64(text: str, name: str = "`image_base64`") -> bytes:
    """Return the bytes of a picture.

    Raises:
        InvalidQueryError: The text, which it calls by `name`, is not base64.
    """
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise InvalidQueryError(f"{name} is not base64: {exc}") from exc
