"""What strangers may send, sent to a running server: the right problem or an answer, every time."""

import time
from collections.abc import Iterator

import httpx
import pytest

from support.hostile import Hostile
from support.hostile_images import hostile_pictures
from support.live_server import Server
from support.odd_files import CORRUPT, TOO_LARGE, UNSUPPORTED

pytestmark = pytest.mark.integration

STATUS = {CORRUPT: 422, UNSUPPORTED: 415, TOO_LARGE: 413}
MAX_SECONDS = 5  # of the whole request, its upload and its share of a busy machine included


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client
        assert client.get("/readyz").status_code == 200
        assert "unexpected_error" not in server.log.read_text()


@pytest.mark.parametrize("picture", hostile_pictures(), ids=lambda picture: picture.name)
def test_it_is_a_problem_or_an_answer(client: httpx.Client, picture: Hostile) -> None:
    data = picture.make()
    start = time.monotonic()
    answer = client.post("/v1/search", files={"file": ("photo.jpg", data, "image/jpeg")})
    assert time.monotonic() - start < MAX_SECONDS

    if answer.status_code == 200:
        assert None in picture.ends
        assert answer.json()["results"]
        return
    problem = answer.json()
    # A body beyond the limit on bodies is refused before it is known for a picture.
    codes = picture.ends | {"body_too_large"} if TOO_LARGE in picture.ends else picture.ends
    assert problem["code"] in codes
    assert answer.status_code == STATUS.get(problem["code"], 413)
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Traceback" not in answer.text
