"""The JSON of `/v1/events`."""

from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    StringConstraints,
    TypeAdapter,
)

from service.api.product_schemas import ProductId
from service.api.source_request import whole
from service.core.events import Event, EventType

MAX_EVENTS = 500
# The bounds come first, or the schema does not tell them.
_Position = Annotated[int, Field(ge=1, le=10_000), BeforeValidator(whole)]


class EventIn(BaseModel):
    """One thing that a shopper did with one product that an answer showed."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,128}$")] = Field(
        description="The reporter's own, such as a UUID: what is sent again with it is kept once.",
        examples=["5c3a7d1e-1f0b-4c3e-9d59-5b2f4f0f7a10"],
    )
    type: Literal["impression", "click", "add_to_cart", "purchase"]
    request_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = Field(
        description="Of the answer that showed the product."
    )
    product_id: ProductId = Field(description="As the answer has it.")
    position: _Position | None = Field(
        default=None, description="Where the product stood in what was shown, from 1."
    )
    image_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        default=None, description="The picture that was searched by, as the answer names it."
    )

    def event(self, reporter: str) -> Event:
        """Return it as it is kept."""
        return Event(
            reporter,
            self.id,
            EventType(self.type),
            self.request_id,
            self.product_id,
            self.position,
            self.image_id,
        )


_Events = Annotated[list[EventIn], Field(min_length=1, max_length=MAX_EVENTS)]
EVENTS: TypeAdapter[list[EventIn]] = TypeAdapter(_Events)


class EventsRequest(RootModel[EventIn | _Events]):
    """One event, or a list of them."""


class EventsOut(BaseModel):
    """What became of the events: all are kept by now, and none twice."""

    request_id: str
    kept: int = Field(description="That are new.")
    repeated: int = Field(description="That were known already, and were not kept again.")
