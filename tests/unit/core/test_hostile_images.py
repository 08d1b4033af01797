"""decode() of what strangers may send: an error that says which, or a picture; soon, in bounds."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from service.core.errors import InvalidImageError
from service.core.image import decode
from support.hostile import Hostile
from support.hostile_images import hostile_pictures

REPOSITORY = Path(__file__).parents[3]
LEAST_SIDE = 448  # what the shipped bundle asks for
MAX_SECONDS, MAX_MEGABYTES = 2, 300


def test_there_are_enough_of_every_kind() -> None:
    pictures = hostile_pictures()
    assert len(pictures) >= 600
    for kind, least in (("jpeg", 200), ("png", 150), ("webp", 120)):
        assert sum(picture.name.startswith(kind) for picture in pictures) >= least


@pytest.mark.parametrize("picture", hostile_pictures(), ids=lambda picture: picture.name)
def test_it_ends_as_it_should_and_soon(picture: Hostile) -> None:
    data = picture.make()
    start, detail = time.process_time(), ""
    try:
        image = decode(data, least_side=LEAST_SIDE)
    except InvalidImageError as exc:
        ended: str | None = exc.code
        detail = str(exc)
        assert len(detail) < 200
        assert "\n" not in detail
        assert " at 0x" not in detail
    else:
        ended = None
        assert image.mode == "RGB"
        assert min(image.size) < 2 * LEAST_SIDE
    assert time.process_time() - start < MAX_SECONDS
    assert ended in picture.ends, detail


MEASURE = """
import json, sys
from pathlib import Path
from service.core.errors import InvalidImageError
from service.core.image import decode

def peak_megabytes():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024

paths = sorted(Path(sys.argv[1]).iterdir())
for kind in ("JPEG", "PNG", "WEBP"):  # what each decoder takes once is idle
    from io import BytesIO
    from PIL import Image
    idle = BytesIO()
    Image.new("RGB", (64, 64)).save(idle, kind)
    decode(idle.getvalue(), least_side=448)
before, worst = peak_megabytes(), ("none", 0.0)
for path in paths:
    reached = peak_megabytes()
    try:
        decode(path.read_bytes(), least_side=448)
    except InvalidImageError:
        pass
    worst = max(worst, (path.name, peak_megabytes() - reached), key=lambda pair: pair[1])
print(json.dumps({"pictures": len(paths), "over_idle": peak_megabytes() - before, "step": worst}))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads VmHWM")
def test_all_of_them_together_stay_under_300_megabytes(tmp_path: Path) -> None:
    for number, picture in enumerate(hostile_pictures()):
        (tmp_path / f"{number:03} {picture.name.replace('/', ' ')}").write_bytes(picture.make())
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", MEASURE, tmp_path],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    measured = json.loads(done.stdout)
    print(measured)
    assert measured["pictures"] == len(hostile_pictures())
    assert measured["over_idle"] < MAX_MEGABYTES, measured
