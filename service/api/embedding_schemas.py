"""The JSON of `/v1/embeddings`, which is OpenAI's."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.api.source_request import NOT_BLANK, Whole

MAX_INPUTS = 64
_Input = Annotated[str, Field(min_length=1, json_schema_extra=NOT_BLANK)]


class EmbeddingsRequest(BaseModel):
    """What to embed."""

    model_config = ConfigDict(extra="forbid")

    input: _Input | Annotated[list[_Input], Field(min_length=1, max_length=MAX_INPUTS)] = Field(
        description="A text, a picture as a `data:image/...;base64,` URI or, where the service "
        f"fetches any, an http(s) URL; or a list of up to {MAX_INPUTS} of them.",
        examples=[["navy blue shirt", "data:image/jpeg;base64,/9j/4AAQSkZJRgABAQ..."]],
    )
    model: str = Field(description="Name of the bundle, as `/v1/index` tells it.")
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Whole | None = Field(default=None, description="That of the bundle; none other.")
    user: str | None = Field(default=None, description="Not looked at.")


class EmbeddingOut(BaseModel):
    """The vector of one input, of unit length."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class UsageOut(BaseModel):
    """Tokens that the model read: of words, and of patches of pictures."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsResponse(BaseModel):
    """The vectors, in the order of the inputs."""

    object: Literal["list"] = "list"
    data: list[EmbeddingOut]
    model: str
    usage: UsageOut
