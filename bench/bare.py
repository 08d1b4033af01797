"""`python -m bench.bare --port N --bytes N`: an endpoint that does nothing but be one.

POST /form   reads the upload as a form, as Starlette does -> so many bytes
POST /body   reads it unparsed                             -> so many bytes
"""

import argparse

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


def make_app(answer_bytes: int) -> Starlette:
    """Build the app; every answer is as long."""
    answer = b"x" * answer_bytes

    async def form(request: Request) -> Response:
        async with request.form() as fields:
            for value in fields.values():
                if isinstance(value, UploadFile):
                    await value.read()
        return Response(answer, media_type="application/json")

    async def body(request: Request) -> Response:
        await request.body()
        return Response(answer, media_type="application/json")

    return Starlette(routes=[Route(f"/{f.__name__}", f, methods=["POST"]) for f in (form, body)])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--bytes", type=int, required=True)
    given = parser.parse_args()
    uvicorn.run(make_app(given.bytes), port=given.port, log_level="info", access_log=False)
