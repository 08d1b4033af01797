"""`python -m bench.peers.naive DATA_DIR BUNDLE ANSWER_BYTES PORT`: FastAPI, as one writes it first.

FastAPI runs an endpoint that is no coroutine in a thread; each search runs the model by itself.
"""

from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI, UploadFile

from bench.peers.parts import Parts, command_line


def app(parts: Parts) -> FastAPI:
    """Return the whole of the app."""
    app = FastAPI()

    @app.post("/v1/search")
    def search(file: UploadFile) -> dict[str, Any]:
        (vector,) = parts.encode(parts.pixels(file.file)[np.newaxis])
        return parts.answer(vector)

    return app


if __name__ == "__main__":
    given = command_line()
    uvicorn.run(app(Parts(given)), port=given.port, access_log=False)
