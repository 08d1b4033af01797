"""What to look for, as JSON or as the fields of a form: one input, or a mix of several.

fields -> SourceIn -> Source, and QueriesIn -> Query, frozen values of the pipeline
"""

import json
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    StringConstraints,
    ValidationInfo,
)

from service.api.base64_text import decode_base64
from service.core.crop import Box
from service.core.errors import InvalidQueryError
from service.pipeline.querying import (
    WORDS_WEIGHT,
    KnownPicture,
    LikeProduct,
    LinkedPicture,
    Part,
    Picture,
    Point,
    Query,
    Source,
    Words,
)

MAX_PARTS = 16
MAX_TEXT = 10_000
PICTURES = ("file", "image_base64", "image_url", "image_id")
INPUTS = (*PICTURES, "product_id", "text", "vector")
TEXTS = {"fields": "texts"}
"""The context in which fields are validated that are texts all: those of a form, or after `?`."""

FLAGS = {"true": True, "false": False, "1": True, "0": False}


def listed(value: object, info: ValidationInfo) -> object:
    """Read a list of a form or a query, which is text: JSON, or separated by commas."""
    if info.context is not TEXTS or not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except RecursionError as exc:
            raise ValueError("the list is nested too deep") from exc
    return [part.strip() for part in value.split(",")] if value.strip() else []


def flag(value: object, info: ValidationInfo) -> object:
    """Read a yes or no of a form or a query, which is text: true, false, 1 or 0."""
    if info.context is not TEXTS or not isinstance(value, str):
        return value
    if value.lower() not in FLAGS:
        raise ValueError(f"one of {', '.join(FLAGS)} is needed")
    return FLAGS[value.lower()]


def whole(value: object) -> object:
    """Take 3.0 for 3, as JSON Schema does."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(whole)]


def _not_blank(text: str) -> str:
    if not text.strip():  # of what pydantic keeps, Python knows four more blanks
        raise ValueError("it is blank")
    return text


NOT_BLANK: dict[str, Any] = {"pattern": r"[^\s\x1c-\x1f\x85]"}
Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TEXT),
    AfterValidator(_not_blank),
    Field(json_schema_extra=NOT_BLANK),
]
_Id = Annotated[str, Field(min_length=1, max_length=2000)]
_Numbers = Annotated[list[FiniteFloat], BeforeValidator(listed)]
_BOX: dict[str, Any] = {
    "minItems": 4,
    "maxItems": 4,
    "items": {"type": "number", "minimum": 0, "maximum": 1},
}


def alternatives(*wholes: str) -> dict[str, Any]:
    """Describe which fields go together: one input, or one of `wholes` in its place.

    A box is of a picture; what is null is not given.
    """
    names = [name for name in INPUTS if name != "file"] + list(wholes)
    ways = []
    for name in names:
        beside = {"box", "text"} if name in PICTURES and wholes else {"box"}
        kept = {name} | (beside if name in PICTURES else set())
        others = {each: {"type": "null"} for each in sorted({*names, "box"} - kept)}
        kind = "array" if name in ("vector", "queries") else "string"
        ways.append({"required": [name], "properties": {name: {"type": kind}, **others}})
    return {"anyOf": ways}


class SourceIn(BaseModel):
    """One input: a picture, and of it a box perhaps, or a product, a text, or a vector."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=alternatives())

    image_base64: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="A picture, base64; a `data:` URI is accepted too."
    )
    image_url: _Id | None = Field(
        default=None, description="A picture to fetch, where the service is set to fetch any."
    )
    image_id: _Id | None = Field(
        default=None,
        description="A query picture of the last 30 minutes, as its answer named it, or a picture "
        "of the catalogue.",
    )
    product_id: _Id | None = Field(
        default=None, description="What looks like this product; itself it is no result."
    )
    text: Text | None = Field(
        default=None,
        description="Words, where the bundle has a text tower; beside a picture what to change of "
        "it.",
        examples=["red bag"],
    )
    vector: Annotated[_Numbers, Field(min_length=1, max_length=16_384)] | None = Field(
        default=None, description="A vector of this bundle, such as `/v1/embeddings` gives."
    )
    box: Annotated[_Numbers, Field(json_schema_extra=_BOX)] | None = Field(
        default=None,
        description="The part of the picture that is meant: [x1, y1, x2, y2] in shares of its "
        "width and height, 0-1, as people see it upright.",
        examples=[[0.1, 0.25, 0.6, 0.9]],
    )

    def source(self, file: bytes | None = None) -> Source:
        """Return the one input; raises InvalidQueryError where there is none, or several."""
        given = self.given(file)
        if len(given) != 1:
            found = " and ".join(f"`{name}`" for name in given) or "none"
            raise InvalidQueryError(
                f"send one of {', '.join(INPUTS)}, or a picture and a text, not {found}; "
                "`queries` mixes others"
            )
        return self.picked(given[0], file)

    def given(self, file: bytes | None) -> list[str]:
        """Return the names of the inputs that were sent."""
        return [
            name for name in INPUTS if (file if name == "file" else getattr(self, name)) is not None
        ]

    def picked(self, name: str, file: bytes | None) -> Source:
        """Return the input of that name, which was sent; raises InvalidQueryError."""
        if self.box is not None and name not in PICTURES:
            raise InvalidQueryError(f"`box` is of a picture, and `{name}` is none")
        box = None if self.box is None else Box.of(self.box)
        value: Any = file if name == "file" else getattr(self, name)
        makers: dict[str, Callable[[], Source]] = {
            "file": lambda: Picture(value, box),
            "image_base64": lambda: Picture(decode_base64(value), box),
            "image_url": lambda: LinkedPicture(value, box),
            "image_id": lambda: KnownPicture(value, box),
            "product_id": lambda: LikeProduct(value),
            "text": lambda: Words(value),
            "vector": lambda: Point(tuple(value)),
        }
        return makers[name]()


class PartIn(SourceIn):
    """One input of a mix, and how much it counts."""

    weight: Annotated[float, Field(ge=-100, le=100)] = Field(
        default=1.0, description="How much it counts; a negative weight pushes away from it."
    )


class QueriesIn(SourceIn):
    """A query: one input, or a mix."""

    model_config = ConfigDict(json_schema_extra=alternatives("queries"))

    queries: (
        Annotated[list[PartIn], Field(min_length=1, max_length=MAX_PARTS), BeforeValidator(listed)]
        | None
    ) = Field(
        default=None,
        description="In place of one input, a mix of them: the sum of their vectors by weight. "
        "In a form as JSON.",
        examples=[[{"image_id": "2c26b4...", "weight": 1}, {"text": "red", "weight": 0.5}]],
    )

    def query(self, file: bytes | None = None) -> Query:
        """Return what to look for; `file` is the picture of a form.

        A picture and a text together are a mix, "like this, but red".

        Raises:
            InvalidQueryError: There is nothing to look for, more than one thing beside a mix, or
                one that is malformed.
        """
        given = self.given(file)
        if self.queries is None:
            match given:
                case [name]:
                    return Query.of(self.picked(name, file))
                case [picture, "text"] if picture in PICTURES:
                    words = Part(Words(self.text or ""), WORDS_WEIGHT)
                    return Query((Part(self.picked(picture, file)), words))
            return Query.of(self.source(file))
        if also := [*given, *(["box"] if self.box is not None else [])]:
            raise InvalidQueryError(
                f"put `{also[0]}` into `queries`, or leave `queries` out: it is one or the other"
            )
        return Query(tuple(Part(part.source(), part.weight) for part in self.queries))
