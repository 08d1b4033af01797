"""Everything that can go wrong, as one tree; `api/errors.py` alone maps it to HTTP.

    VitrineError
    ├── InvalidImageError            bytes that are not a picture we accept
    │   ├── UnsupportedImageError      neither JPEG, PNG nor WebP
    │   ├── CorruptImageError          truncated or damaged
    │   └── ImageTooLargeError         bytes, pixels or aspect ratio beyond the limits
    ├── InvalidQueryError            a request that cannot be answered as asked
    │   └── InvalidFilterError         a filter that is malformed, or asks of fields there are not
    ├── ProductNotFoundError
    ├── RevisionError                a product is not at the revision that a write expected
    ├── RequestKeyError              a key of a write came with another request before
    ├── ImageNotFoundError
    ├── CatalogSourceError           a source that cannot be read, or lacks a column
    ├── FetchError                   an image URL that could not be downloaded
    ├── IndexUnavailableError        nothing has been indexed yet
    ├── IndexCorruptError            a snapshot that contradicts its manifest
    ├── IndexChoiceError             a kind of index that cannot be built
    ├── IndexRefusedError            a snapshot that is not good enough to serve
    ├── VersionNotFoundError         no version of the index has this number
    ├── BundleError                  a model bundle that cannot be trusted
    │   └── BundleMismatchError        index and bundle come from different models
    ├── SettingsError                settings that cannot be used together, or are malformed
    ├── UnauthorizedError            no key, or one that is not known
    ├── ForbiddenError               a key that does not open this
    ├── RateLimitedError             more requests than a key may make
    ├── ProviderUnavailableError     the execution provider asked for is not in use
    ├── OverloadedError              the queue is full
    ├── DeadlineExceededError        the answer was not there when its caller had to have it
    ├── AbandonedError               work that nobody waits for any more; never reaches a user
    ├── EncoderError                 a picture that the encoder could not be run on
    ├── ReindexFailedError           too many images failed; nothing was promoted
    ├── StoreError                   the catalogue database refused
    │   └── CatalogBusyError           another builds or promotes an index there
    └── CacheError                   a cache that did not answer; never reaches a user

A message names the thing and the way out; `code` is stable and part of the interface.
"""

from collections.abc import Sequence
from typing import ClassVar

from service.core.types import Failure


class VitrineError(Exception):
    """Base of every error that Vitrine raises on purpose."""

    code: ClassVar[str] = "internal"


class InvalidImageError(VitrineError):
    """The bytes are not a picture that Vitrine accepts."""

    code = "invalid_image"


class UnsupportedImageError(InvalidImageError):
    """The bytes are neither JPEG, PNG nor WebP."""

    code = "unsupported_image"


class CorruptImageError(InvalidImageError):
    """The picture is truncated or damaged."""

    code = "corrupt_image"


class ImageTooLargeError(InvalidImageError):
    """The picture exceeds the limit on bytes, pixels or aspect ratio."""

    code = "image_too_large"


class InvalidQueryError(VitrineError):
    """The request cannot be answered as asked."""

    code = "invalid_query"


class InvalidFilterError(InvalidQueryError):
    """A filter or facet is malformed, or asks of a field what it cannot answer."""

    code = "invalid_filter"


class ProductNotFoundError(VitrineError):
    """No product has this id."""

    code = "product_not_found"


class RevisionError(VitrineError):
    """A product was written by someone else since the caller read it."""

    code = "revision_conflict"


class RequestKeyError(VitrineError):
    """An Idempotency-Key came with another request before."""

    code = "idempotency_conflict"


class ImageNotFoundError(VitrineError):
    """No image has this id."""

    code = "image_not_found"


class CatalogSourceError(VitrineError):
    """A catalogue source cannot be read, or lacks a column that was asked for."""

    code = "catalog_source"


class FetchError(VitrineError):
    """An image URL could not be downloaded."""

    code = "fetch_failed"


class IndexUnavailableError(VitrineError):
    """Nothing has been indexed yet."""

    code = "index_unavailable"


class IndexCorruptError(VitrineError):
    """A snapshot contradicts its own manifest."""

    code = "index_corrupt"


class IndexChoiceError(VitrineError):
    """The kind of index that was asked for cannot be built."""

    code = "index_choice"


class IndexRefusedError(VitrineError):
    """A snapshot failed a check of the gate, so it does not serve."""

    code = "index_refused"


class VersionNotFoundError(VitrineError):
    """No version of the index has this number, or none served before."""

    code = "version_not_found"


class BundleError(VitrineError):
    """A model bundle is incomplete, damaged or of an unknown schema."""

    code = "bundle_invalid"


class BundleMismatchError(BundleError):
    """The index was built by another model than the one at hand."""

    code = "bundle_mismatch"


class SettingsError(VitrineError):
    """Settings are malformed or cannot be used together; never reaches a user."""

    code = "invalid_settings"


class UnauthorizedError(VitrineError):
    """A request has no key, or one that is not known."""

    code = "unauthorized"


class ForbiddenError(VitrineError):
    """A key does not open what was asked for."""

    code = "forbidden"


class RateLimitedError(VitrineError):
    """A key made more requests than it may; try again later."""

    code = "rate_limited"


class ProviderUnavailableError(VitrineError):
    """The execution provider that was asked for is not the one in use."""

    code = "provider_unavailable"


class OverloadedError(VitrineError):
    """The queue is full; try again later."""

    code = "overloaded"


class DeadlineExceededError(VitrineError):
    """The time that a caller gave is over; what was left to do was not done."""

    code = "deadline_exceeded"


class AbandonedError(VitrineError):
    """Nobody waits for the work any more, such as a client that hung up; it was not done."""

    code = "abandoned"


class EncoderError(VitrineError):
    """The encoder failed on a picture, of which nothing is wrong in itself."""

    code = "encoder_failed"


class ReindexFailedError(VitrineError):
    """Too many images failed, so nothing was promoted; `failures` lists them."""

    code = "reindex_failed"

    def __init__(self, message: str, failures: Sequence[Failure]) -> None:
        super().__init__(message)
        self.failures = tuple(failures)


class StoreError(VitrineError):
    """The catalogue database refused a read or a write."""

    code = "store_failed"


class CatalogBusyError(StoreError):
    """Another process, or another request, builds or promotes an index of this catalogue."""

    code = "catalog_busy"


class CacheError(VitrineError):
    """A cache did not answer; callers go on without it."""

    code = "cache_unavailable"
