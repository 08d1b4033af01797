"""The JSON of `/v1/search:batch`."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from service.api.schemas import Problem, SearchResponse

MAX_QUERIES = 64


class BatchRequest(BaseModel):
    """Queries as those of `/v1/search`."""

    model_config = ConfigDict(extra="forbid")

    queries: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MAX_QUERIES)]


class BatchItem(BaseModel):
    """What became of one query: an answer or an error."""

    answer: SearchResponse | None = None
    error: Problem | None = None


class BatchResponse(BaseModel):
    """The answers, in the order of the queries."""

    request_id: str
    took_ms: float = Field(description="Of all of them, milliseconds.")
    answers: list[BatchItem]
