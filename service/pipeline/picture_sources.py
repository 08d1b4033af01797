"""What a caller names in place of a picture's bytes.

URL -> bytes        id of a picture of the catalogue -> its stored vector, which has no heads
"""

from service.core.errors import ImageNotFoundError, InvalidQueryError
from service.core.types import ImageFetcher, Seen, StoredVectors
from service.pipeline.querying import KnownPicture
from service.pipeline.recent_pictures import KEPT_SECONDS


def fetched(url: str, fetcher: ImageFetcher | None) -> bytes:
    """Return what is behind a URL.

    Raises:
        InvalidQueryError: Nothing is fetched here.
        FetchError: It cannot be had.
        OverloadedError: Too much is being fetched.
    """
    if fetcher is None:
        raise InvalidQueryError(
            "this service fetches no `image_url`: send the picture as `file` or `image_base64`"
        )
    data = fetcher.fetch(url).data
    assert data is not None  # nothing was said to be known
    return data


def catalogued(picture: KnownPicture, stored: StoredVectors, bundle_digest: str) -> Seen:
    """Return what is known of a picture whose bytes are not at hand.

    Raises:
        ImageNotFoundError: It is none of the catalogue.
        InvalidQueryError: A box of it is asked for, which needs the bytes.
    """
    image_id = picture.image_id
    vector = stored.vectors([image_id], bundle_digest).get(image_id)
    if vector is None:
        raise ImageNotFoundError(
            f"no picture {image_id[:80]!r}: query pictures are kept for "
            f"{KEPT_SECONDS // 60} minutes, and it is none of the catalogue; send it again"
        )
    if picture.box:
        raise InvalidQueryError(
            f"picture {image_id!r} is of the catalogue, which keeps no original to cut a box "
            "from: send the picture itself"
        )
    return Seen(vector)
