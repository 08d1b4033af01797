import hashlib
from pathlib import Path

import pytest

from model_export.bundle import ExportError, bundle_folder, file_digest


def fill(folder: Path, version: str) -> None:
    (folder / "bundle.json").write_text(version)


def test_a_digest_is_the_files_sha256(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"weights" * 1000)
    assert file_digest(tmp_path / "file") == hashlib.sha256(b"weights" * 1000).hexdigest()


def test_a_bundle_appears_whole_in_folders_made_for_it(tmp_path: Path) -> None:
    final = tmp_path / "models" / "first"
    with bundle_folder(final) as folder:
        fill(folder, "1")
        assert not final.exists()
    assert (final / "bundle.json").read_text() == "1"
    assert list(final.parent.iterdir()) == [final]


def test_a_bundle_is_replaced_as_one(tmp_path: Path) -> None:
    final = tmp_path / "bundle"
    with bundle_folder(final) as folder:
        fill(folder, "1")
        (folder / "stray.onnx").touch()
    with bundle_folder(final) as folder:
        fill(folder, "2")
        assert (final / "bundle.json").read_text() == "1"
    assert [(file.name, file.read_text()) for file in final.iterdir()] == [("bundle.json", "2")]
    assert list(tmp_path.iterdir()) == [final]


def test_a_failure_leaves_the_old_bundle_and_no_trace(tmp_path: Path) -> None:
    final = tmp_path / "bundle"
    with bundle_folder(final) as folder:
        fill(folder, "1")

    def interrupted() -> None:
        with bundle_folder(final) as folder:
            fill(folder, "half of 2")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (final / "bundle.json").read_text() == "1"
    assert list(tmp_path.iterdir()) == [final]


def test_what_killed_exports_left_is_cleared(tmp_path: Path) -> None:
    final = tmp_path / "bundle"
    for left in (".bundle.building", ".bundle.replaced"):
        (tmp_path / left).mkdir()
        (tmp_path / left / "half.onnx").touch()
    with bundle_folder(final) as folder:
        fill(folder, "1")
    assert [file.name for file in final.iterdir()] == ["bundle.json"]
    assert list(tmp_path.iterdir()) == [final]


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_is_no_bundle_is_never_replaced(tmp_path: Path, kind: str) -> None:
    final = tmp_path / "holiday"
    precious = final / "photo.jpg" if kind == "folder" else final
    precious.parent.mkdir(exist_ok=True)
    precious.write_text("precious")
    refused = pytest.raises(ExportError, match="holiday exists and is not a bundle")
    with refused, bundle_folder(final) as folder:
        fill(folder, "1")
    assert precious.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [final]


def test_an_empty_folder_may_become_a_bundle(tmp_path: Path) -> None:
    with bundle_folder(tmp_path / "new") as folder:
        fill(folder, "1")
    (tmp_path / "empty").mkdir()
    with bundle_folder(tmp_path / "empty") as folder:
        fill(folder, "1")
    assert (tmp_path / "empty" / "bundle.json").exists()
