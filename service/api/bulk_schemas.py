"""A line of a bulk write, and what became of it, as JSON."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from service.api.product_schemas import ProductId, ProductIn, ProductPatchIn


class BulkPutIn(ProductIn):
    """What a line of a bulk says to make a product what it says."""

    op: Literal["put"] = "put"
    id: ProductId = Field(description="The product's.")


class BulkPatchIn(ProductPatchIn):
    """What a line of a bulk says to change some of a product."""

    op: Literal["patch"]
    id: str = Field(description="The product's.")


class BulkDeleteIn(BaseModel):
    """What a line of a bulk says to delete a product."""

    model_config = ConfigDict(extra="forbid", strict=True)

    op: Literal["delete"]
    id: str


class BulkStatusOut(BaseModel):
    """What became of a line of a bulk; a line of its own."""

    line: int = Field(description="Of the request, from 1.")
    id: str | None = Field(description="The product's, where the line names one.")
    status: int = Field(
        description="201 created, 200 changed, 204 deleted; else as a write of its own would be "
        "answered."
    )
    revision: int | None = Field(default=None, description="Of the product, where it was written.")
    code: str | None = Field(default=None, description="What a program should look at.")
    detail: str | None = Field(default=None, description="What was wrong, and the way out.")


class BulkLineIn(RootModel[BulkPutIn | BulkPatchIn | BulkDeleteIn]):
    """One line: put, which is the default, patch or delete."""
