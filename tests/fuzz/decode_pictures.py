"""Let atheris look for bytes that `decode` fails on in any way but its own errors.

    make fuzz SECONDS=60

    sound and hostile pictures -> libFuzzer mutates, led by coverage of the Python parts -> decode

A finding stops the run with an exit status other than 0 and leaves its bytes in `--findings`. No
test of pytest, since atheris instruments what is imported after it.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import atheris

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

with atheris.instrument_imports(include=["service", "PIL"]):
    from service.core.errors import InvalidImageError
    from service.core.image import ImageLimits, decode

from support.hostile_images import hostile_pictures, sound_pictures  # noqa: E402 - needs the path

# Small, so that a run is many pictures and not few large ones.
_LIMITS = ImageLimits(max_bytes=100_000, max_pixels=250_000)
_SEED_BYTES = 20_000


def one(data: bytes) -> None:
    """Decode one picture; whatever but InvalidImageError gets out is a finding."""
    try:
        image = decode(data, least_side=16, limits=_LIMITS)
    except InvalidImageError:
        return
    assert image.mode == "RGB"
    assert 0 < image.width * image.height <= _LIMITS.max_pixels


def write_seeds(folder: Path) -> None:
    """Write the pictures that mutation starts from."""
    hostile = (picture.make() for picture in hostile_pictures() if " MB " not in picture.name)
    seeds = [*sound_pictures().values(), *hostile]
    for number, data in enumerate(seeds):
        if len(data) <= _SEED_BYTES:
            (folder / f"{number:03}").write_bytes(data)


def main() -> None:
    """Fuzz from fresh seeds; no picture may take 2 s, nor the process 600 MB."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--findings", type=Path, default=Path())
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="seeds-"))
    write_seeds(folder)
    options = {
        "max_total_time": arguments.seconds,
        "max_len": _SEED_BYTES,
        "timeout": 2,
        "rss_limit_mb": 600,
        "seed": 1,
        "artifact_prefix": f"{arguments.findings}/",
    }
    flags = [f"-{name}={value}" for name, value in options.items()]
    atheris.Setup([sys.argv[0], *flags, str(folder)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
