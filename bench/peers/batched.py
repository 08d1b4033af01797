"""`python -m bench.peers.batched DATA_DIR BUNDLE ANSWER_BYTES PORT`: LitServe with its batching.

As its documentation has it: pictures are decoded and answers made in the process that runs the
model, which takes up to `max_batch_size` requests that came within `batch_timeout`.
"""

from typing import Any

import litserve as ls
import numpy as np
from fastapi import Request
from numpy.typing import NDArray

from bench.peers.parts import Given, Parts, command_line
from service.core.types import Pixels, Vectors


class SearchAPI(ls.LitAPI):  # type: ignore[misc]
    """The steps of a search, as LitServe calls them."""

    def __init__(self, given: Given) -> None:
        super().__init__(max_batch_size=16, batch_timeout=0.01, api_path="/v1/search")
        self._given = given

    def setup(self, device: str) -> None:
        """Load the model, once a worker."""
        self._parts = Parts(self._given)

    def decode_request(self, request: Request) -> Pixels:
        """Return the picture of a form."""
        return self._parts.pixels(request["file"].file)

    def batch(self, inputs: list[Pixels]) -> Pixels:
        """Put pictures together."""
        return np.stack(inputs)

    def predict(self, x: Pixels) -> Vectors:
        """Embed them."""
        return self._parts.encode(x)

    def unbatch(self, output: Vectors) -> list[NDArray[np.float32]]:
        """Take vectors apart."""
        return list(output)

    def encode_response(self, output: NDArray[np.float32]) -> dict[str, Any]:
        """Search."""
        return self._parts.answer(output)


if __name__ == "__main__":
    given = command_line()
    server = ls.LitServer(SearchAPI(given), accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=given.port, generate_client_file=False)
