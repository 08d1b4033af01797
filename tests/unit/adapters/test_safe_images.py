"""Strangers' URLs: whatever they point at inside is refused alike; what is public arrives."""

import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import quote

import pytest

from service.adapters.guarded_network import NOT_PUBLIC
from service.adapters.safe_images import SafeImageFetcher
from service.core.errors import FetchError
from service.core.types import Download, Validators
from support.url_shop import (
    ETAG,
    MAX_BYTES,
    MODIFIED,
    PICTURE,
    Names,
    UrlShop,
    fetcher_for,
    running,
)

HERE = "127.0.0.1"
REFUSED = {NOT_PUBLIC, "not a valid URL"}
INNER_NAMES = {
    "localhost": "127.0.0.2",
    "inner_example": "10.1.2.3",
    "metadata_example": "169.254.169.254",
    "six_example": "::1",
    "mapped_example": "::ffff:169.254.169.254",
    "translated_example": "64:ff9b::7f00:1",
    "tunnel_example": "2002:7f00:1::",
    "scoped_example": "fe80::1%eth0",
    "zero_example": "0.0.0.0",
    "carrier_example": "100.64.0.1",
    "group_example": "224.0.0.1",
}


@pytest.fixture
def shop() -> Iterator[UrlShop]:
    with running() as server:
        yield server


@pytest.fixture
def names() -> Names:
    inner = {name: [[address]] for name, address in INNER_NAMES.items()}
    both = [["93.184.215.14", "10.0.0.1"]]
    return Names(shop_example=[[HERE]], both_example=both, empty_example=[[]], **inner)


@pytest.fixture
def fetcher(shop: UrlShop, names: Names) -> Iterator[SafeImageFetcher]:
    with fetcher_for(shop, names) as fetcher:
        yield fetcher


def reason(fetcher: SafeImageFetcher, url: str) -> str:
    with pytest.raises(FetchError) as failure:
        fetcher.fetch(url)
    assert type(failure.value) is FetchError
    text = str(failure.value)
    assert "\n" not in text
    return text


INNER_HOSTS = [
    # As they are. 127.0.0.1 itself is allowed here, so its neighbours stand for it.
    "127.0.0.2",
    "127.255.255.254",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "[::]",
    "[::1]",
    "[fe80::1]",
    "[fe80::1%25eth0]",
    "[fd00:ec2::254]",
    "[ff02::1]",
    "[2001:db8::1]",
    # One inside the other.
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:169.254.169.254]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::127.0.0.1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    # As resolvers read numbers.
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "127.1",
    "0",
    "127.0.0.1.",
    "0xA9FEA9FE",
    "2852039166",
    "134744072",
    # By name.
    "localhost",
    "LOCALHOST",
    "localhost.",
    "inner.example",
    "metadata.example",
    "six.example",
    "mapped.example",
    "translated.example",
    "tunnel.example",
    "scoped.example",
    "zero.example",
    "carrier.example",
    "group.example",
    "both.example",
    "empty.example",
    "unknown.example",
    # Names that are none.
    "a..b",
    "-.example",
    "a b",
    "shop.example%00.inner.example",
    "shop.example%2f",
    "*",
]


@pytest.mark.parametrize("host", INNER_HOSTS)
def test_nothing_inside_is_reached(shop: UrlShop, fetcher: SafeImageFetcher, host: str) -> None:
    assert reason(fetcher, shop.url("/picture", host)) in REFUSED
    assert shop.visits == []


@pytest.mark.parametrize("host", INNER_HOSTS)
def test_no_redirect_leads_inside(shop: UrlShop, fetcher: SafeImageFetcher, host: str) -> None:
    inner = quote(shop.url("/picture", host), safe="")
    assert reason(fetcher, shop.url(f"/to/{inner}")) in REFUSED
    assert len(shop.visits) == 1


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("file:///etc/passwd", "neither http nor https"),
        ("gopher://shop.example/_x", "neither http nor https"),
        ("ftp://shop.example/a.jpg", "neither http nor https"),
        ("data:image/png;base64,AAAA", "neither http nor https"),
        ("javascript:alert(1)", "neither http nor https"),
        ("dict://shop.example:80/", "neither http nor https"),
        ("ws://shop.example/", "neither http nor https"),
        ("http+unix://%2Frun%2Fdocker.sock/", "neither http nor https"),
        ("//shop.example/a.jpg", "neither http nor https"),
        ("/etc/passwd", "neither http nor https"),
        ("", "neither http nor https"),
        ("http:///etc/passwd", "not a valid URL: it names no host"),
        ("http:shop.example", "not a valid URL: it names no host"),
        ("http://user:secret@shop.example/", "a URL may not hold a user name or password"),
        ("http://shop.example@10.0.0.1/", "a URL may not hold a user name or password"),
        ("http://10.0.0.1\\@shop.example/", "a URL may not hold a user name or password"),
        ("http://@shop.example/", NOT_PUBLIC),  # an empty user is none; unreachable here
        ("http://shop.example:22/", "only ports 80, 443 are fetched from"),
        ("http://shop.example:6379/", "only ports 80, 443 are fetched from"),
        ("http://shop.example:0/", "only ports 80, 443 are fetched from"),
        ("http://shop.example:70000/", "only ports 80, 443 are fetched from"),
        ("http://shop.example\r\nHost: inner/", "not a valid URL"),
        ("http://shop.example/a\r\nX-Evil: 1", "not a valid URL"),
        ("http://shop.example/\t", "not a valid URL"),
        ("http://shop.example/\0", "not a valid URL"),
        ("http://shop.example/\ud800", "not a valid URL"),
        ("http://[::1", "not a valid URL"),
        ("http://[::1]]/", "not a valid URL"),
        ("http://[v1.fe80]/", "not a valid URL"),
        ("http://①②⑦.⓪.⓪.①/", "not a valid URL"),
        ("http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", "not a valid URL"),
        ("http://010.8.8.8/", "not a valid URL"),
        ("http://999.1.1.1/", "not a valid URL"),
        ("http://xn--/", NOT_PUBLIC),
        ("http://" + "a" * 300 + "/", NOT_PUBLIC),
        ("http://shop.example/" + "a" * 5000, "a URL of more than 4,096 characters"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_no_url_to_fetch(url: str, why: str) -> None:
    with SafeImageFetcher(max_bytes=MAX_BYTES, resolve=Names()) as fetcher:
        assert reason(fetcher, url) == why


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("file:///etc/passwd", "neither http nor https"),
        ("gopher://shop.example/_x", "neither http nor https"),
        ("data:image/png;base64,AAAA", "neither http nor https"),
        ("http://user:secret@shop.example/", "a URL may not hold a user name or password"),
        ("http://shop.example:22/", "only ports 80, 443"),
        ("http://[::1", "not a valid URL"),
        ("http://010.8.8.8/", "not a valid URL"),
    ],
)
def test_no_redirect_leads_there(
    shop: UrlShop, fetcher: SafeImageFetcher, url: str, why: str
) -> None:
    assert why in reason(fetcher, shop.url("/to/" + quote(url, safe="")))
    assert len(shop.visits) == 1


def test_there_are_enough_targets() -> None:
    assert len(set(INNER_HOSTS)) == len(INNER_HOSTS) >= 60


def test_a_public_picture_arrives_as_it_was_sent(shop: UrlShop, fetcher: SafeImageFetcher) -> None:
    assert fetcher.fetch(shop.url("/picture")) == Download(PICTURE, Validators(ETAG, MODIFIED))
    assert shop.visits == [("/picture", f"shop.example:{shop.port}")]


def test_a_picture_that_did_not_change_is_not_sent_again(
    shop: UrlShop, fetcher: SafeImageFetcher
) -> None:
    known = Validators(ETAG, MODIFIED)
    assert fetcher.fetch(shop.url("/picture"), known) == Download(None, known)
    assert fetcher.fetch(shop.url("/picture"), Validators('"v0"', MODIFIED)).data == PICTURE


def test_a_name_is_resolved_once_and_its_address_connected_to(shop: UrlShop) -> None:
    """The system's resolver knows no such name: only the address that was checked can be used."""
    names = Names(rebinding_example=[[HERE], ["10.0.0.1"]])
    with fetcher_for(shop, names) as fetcher:
        url = shop.url("/picture", "rebinding.example")
        assert fetcher.fetch(url).data == PICTURE
        assert names.asked == ["rebinding.example"]
        assert reason(fetcher, url) == NOT_PUBLIC
    assert len(shop.visits) == 1


def test_a_name_that_turns_inward_during_a_redirect(shop: UrlShop) -> None:
    names = Names(rebinding_example=[[HERE], ["169.254.169.254"]])
    with fetcher_for(shop, names) as fetcher:
        assert reason(fetcher, shop.url("/hop/1", "rebinding.example")) == NOT_PUBLIC
    assert len(shop.visits) == 1


def test_the_next_address_is_tried_where_one_does_not_answer(shop: UrlShop) -> None:
    names = Names(shop_example=[["127.0.0.3", HERE]])
    here = ip_network("127.0.0.0/8")
    with fetcher_for(shop, names, allowed=[here]) as fetcher:
        assert fetcher.fetch(shop.url("/picture")).data == PICTURE


def test_nobody_listening(shop: UrlShop) -> None:
    names = Names(shop_example=[["127.0.0.3"]])
    with fetcher_for(shop, names, allowed=[ip_network("127.0.0.0/8")]) as fetcher:
        assert reason(fetcher, shop.url("/picture")) == "could not connect"


@pytest.mark.parametrize("status", [201, 204, 300, 304, 401, 404, 500])
def test_an_answer_without_a_picture_names_its_status_alone(
    shop: UrlShop, fetcher: SafeImageFetcher, status: int
) -> None:
    assert reason(fetcher, shop.url(f"/status/{status}")) == f"HTTP {status}"
    assert len(shop.visits) == 1


def test_three_redirects_are_followed_and_a_fourth_is_not(
    shop: UrlShop, fetcher: SafeImageFetcher
) -> None:
    assert fetcher.fetch(shop.url("/hop/3")).data == PICTURE
    assert reason(fetcher, shop.url("/hop/4")) == "more than 3 redirects"


def test_the_cap_is_the_last_size_accepted(shop: UrlShop, fetcher: SafeImageFetcher) -> None:
    assert fetcher.fetch(shop.url(f"/size/{MAX_BYTES}")).data == bytes(MAX_BYTES)
    for path in (f"/size/{MAX_BYTES + 1}", "/claims/99999999999", "/endless"):
        assert reason(fetcher, shop.url(path)) == "more than 20,000 bytes"


@pytest.mark.parametrize("path", ["/claims/9", "/claims/-1", "/claims/many", "/headers/99"])
def test_an_answer_that_breaks_off_or_breaks_the_rules(
    shop: UrlShop, fetcher: SafeImageFetcher, path: str
) -> None:
    assert reason(fetcher, shop.url(path)) == "connection broke"


@pytest.mark.parametrize("path", ["/silence", "/drip", "/drip/headers"])
def test_neither_silence_nor_a_trickle_outlasts_the_deadline(
    shop: UrlShop, names: Names, path: str
) -> None:
    with fetcher_for(shop, names, timeout_seconds=0.2) as fetcher:
        start = time.monotonic()
        assert reason(fetcher, shop.url(path)) == "timed out"
        assert time.monotonic() - start < 5
    assert len(shop.visits) == 1


def test_a_resolver_that_hangs_does_not_outlast_the_deadline(shop: UrlShop) -> None:
    ended = threading.Event()

    def hang(host: str, port: int) -> list[str]:
        ended.wait()
        return [HERE]

    with SafeImageFetcher(max_bytes=1, timeout_seconds=0.1, resolve=hang) as fetcher:
        assert reason(fetcher, "http://shop.example/") == "timed out"
        ended.set()


def test_nothing_of_the_environment_is_used(
    shop: UrlShop, names: Names, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine shop.example login me password secret")
    monkeypatch.setenv("NETRC", str(netrc))
    with fetcher_for(shop, names) as fetcher:
        assert fetcher.fetch(shop.url("/picture")).data == PICTURE


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of shop.example, in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on PATH to make a certificate with")
    path = tmp_path_factory.mktemp("tls") / "shop.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += [
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=shop",
        "-keyout",
        str(path),
        "-out",
        str(path),
    ]
    names = ["-addext", "subjectAltName=DNS:shop.example"]
    subprocess.run([*command, *names], check=True, capture_output=True)
    return path


def test_the_certificate_is_of_the_name_and_not_of_the_address(certificate: Path) -> None:
    asked: list[str | None] = []
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(certificate)
    theirs.sni_callback = lambda _socket, name, _context: asked.append(name)
    ours = ssl.create_default_context(cafile=certificate)
    names = Names(shop_example=[[HERE]], other_example=[[HERE]])
    with running(theirs) as shop, fetcher_for(shop, names, tls=ours) as fetcher:
        assert fetcher.fetch(shop.url("/picture", scheme="https")).data == PICTURE
        other = shop.url("/picture", "other.example", scheme="https")
        assert reason(fetcher, other) == "could not connect"
    assert asked == ["shop.example", "other.example"]
    assert len(shop.visits) == 1


def test_the_usual_authorities_are_trusted_and_no_others(certificate: Path) -> None:
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(certificate)
    with running(theirs) as shop, fetcher_for(shop, Names(shop_example=[[HERE]])) as fetcher:
        assert reason(fetcher, shop.url("/picture", scheme="https")) == "could not connect"
    assert shop.visits == []
