"""Every failure is one problem+json that says what to do, and nothing of the machine it ran on."""

import base64
import json
import re
import shutil
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from service.api.app import create_app
from service.api.event_routes import MAX_EVENTS_BYTES
from service.core.keys import bundle_digest
from service.core.manifest import BundleManifest
from service.settings import DEFAULT_BUNDLE, Settings
from service.wiring import serving
from support.live_server import Server, Shop, eventually, vitrine_here
from support.odd_files import huge_png
from support.pictures import encoded, photo

pytestmark = pytest.mark.integration

PICTURE = encoded(photo(64, 64), "JPEG")
BASE64 = base64.b64encode(PICTURE).decode()
MAX_BODY = 20_000_000 * 4 // 3 + 65_536
MAX_MANY = Settings().max_batch_bytes


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def check(answer: httpx.Response, status: int, code: str, detail: str = "") -> dict:
    """Expect this problem, in the one shape that problems have; return it."""
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem.keys() == {"type", "title", "status", "detail", "code", "request_id"}
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem["type"] == "about:blank"
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert re.search(detail, problem["detail"]), problem["detail"]
    assert not re.search(r"/tmp|/work|/home|site-packages|Traceback|\.py\b", answer.text)
    return problem


@pytest.mark.parametrize(
    ("picture", "status", "code"),
    [
        (b"id,title\n1,not a picture\n", 415, "unsupported_image"),
        (encoded(photo(64, 64), "GIF"), 415, "unsupported_image"),
        (encoded(photo(300, 300), "JPEG")[:2000], 422, "corrupt_image"),
        (b"", 422, "corrupt_image"),
        (huge_png(), 413, "image_too_large"),
        (PICTURE + bytes(20_000_000), 413, "image_too_large"),
    ],
    ids=["text", "gif", "truncated", "empty", "pixel bomb", "too many bytes"],
)
@pytest.mark.parametrize("form", ["file", "base64"])
def test_a_picture_that_is_not_accepted(
    client: httpx.Client, picture: bytes, status: int, code: str, form: str
):
    if form == "file":
        answer = client.post("/v1/search", files={"file": ("photo.jpg", picture)})
    elif picture:
        text = base64.b64encode(picture).decode()
        answer = client.post("/v1/search", json={"image_base64": text})
    else:
        answer = client.post("/v1/search", json={"image_base64": "data:image/png;base64,"})

    check(answer, status, code)


@pytest.mark.parametrize("path", ["/v1/search", "/v1/search:batch", "/v1/embeddings"])
def test_a_body_that_says_it_is_too_large_is_refused_unread(client: httpx.Client, path: str):
    most = MAX_BODY if path == "/v1/search" else MAX_MANY
    answer = client.post(path, content=bytes(most + 1))

    check(answer, 413, "body_too_large", f"{most + 1:,} bytes; at most {most:,}")


@pytest.mark.parametrize(
    ("method", "path", "kind", "start"),
    [
        ("POST", "/v1/search", "application/json", b'{"image_base64": "'),
        ("POST", "/v1/search:batch", "application/json", b'{"queries": [{"image_base64": "'),
        ("POST", "/v1/embeddings", "application/json", b'{"input": "'),
        ("POST", "/v1/events", "application/json", b'{"id": "'),
        ("PUT", "/v1/products/large", "application/json", b'{"title": "'),
        ("PATCH", "/v1/products/large", "application/json", b'{"title": "'),
        (
            "POST",
            "/v1/search",
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n',
        ),
    ],
    ids=["search", "batch", "embeddings", "events", "put", "patch", "multipart"],
)
def test_a_body_that_does_not_say_and_is_too_large(
    client: httpx.Client, method: str, path: str, kind: str, start: bytes
):
    many = dict.fromkeys(("/v1/search:batch", "/v1/embeddings"), MAX_MANY)
    most = ({"/v1/events": MAX_EVENTS_BYTES} | many).get(path, MAX_BODY)

    def chunks() -> Iterator[bytes]:
        yield start
        for _ in range(most // 1_000_000 + 1):
            yield b"A" * 1_000_000

    answer = client.request(method, path, content=chunks(), headers={"Content-Type": kind})

    check(answer, 413, "body_too_large", "larger than the service accepts")


@pytest.mark.parametrize(
    ("files", "detail"),
    [
        ([("limit", (None, "3"))], "send one of file, .* not none"),
        ([("file", (None, "photo.jpg"))], r"curl: -F file=@photo\.jpg"),
        ([("file", ("a", PICTURE)), ("image_base64", (None, BASE64))], "not `file` and `image_b"),
        ([("file", ("a", PICTURE)), ("file", ("b", PICTURE))], "`file` is given twice"),
        ([("file", ("a", PICTURE)), ("top_k", (None, "3"))], "unknown field top_k; known are .*li"),
        ([("file", ("a", PICTURE)), ("limit", (None, "0"))], "limit: .*greater"),
        ([("file", ("a", PICTURE)), ("limit", (None, "201"))], "limit: .*less"),
        ([("file", ("a", PICTURE)), ("limit", (None, "abc"))], "limit: .*integer"),
        ([("image_base64", (None, "?!"))], "`image_base64` is not base64"),
        ([("image_base64", ("a.txt", BASE64))], "image_base64: .*string"),
    ],
)
def test_a_form_that_cannot_be_answered(client: httpx.Client, files: list, detail: str):
    check(client.post("/v1/search", files=files), 422, "invalid_query", detail)


@pytest.mark.parametrize(
    ("options", "code", "detail"),
    [
        ({"filter": "brand"}, "invalid_filter", "filter at 'brand': clauses are key:value"),
        ({"filter": '{"must": 3}'}, "invalid_filter", "filter.must must be a list"),
        ({"filter": "{"}, "invalid_filter", "filter is not JSON"),
        ({"filter": "made_of:wool"}, "invalid_filter", "no field 'made_of'; .*id, title, .*colour"),
        ({"filter": "colour:1..2"}, "invalid_filter", "'colour' holds texts, and a range needs"),
        ({"filter": "price:cheap"}, "invalid_filter", "'price' holds numbers, and 'cheap' is none"),
        ({"facets": "brand,made_of"}, "invalid_filter", "no field 'made_of'"),
        ({"facets": ",".join("abcdefghijklmnopqrstu")}, "invalid_query", "facets: .*at most 20"),
        ({"facets": "brand,"}, "invalid_query", "facets.1: .*at least 1 char"),
        ({"exclude_ids": "[" * 50_000}, "invalid_query", "exclude_ids: "),
        ({"exclude_ids": "[1]"}, "invalid_query", "exclude_ids.0: .*string"),
        ({"diversity": "1.5"}, "invalid_query", "diversity: .*less than or equal to 1"),
        ({"collapse": "0"}, "invalid_query", "collapse: .*greater than 0"),
        ({"offset": "1001"}, "invalid_query", "offset: .*less than or equal to 1000"),
        ({"min_similarity": "nan"}, "invalid_query", "min_similarity: "),
        ({"explain": "perhaps"}, "invalid_query", "explain: one of true, false"),
    ],
)
def test_options_that_cannot_be_answered(
    client: httpx.Client, options: dict[str, str], code: str, detail: str
):
    answer = client.post("/v1/search", files={"file": PICTURE}, data=options)

    check(answer, 422, code, detail)


@pytest.mark.parametrize(
    ("wanted", "code", "detail"),
    [
        ({"must": [{"key": "brand"}]}, "invalid_filter", r"filter.must\[0\] needs one of match"),
        ({"must": [{"key": "made_of", "match": "wool"}]}, "invalid_filter", "no field 'made_of'"),
        ([], "invalid_query", "filter"),
        (3, "invalid_query", "filter"),
    ],
)
def test_a_filter_in_json_that_cannot_be_answered(
    client: httpx.Client, wanted: object, code: str, detail: str
):
    answer = client.post("/v1/search", json={"image_base64": BASE64, "filter": wanted})

    check(answer, 422, code, detail)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ('{"limit": 3}', "send one of .* not none"),
        ('{"image_base64": null}', "send one of .* not none"),
        ('{"image_base64": ""}', "image_base64: .*at least 1"),
        ('{"image_base64": "abc"}', "`image_base64` is not base64"),
        ('{"image_base64": "ä"}', "`image_base64` is not base64"),
        ('{"image_base64": "AAAA", "limit": 0}', "limit: .*greater"),
        ('{"image_base64": "AAAA", "limit": 201}', "limit: .*less"),
        ('{"image_base64": "AAAA", "limit": 1.5}', "limit: .*integer"),
        ('{"image_base64": "AAAA", "limit": NaN}', "limit: .*integer"),
        ('{"image_base64": "AAAA", "top_k": 3}', "top_k: .*not permitted"),
        (r'{"image_base64": "AAAA", "\ud800": 3}', "body: .*unicode"),
        ('{"image_base64": ', "not JSON"),
        ("", "not JSON"),
        ("[" * 200_000, "not JSON"),
        ('["AAAA"]', "JSON object"),
        ('"AAAA"', "JSON object"),
    ],
)
def test_json_that_cannot_be_answered(client: httpx.Client, body: str, detail: str):
    answer = client.post("/v1/search", content=body, headers={"Content-Type": "application/json"})

    check(answer, 422, "invalid_query", detail)


def test_json_that_is_not_utf_8(client: httpx.Client):
    headers = {"Content-Type": "application/json"}
    answer = client.post("/v1/search", content=b'{"image_base64": "\xff"}', headers=headers)

    check(answer, 422, "invalid_query", "not JSON")


@pytest.mark.parametrize(
    "kind", ["image/jpeg", "text/plain", "application/x-www-form-urlencoded", ""]
)
def test_a_content_type_that_carries_no_query(client: httpx.Client, kind: str):
    answer = client.post("/v1/search", content=PICTURE, headers={"Content-Type": kind})

    check(answer, 415, "unsupported_media_type", "multipart/form-data")


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=abc"])
def test_a_form_that_is_none(client: httpx.Client, kind: str):
    answer = client.post("/v1/search", content=b"--x", headers={"Content-Type": kind})

    check(answer, 400, "invalid_request", "multipart")


@pytest.mark.parametrize("limit", ["0", "201", "abc", ""])
def test_a_list_of_products_with_a_bad_limit(client: httpx.Client, limit: str):
    answer = client.get("/v1/products", params={"limit": limit})

    check(answer, 422, "invalid_query", "limit: ")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/products/no-such", "product_not_found"),
        ("/v1/products/", "product_not_found"),
        ("/v1/products/a%2F..%2Fb%00%FF", "product_not_found"),
        (f"/v1/images/{'0' * 64}", "image_not_found"),
        ("/v1/images/short", "image_not_found"),
        ("/v1/images/..%2F..%2Fcatalog.db", "not_found"),
        ("/v1/nothing", "not_found"),
        ("/static/nothing.js", "not_found"),
        ("/static/..%2Fsettings.py", "not_found"),
    ],
)
def test_what_does_not_exist(client: httpx.Client, path: str, code: str):
    answer = client.get(path)

    problem = answer.json()
    assert problem["code"] == code
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"), [("GET", "/v1/search", "POST"), ("DELETE", "/v1/index", "GET")]
)
def test_the_wrong_method_is_told_the_right_one(
    client: httpx.Client, method: str, path: str, allowed: str
):
    answer = client.request(method, path)

    check(answer, 405, "method_not_allowed", "`Allow`")
    assert answer.headers["allow"] == allowed


def test_an_upload_that_breaks_off_is_no_error_of_ours(client: httpx.Client, server: Server):
    host, port = httpx.URL(server.url).host, httpx.URL(server.url).port
    with socket.create_connection((host, port)) as connection:
        connection.sendall(
            b"POST /v1/search HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
            b"Content-Type: application/json\r\nX-Request-ID: broken-off\r\n\r\n{"
        )
    series = 'route="/v1/search",status="499"'

    eventually(lambda: series in client.get("/metrics").text, server.log.read_text, seconds=5)
    assert "broken-off" not in server.log.read_text()


# ---- before there is an index ----


@pytest.mark.parametrize("path", ["/v1/index", "/readyz"])
def test_without_an_index_the_way_to_one_is_named(empty_server: Server, path: str):
    with empty_server.client() as client:
        answer = client.get(path)

        check(answer, 503, "index_unavailable", "run `vitrine reindex SOURCE`")
        assert int(answer.headers["retry-after"]) > 0


def test_without_an_index_a_search_is_told_so(empty_server: Server):
    with empty_server.client() as client:
        answer = client.post("/v1/search", files={"file": PICTURE})

        check(answer, 503, "index_unavailable", "vitrine reindex")


def test_without_an_index_the_process_lives_and_the_page_is_there(empty_server: Server):
    with empty_server.client() as client:
        assert client.get("/livez").status_code == 200
        assert client.get("/v1/products").json() == {"products": []}
        assert "<title>Vitrine" in client.get("/").text
        assert "vitrine_index_version 0.0" in client.get("/metrics").text


# ---- an index that is there but must not be served ----


@contextmanager
def app_over(data_dir: Path, bundle: Path = DEFAULT_BUNDLE) -> Iterator[TestClient]:
    """The real parts over a data directory, within this process."""
    with serving(Settings(data_dir=data_dir, bundle=bundle)) as parts:
        parts.live.watch(0.1)
        app = create_app(parts, max_image_bytes=20_000_000)
        yield TestClient(app, raise_server_exceptions=False)


def other_bundle(folder: Path) -> tuple[Path, str]:
    """The bundle that ships, but for its preprocessing: its folder and its digest."""
    shutil.copytree(DEFAULT_BUNDLE, folder, copy_function=lambda a, b: Path(b).symlink_to(a))
    raw = json.loads((DEFAULT_BUNDLE / "bundle.json").read_text())
    raw["preprocess"]["background"] = [1, 2, 3]
    (folder / "bundle.json").unlink()
    (folder / "bundle.json").write_text(json.dumps(raw))
    return folder, bundle_digest(BundleManifest.model_validate(raw))


def test_an_index_by_another_model_is_refused_and_both_are_named(shop: Shop, tmp_path: Path):
    bundle, digest = other_bundle(tmp_path / "bundle")
    manifest = json.loads((shop.data_dir / "snapshots/v000001/manifest.json").read_text())
    with app_over(shop.data_dir, bundle) as client:
        for answer in (client.post("/v1/search", files={"file": PICTURE}), client.get("/readyz")):
            problem = check(answer, 503, "bundle_mismatch", "vitrine reindex")
            assert manifest["bundle_digest"][:12] in problem["detail"]
            assert digest[:12] in problem["detail"]


def test_the_command_line_says_so_in_one_line(shop: Shop, tmp_path: Path) -> None:
    bundle, digest = other_bundle(tmp_path / "bundle")
    picture = tmp_path / "query.jpg"
    picture.write_bytes(PICTURE)
    done = vitrine_here("search", picture, "--data-dir", shop.data_dir, "--bundle", bundle)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert digest[:12] in line


def test_a_damaged_index_is_refused_without_naming_files(shop: Shop, tmp_path: Path):
    data_dir = tmp_path / "data"
    shutil.copytree(shop.data_dir, data_dir)
    damaged = data_dir / "snapshots/v000001/index.faiss"
    damaged.write_bytes(damaged.read_bytes()[:-4] + b"\0\0\0\0")
    with app_over(data_dir) as client:
        answer = client.post("/v1/search", files={"file": PICTURE})

        check(answer, 503, "index_corrupt", "run `vitrine reindex` again")


def test_why_a_newer_index_is_not_served_is_told_without_naming_files(shop: Shop, tmp_path: Path):
    data_dir = tmp_path / "data"
    shutil.copytree(shop.data_dir, data_dir)
    with app_over(data_dir) as client:
        (data_dir / "CURRENT").write_text("nonsense\n")
        problem = eventually(lambda: client.get("/v1/index").json()["problem"], seconds=5)

        assert "vitrine reindex" in problem
        assert str(tmp_path) not in problem
        assert client.post("/v1/search", files={"file": PICTURE}).status_code == 200


def test_a_database_that_refuses_is_not_described(shop: Shop, tmp_path: Path):
    data_dir = tmp_path / "data"
    shutil.copytree(shop.data_dir, data_dir, ignore=shutil.ignore_patterns("catalog.db*"))
    (data_dir / "catalog.db").write_bytes(b"this is no database" * 100)
    with app_over(data_dir) as client:
        answer = client.get("/v1/products")

        check(answer, 503, "store_failed", "the catalogue database refused; .*log says why")


def test_what_nobody_expected_is_a_problem_without_details(shop: Shop):
    with serving(Settings(data_dir=shop.data_dir)) as parts:
        app = create_app(parts, max_image_bytes=1_000)

        @app.get("/broken")
        def broken() -> None:
            raise KeyError("a secret of /tmp/secret.py")

        client = TestClient(app, raise_server_exceptions=False)
        answer = client.get("/broken", headers={"X-Request-ID": "look-here"})

        problem = check(answer, 500, "internal", "the log has it")
        assert problem["request_id"] == "look-here"
        assert "secret" not in answer.text


def test_a_search_that_fails_unexpectedly_is_such_a_problem_too(shop: Shop):
    with serving(Settings(data_dir=shop.data_dir)) as parts, ThreadPoolExecutor(1) as threads:
        threads.shutdown()
        searchers = replace(parts.searchers, threads=threads)
        app = create_app(replace(parts, searchers=searchers), max_image_bytes=len(PICTURE))
        client = TestClient(app, raise_server_exceptions=False)
        answer = client.post("/v1/search", files={"file": PICTURE})

        check(answer, 500, "internal", "the log has it")
        counted = 'vitrine_requests_total{method="POST",route="/v1/search",status="500"} 1.0'
        assert counted in client.get("/metrics").text
