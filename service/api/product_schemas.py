"""A product as a caller writes it: JSON to what the write flow takes; parsed here, once.

body, or a line of a bulk -> ProductIn | ProductPatchIn -> Product | ProductPatch, Pictures
"""

import math
import unicodedata
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from service.api.base64_text import decode_base64
from service.api.examples import PRODUCT, PRODUCT_PATCH
from service.core.product_patch import MAX_ATTRIBUTES, ProductPatch
from service.core.types import FIELDS, AttributeValue, Product, Scalar
from service.pipeline.pictures import Picture

MAX_IMAGES = 50
MAX_VALUES = 200
_MAX_TEXT = 5000
_LARGEST_WHOLE = 2**53
"""Beyond it a number is not the same as a float, which is how filters compare."""


def _printable(text: str) -> str:
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise ValueError("it has a control character")
    return text


def _attribute_name(name: str) -> str:
    if name in FIELDS:
        raise ValueError(f"{name!r} is a field of every product, beside `attributes`")
    return _printable(name)


def _attribute(value: object) -> AttributeValue:
    if not isinstance(value, list):
        return _scalar(value)
    if len(value) > MAX_VALUES:
        raise ValueError(f"{len(value)} values; at most {MAX_VALUES} fit")
    return tuple(_scalar(each) for each in value)


def _scalar(value: object) -> Scalar:
    if not isinstance(value, str | bool | int | float):
        raise ValueError("a text, a number, true, false or a list of these is needed")
    if isinstance(value, str) and len(value) > _MAX_TEXT:
        raise ValueError(f"a text of {len(value)} characters; at most {_MAX_TEXT} fit")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number that is not finite")
    if not isinstance(value, str) and abs(value) > _LARGEST_WHOLE:
        raise ValueError("a number beyond 2^53: send it as a text")
    return value


_SCALARS: list[Any] = [
    {"type": "string", "maxLength": _MAX_TEXT},
    {"type": "number", "minimum": -_LARGEST_WHOLE, "maximum": _LARGEST_WHOLE},
    {"type": "boolean"},
]
_PRINTABLE = {"pattern": r"^[^\x00-\x1f\x7f-\x9f]*$"}
_ATTRIBUTE_SCHEMA = {
    "anyOf": [*_SCALARS, {"type": "array", "items": {"anyOf": _SCALARS}, "maxItems": MAX_VALUES}]
}
ProductId = Annotated[
    str,
    StringConstraints(min_length=1, max_length=512),
    AfterValidator(_printable),
    Field(json_schema_extra={**_PRINTABLE}),
]
_Price = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
_Text = Annotated[str, StringConstraints(max_length=_MAX_TEXT)]
_Word = Annotated[str, StringConstraints(max_length=200)]
_Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100),
    AfterValidator(_attribute_name),
]
_NAMES: dict[str, Any] = {
    "propertyNames": {
        "minLength": 1,
        "maxLength": 100,
        "not": {"enum": list(FIELDS)},
        **_PRINTABLE,
    }
}
_Attribute = Annotated[Any, PlainValidator(_attribute), WithJsonSchema(_ATTRIBUTE_SCHEMA)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


_SOURCES = ("image_base64", "image_url", "image_id")


def _one_source(schema: dict[str, Any]) -> None:
    """Describe that it is one of them."""
    schema["anyOf"] = [
        {
            "required": [name],
            "properties": {each: {"type": "null"} for each in _SOURCES if each != name}
            | {name: {"type": "string"}},
        }
        for name in _SOURCES
    ]


class ImageIn(_Strict):
    """One picture of a product: its bytes, or what is known already."""

    model_config = ConfigDict(json_schema_extra=_one_source)

    image_base64: str | None = Field(
        default=None,
        min_length=1,
        description="JPEG, PNG or WebP, base64; a `data:` URI is accepted too.",
    )
    image_url: _Text | None = Field(
        default=None, description="Where the service may fetch it; refused where fetching is off."
    )
    image_id: str | None = Field(
        default=None,
        pattern="^[0-9a-f]{64}$",
        description="Of a picture that the service has seen: the SHA-256 of its bytes.",
    )
    url: _Text | None = Field(
        default=None, description="Ignored: what a GET answers may be sent back as it is."
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> "ImageIn":
        if sum(getattr(self, name) is not None for name in _SOURCES) != 1:
            raise ValueError("give one of image_base64, image_url and image_id")
        return self

    def picture(self) -> Picture:
        """Return it as the write flow takes it; raises InvalidQueryError."""
        if self.image_base64 is not None:
            return Picture(data=decode_base64(self.image_base64))
        return Picture(url=self.image_url, image_id=self.image_id)


class ProductIn(_Strict):
    """A product, all of it: what is left out is empty."""

    model_config = ConfigDict(json_schema_extra={"examples": [PRODUCT]})

    id: ProductId | None = Field(
        default=None, description="The address has it already; if given, the same."
    )
    title: _Text = ""
    category: _Text = Field(default="", description="A path is fine: `Shoes > Sneakers`.")
    brand: _Word = ""
    price: _Price | None = None
    currency: _Word = Field(default="", description="ISO 4217.")
    availability: _Word = Field(default="", description="E.g. `in_stock`.")
    url: _Text = Field(default="", description="The product's page in the shop.")
    attributes: dict[_Name, _Attribute] = Field(
        default={},
        max_length=MAX_ATTRIBUTES,
        json_schema_extra=_NAMES,
        description="Anything else to filter by; each a text, number, boolean or a list of these.",
    )
    images: list[ImageIn] = Field(
        default=[], max_length=MAX_IMAGES, description="All of them, the main one first."
    )
    updated_at: str | None = Field(default=None, description="Ignored.", max_length=100)

    def product(self, product_id: str) -> Product:
        """Return the product under this id."""
        own = {name: getattr(self, name) for name in FIELDS if name != "id"}
        return Product(id=product_id, attributes=self.attributes, **own)

    def pictures(self) -> tuple[Picture, ...]:
        """Return its pictures; raises InvalidQueryError."""
        return tuple(image.picture() for image in self.images)


class ProductPatchIn(_Strict):
    """Some of a product, merged as RFC 7396 says: what is left out stays, null empties."""

    model_config = ConfigDict(json_schema_extra={"examples": [PRODUCT_PATCH]})

    id: str | None = Field(default=None, description="If given, that of the address.")
    title: _Text | None = None
    category: _Text | None = None
    brand: _Word | None = None
    price: _Price | None = None
    currency: _Word | None = None
    availability: _Word | None = None
    url: _Text | None = None
    attributes: (
        Annotated[
            dict[_Name, _Attribute | None],
            Field(max_length=MAX_ATTRIBUTES, json_schema_extra=_NAMES),
        ]
        | None
    ) = Field(
        default=None,
        description="Merged by name; null removes one, or all of them.",
    )
    images: list[ImageIn] | None = Field(
        default=None, max_length=MAX_IMAGES, description="In place of all there were."
    )
    updated_at: str | None = Field(default=None, description="Ignored.", max_length=100)

    def change(self) -> ProductPatch:
        """Return the change of fields and attributes."""
        given = self.model_fields_set
        return ProductPatch(
            fields={name: getattr(self, name) for name in FIELDS if name != "id" and name in given},
            attributes=self.attributes or {},
            forget_attributes="attributes" in given and self.attributes is None,
        )

    def pictures(self) -> tuple[Picture, ...] | None:
        """Return the pictures it shall have, None where these stay; raises InvalidQueryError."""
        if "images" not in self.model_fields_set:
            return None
        return tuple(image.picture() for image in self.images or ())
