"""A flood of pictures that cost the most is decoded a few at a time, or refused."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.hostile_images import hostile_pictures
from support.live_server import Server, Shop, serving

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads VmHWM"),
]

AT_ONCE, CALLERS = 2, 16
WORST_MEGABYTES = 300  # of one picture, as the hostile ones are held to


def worst_picture() -> bytes:
    name = "jpeg largest, all scans allowed"
    return next(picture for picture in hostile_pictures() if picture.name == name).make()


def peak_megabytes(server: Server) -> int:
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def post_all(server: Server) -> Counter[tuple[int, str]]:
    """Send it from many callers, each with other bytes behind it, so that no answer is cached."""
    worst = worst_picture()

    def post(number: int) -> tuple[int, str]:
        with server.client() as client:
            files = {"file": ("a.jpg", worst + bytes((number,)))}
            answer = client.post("/v1/search", files=files)
            return answer.status_code, answer.json().get("code", "")

    with ThreadPoolExecutor(CALLERS) as pool:
        return Counter(pool.map(post, range(CALLERS)))


def running(shop: Shop, folder: Path, **settings: str) -> Iterator[Server]:
    settings = {f"VITRINE_{name.upper()}": value for name, value in settings.items()}
    with serving(shop.data_dir, folder, **settings) as server, server.client() as client:
        small = {"file": ("a.jpg", shop.picture(1))}
        assert client.post("/v1/search", files=small).status_code == 200
        yield server


@pytest.fixture
def patient(shop: Shop, tmp_path: Path) -> Iterator[Server]:
    yield from running(shop, tmp_path, decode_threads=str(AT_ONCE), decode_wait_seconds="60")


@pytest.fixture
def impatient(shop: Shop, tmp_path: Path) -> Iterator[Server]:
    yield from running(shop, tmp_path, decode_threads="1", decode_wait_seconds="0.001")


def test_the_memory_is_of_as_many_as_are_decoded_at_once(patient: Server) -> None:
    idle = peak_megabytes(patient)
    assert post_all(patient) == {(200, ""): CALLERS}
    over = peak_megabytes(patient) - idle
    print(f"{CALLERS} at once, {AT_ONCE} decoded at a time: {over} MB over idle")
    assert over < AT_ONCE * WORST_MEGABYTES


def test_who_would_wait_too_long_is_refused(impatient: Server) -> None:
    answers = post_all(impatient)
    assert answers.keys() <= {(200, ""), (429, "overloaded")}
    assert answers[200, ""] >= 1
    assert answers[429, "overloaded"] >= 1
    with impatient.client() as client:
        assert client.get("/readyz").status_code == 200
