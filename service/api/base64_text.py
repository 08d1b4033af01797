"""A picture as text: base64, with or without the head of a `data:` URI."""

import base64
import binascii

from service.core.errors import InvalidQueryError


def decode_base64(text: str) -> bytes:
    """Return the bytes of a picture.

    Raises:
        InvalidQueryError: The text is not base64.
    """
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise InvalidQueryError(f"`image_base64` is not base64: {exc}") from exc
