"""A name that is no folder is looked up on the hub; what goes wrong there is one line."""

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from model_export.bundle import ExportError
from model_export.sources.hub import model_folder


class _Hub(BaseHTTPRequestHandler):
    """Answers as the hub does for a repository that is gated, or not there."""

    def do_GET(self) -> None:
        gated = "gated" in self.path
        self.send_response(403 if gated else 404)
        self.send_header("X-Error-Code", "GatedRepo" if gated else "RepoNotFound")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Hub) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def closed_port() -> str:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listening.getsockname()[1]}"


def refusal(source: str, endpoint: str | None = None) -> str:
    with pytest.raises(ExportError) as refused:
        model_folder(source, endpoint=endpoint)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    assert model_folder(str(tmp_path)) == tmp_path


def test_a_hub_that_cannot_be_reached_is_said_to_be(tmp_path: Path) -> None:
    message = refusal("vitrine-tests/no-such-model", closed_port())
    assert message.startswith(
        "no folder vitrine-tests/no-such-model here, and the Hugging Face hub"
    )
    assert "copy the model's folder here" in message


def test_a_name_that_the_hub_lacks(hub: str) -> None:
    message = refusal("vitrine-tests/no-such-model", hub)
    assert message.endswith("is neither a folder here nor a model on the Hugging Face hub")


def test_a_gated_model_says_what_to_do(hub: str) -> None:
    assert "accepted its terms" in refusal("vitrine-tests/gated-model", hub)


@pytest.mark.parametrize("source", ["./models/vit", "/nowhere/vit", "a/b/c", "with spaces"])
def test_a_path_that_leads_nowhere_is_not_asked_of_the_hub(source: str) -> None:
    assert refusal(source).startswith(f"no file or folder at {source}")
