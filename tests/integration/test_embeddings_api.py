"""`/v1/embeddings`: OpenAI's shape, by hand and by OpenAI's own client."""

import base64
import math
import re
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from starlette.testclient import TestClient

from service.adapters.onnx_text import OnnxTextEncoder
from service.api.app import create_app
from service.core.preprocess import decode_for, preprocess
from service.encoders import make_encoder
from service.settings import DEFAULT_BUNDLE, Settings
from service.wiring import serving
from support.asking import base64_of
from support.live_server import Server, Shop
from support.product_bundle import product_bundle

pytestmark = pytest.mark.integration

MODEL = "vitrine-default"


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def embed(client: httpx.Client, input_: object, **options: object) -> dict:
    answer = client.post("/v1/embeddings", json={"input": input_, "model": MODEL, **options})
    assert answer.status_code == 200, answer.text
    return answer.json()


def uri(picture: bytes) -> str:
    return f"data:image/jpeg;base64,{base64_of(picture)}"


def test_vectors_are_those_of_the_towers_in_the_order_of_the_inputs(
    client: httpx.Client, shop: Shop
):
    encoder = make_encoder(Settings())
    spec = encoder.manifest.preprocess
    pictures = [shop.picture(number) for number in (3, 4)]
    pixels = np.stack([preprocess(spec, decode_for(spec, each)) for each in pictures])
    words = OnnxTextEncoder(DEFAULT_BUNDLE).encode(["navy blue shirt", "sunglasses"])
    found = embed(client, ["navy blue shirt", uri(pictures[0]), " sunglasses", uri(pictures[1])])

    expected = [words[0], *encoder.encode(pixels)[:1], words[1], *encoder.encode(pixels)[1:]]
    assert [item["index"] for item in found["data"]] == [0, 1, 2, 3]
    vectors = np.array([item["embedding"] for item in found["data"]])
    np.testing.assert_allclose(vectors, expected, atol=1e-5)


def test_one_input_needs_no_list_and_the_answer_has_openai_s_shape(client: httpx.Client):
    found = embed(client, "navy blue shirt men", user="someone", dimensions=256)

    assert found.keys() == {"object", "data", "model", "usage"}
    assert (found["object"], found["model"]) == ("list", MODEL)
    (item,) = found["data"]
    assert item.keys() == {"object", "index", "embedding"}
    assert item["object"] == "embedding"
    assert math.isclose(sum(x * x for x in item["embedding"]), 1, abs_tol=1e-5)
    assert found["usage"]["prompt_tokens"] == found["usage"]["total_tokens"] >= 4


def test_usage_counts_what_the_model_read(client: httpx.Client, shop: Shop):
    picture = embed(client, uri(shop.picture(0)))["usage"]["total_tokens"]
    words = embed(client, "shirt")["usage"]["total_tokens"]
    both = embed(client, [uri(shop.picture(0)), "shirt"])["usage"]["total_tokens"]

    assert picture == 64
    assert both == picture + words
    assert embed(client, "shirt " * 1000)["usage"]["total_tokens"] == 32, "cut to what is read"


def test_base64_is_little_endian_float32(client: httpx.Client, shop: Shop):
    inputs = ["a red bag", uri(shop.picture(1))]
    floats = embed(client, inputs, encoding_format="float")["data"]
    packed = embed(client, inputs, encoding_format="base64")["data"]
    for one, other in zip(floats, packed, strict=True):
        values = np.frombuffer(base64.b64decode(other["embedding"]), "<f4")
        np.testing.assert_array_equal(values, np.array(one["embedding"], np.float32))


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ({"input": ""}, 422, "input.*at least 1"),
        ({"input": " \n"}, 422, "input 0 is blank"),
        ({"input": []}, 422, "input.*at least 1"),
        ({"input": ["a"] * 65}, 422, "input.*at most 64"),
        ({"input": [[1, 2, 3]]}, 422, "input.*string"),
        ({"input": ["a", "x" * 10_001]}, 422, "input 1 is blank, or longer than 10,000"),
        ({"input": "data:image/png;base64,?!"}, 422, "input 0 is not base64"),
        ({"input": ["a", "data:image/png;base64,AAAA"]}, 415, "not a JPEG"),
        ({"input": "http://127.0.0.1:1/a.jpg"}, 422, "fetches no"),
        ({"input": "a", "model": "text-embedding-3-small"}, 422, "no model .*but vitrine-default"),
        ({"input": "a", "dimensions": 64}, 422, "have 256 dimensions"),
        ({"input": "a", "encoding_format": "hex"}, 422, "encoding_format: "),
        ({"input": "a", "top_k": 3}, 422, "top_k: .*not permitted"),
        ({"model": MODEL}, 422, "input: Field required"),
    ],
)
def test_what_cannot_be_embedded(client: httpx.Client, body: dict, status: int, detail: str):
    answer = client.post("/v1/embeddings", json={"model": MODEL, **body})

    assert answer.status_code == status, answer.text
    assert re.search(detail, answer.json()["detail"]), answer.text


def test_without_a_text_tower_words_are_refused_and_pictures_are_not(shop: Shop, tmp_path):
    bundle = product_bundle(tmp_path / "bundle")
    with serving(Settings(data_dir=tmp_path / "data", bundle=bundle)) as parts:
        client = TestClient(create_app(parts, max_image_bytes=20_000_000))
        words = client.post("/v1/embeddings", json={"input": "red", "model": "product"})
        picture = client.post(
            "/v1/embeddings", json={"input": uri(shop.picture(0)), "model": "product"}
        )

    assert (words.status_code, words.json()["code"]) == (422, "invalid_query")
    assert "product searches by picture only" in words.json()["detail"]
    assert len(picture.json()["data"][0]["embedding"]) == 24


def test_the_official_client_gets_what_we_answer(server: Server, shop: Shop):
    openai = pytest.importorskip("openai", reason="OpenAI's client is not installed: the dev extra")
    inputs = ["navy blue shirt", uri(shop.picture(2))]
    with (
        server.client() as plain,
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="none") as official,
    ):
        expected = [item["embedding"] for item in embed(plain, inputs)["data"]]
        by_default = official.embeddings.create(model=MODEL, input=inputs)
        floats = official.embeddings.create(model=MODEL, input=inputs, encoding_format="float")
        with pytest.raises(openai.UnprocessableEntityError) as refusal:
            official.embeddings.create(model="text-embedding-3-small", input="shirt")
    assert "no model 'text-embedding-3-small'" in refusal.value.response.json()["detail"]

    for found in (by_default, floats):
        vectors = [item.embedding for item in found.data]
        np.testing.assert_allclose(vectors, expected, atol=1e-6)
        assert found.model == MODEL
        assert found.usage.total_tokens > 64
