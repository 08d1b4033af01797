"""A bundle is read whole or refused, with the file and the way out named."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.adapters.bundles import read_bundle
from service.core.errors import BundleError
from support.fakes import fake_manifest

WEIGHTS = b"weights" * 1000
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def bundle(**changes: Any) -> Path:
        """A sound bundle but for the changes to its manifest."""
        digest = hashlib.sha256(WEIGHTS).hexdigest()
        manifest = {**fake_manifest().model_dump(), "files": {"image.onnx": digest}, **changes}
        (tmp_path / "bundle.json").write_text(json.dumps(manifest))
        (tmp_path / "image.onnx").write_bytes(WEIGHTS)
        return tmp_path

    return bundle


def refusal(folder: Path) -> str:
    with pytest.raises(BundleError) as refused:
        read_bundle(folder)
    return str(refused.value)


def test_a_sound_bundle_is_read(write: Write) -> None:
    assert read_bundle(write()).name == "fake-0"


def test_a_missing_file_is_named(write: Write) -> None:
    folder = write()
    (folder / "image.onnx").unlink()
    assert f"{folder} lacks image.onnx" in refusal(folder)


@pytest.mark.parametrize("where", [0, 3500, -1])
def test_a_changed_file_is_named(write: Write, where: int) -> None:
    folder = write()
    data = bytearray(WEIGHTS)
    data[where] ^= 1
    (folder / "image.onnx").write_bytes(data)
    message = refusal(folder)
    assert str(folder / "image.onnx") in message
    assert hashlib.sha256(data).hexdigest()[:12] in message
    assert hashlib.sha256(WEIGHTS).hexdigest()[:12] in message


def test_every_file_that_is_wrong_is_named_in_one_line(write: Write) -> None:
    sound, other = hashlib.sha256(WEIGHTS).hexdigest(), "0" * 64
    files = {"image.onnx": sound, "lost.onnx": other, "edited.json": other}
    folder = write(files=files)
    (folder / "edited.json").write_text("{}")
    message = refusal(folder)
    assert "lacks lost.onnx; " in message
    assert f"{folder / 'edited.json'} has sha256 44136fa355b3..." in message
    assert "image.onnx" not in message
    assert len(message.splitlines()) == 1


def test_a_newer_schema_is_named_before_its_fields_are_judged(write: Write) -> None:
    message = refusal(write(schema_version=2, something_new=True))
    assert "has schema 2, this Vitrine reads 1" in message


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"unheard_of": 1}, "unheard_of: "),
        ({"dim": 0}, "dim: "),
        ({"files": {}}, "files without a sha256: image.onnx"),
        ({"preprocess": {"size": 224, "resize": "stretch"}}, "preprocess.resize: "),
    ],
)
def test_an_unsound_manifest_names_the_field(
    write: Write, changes: dict[str, Any], complaint: str
) -> None:
    folder = write(**changes)
    message = refusal(folder)
    assert complaint in message
    assert str(folder / "bundle.json") in message


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "{}", '"text"', "\xff"], ids=lambda text: text or "empty"
)
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "bundle.json").write_bytes(text.encode("latin-1"))
    assert str(tmp_path / "bundle.json") in refusal(tmp_path)


@pytest.mark.parametrize("name", ["nothing", "file"])
def test_no_folder_is_no_bundle(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    message = refusal(tmp_path / name)
    assert re.search(r"no bundle at|cannot be read", message)
    assert str(tmp_path / name) in message
