"""A change of some of a product's fields: JSON merge patch (RFC 7396), parsed.

A field that is None goes back to what it is where nothing was said of it; an attribute that is None
is gone; what is not named stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

from service.core.errors import InvalidQueryError
from service.core.types import AttributeValue, Product

MAX_ATTRIBUTES = 200
_DEFAULTS = {f.name: f.default for f in fields(Product) if f.name not in ("id", "attributes")}


@dataclass(frozen=True, slots=True)
class ProductPatch:
    """What shall change.

    Attributes:
        fields: By the name of the field; neither `id` nor `attributes`.
        attributes: By the name of the attribute.
        forget_attributes: Whether the attributes that there were go first.
    """

    fields: Mapping[str, str | float | None] = field(default_factory=dict)
    attributes: Mapping[str, AttributeValue | None] = field(default_factory=dict)
    forget_attributes: bool = False

    def applied(self, product: Product) -> Product:
        """Return the product as it then is.

        Raises:
            InvalidQueryError: It would have more attributes than a product may.
        """
        before = {} if self.forget_attributes else dict(product.attributes)
        merged = {k: v for k, v in {**before, **self.attributes}.items() if v is not None}
        # A catalogue may have brought more: such a product may be changed, but not grow.
        if len(merged) > max(MAX_ATTRIBUTES, len(before)):
            raise InvalidQueryError(
                f"attributes: {product.id!r} would have {len(merged)}, at most {MAX_ATTRIBUTES} fit"
            )
        changed = {k: _DEFAULTS[k] if v is None else v for k, v in self.fields.items()}
        return replace(product, attributes=merged, **changed)  # type: ignore[arg-type]
