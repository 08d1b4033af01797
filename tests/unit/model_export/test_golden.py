"""Bytes to vector by the service, against the model's own image processor and torch, per family."""

import string
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import transformers as hf
from PIL import Image
from torch.nn import functional as F

from service.adapters.onnx_encoder import OnnxEncoder
from service.adapters.onnx_text import OnnxTextEncoder
from service.core.manifest import PreprocessSpec
from service.core.preprocess import decode_for, preprocess
from service.core.types import Vectors
from service.demo.products import product, products
from service.demo.render import render
from support.foreign_models import IMAGENET, SAVERS, SIZE, exported_foreign, saved_once
from support.pictures import encoded, photo

SHARED = Path(__file__).parents[3].parent / "shared" / "data"
FILES = ("fashion-hires", "fashion-lowres", "clothing", "grocery")
LEAST_COSINE = 0.999


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp() / "foreign"


def busy(width: int, height: int) -> Image.Image:
    """A picture with detail of every size, on which a shift of half a pixel shows."""
    rng = np.random.default_rng(width)
    pixels = np.asarray(photo(width, height)).astype(float)
    for block in (2, 4, 8, 16, 32):
        noise = rng.normal(0, 20, (height // block + 1, width // block + 1, 3))
        pixels += noise.repeat(block, 0).repeat(block, 1)[:height, :width]
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def made_pictures() -> list[bytes]:
    """Renderings, and pictures of odd shapes: upscaled, shrunk by the decoder, shrunk by us."""
    rendered = [encoded(render(product(n), n, size=160), "JPEG", quality=92) for n in range(3)]
    shapes = [(300, 200), (77, 301), (23, 40), (450, 351), (1125, 901), (1339, 1999)]
    return [
        *rendered,
        *(encoded(busy(*size), "PNG") for size in shapes),
        encoded(busy(1201, 801), "JPEG", quality=92),
    ]


def square_pictures() -> list[bytes]:
    png = [encoded(busy(side, side), "PNG") for side in (23, 160, 401, 1001)]
    return [*png, *(encoded(busy(side, side), "JPEG", quality=92) for side in (40, 301, 777))]


def photos(file: str) -> list[bytes]:
    """Five pictures from across a file of real product photos."""
    path = SHARED / f"{file}.parquet"
    if not path.exists():
        pytest.skip(f"no {path}: the photos are not part of the project")
    column = pq.read_table(path, columns=["image"])["image"]
    return [column[i]["bytes"].as_py() for i in range(7, len(column), len(column) // 5)][:5]


def by_the_service(bundle: Path, pictures: list[bytes]) -> Vectors:
    encoder = OnnxEncoder(bundle, threads=1)
    spec = encoder.manifest.preprocess
    return encoder.encode(np.stack([preprocess(spec, decode_for(spec, p)) for p in pictures]))


def by_the_model(family: str, folder: Path, pictures: list[bytes]) -> Vectors:
    """What `transformers` gives, with nothing of ours."""
    model = hf.AutoModel.from_pretrained(folder).eval()
    images = [Image.open(BytesIO(picture)).convert("RGB") for picture in pictures]
    with torch.inference_mode():
        if family == "dinov3_vit":
            inputs = {"pixel_values": torch.cat([as_dinov3(image) for image in images])}
        else:
            processor = hf.AutoImageProcessor.from_pretrained(folder, backend="pil")
            inputs = processor(images=images, return_tensors="pt")
        if family in ("clip", "siglip", "siglip2"):
            vectors = model.get_image_features(**inputs).pooler_output
        elif family in ("vit", "deit"):
            vectors = model(**inputs).last_hidden_state[:, 0]
        else:
            vectors = model(**inputs).pooler_output
        return F.normalize(vectors, dim=-1).numpy()


def as_dinov3(image: Image.Image) -> torch.Tensor:
    """As its processor, whose class needs torchvision: to 0..1, antialiased resize, normalise."""
    pixels = torch.from_numpy(np.asarray(image) / np.float32(255)).permute(2, 0, 1)[None]
    pixels = F.interpolate(pixels, (SIZE, SIZE), mode="bilinear", antialias=True)
    mean, std = (torch.tensor(IMAGENET[name]).view(3, 1, 1) for name in ("image_mean", "image_std"))
    return (pixels - mean) / std


def check(family: str, root: Path, pictures: list[bytes]) -> None:
    ours = by_the_service(exported_foreign(root, family), pictures)
    theirs = by_the_model(family, saved_once(root, family), pictures)
    cosines = (ours * theirs).sum(axis=1)
    assert cosines.min() >= LEAST_COSINE, cosines
    # Pictures differ, else agreement would mean nothing.
    others = theirs @ theirs.T - 2 * np.eye(len(theirs))
    assert others.max() < LEAST_COSINE, others.max()


@pytest.mark.parametrize("family", [name for name in SAVERS if name != "siglip2"])
def test_made_pictures_become_the_vectors_that_the_model_gives(family: str, root: Path) -> None:
    check(family, root, made_pictures())


def test_square_pictures_become_the_vectors_that_naflex_gives(root: Path) -> None:
    """Others keep their shape in NaFlex, and are made square here."""
    check("siglip2", root, square_pictures())


def test_decoding_as_for_our_own_models_would_not_do(root: Path) -> None:
    """Why such bundles ask for faithful decoding: whole factors shift what is seen."""
    bundle = exported_foreign(root, "clip")
    encoder = OnnxEncoder(bundle, threads=1)
    spec = encoder.manifest.preprocess
    assert spec.decoding == "faithful"
    quick = spec.model_copy(update={"decoding": "quick"})
    sizes = [(201, 161), (301, 200), (333, 271), (450, 351), (999, 751)]
    pictures = [encoded(busy(*size), "PNG") for size in sizes]
    theirs = by_the_model("clip", saved_once(root, "clip"), pictures)

    def worst(spec: PreprocessSpec) -> float:
        pixels = np.stack([preprocess(spec, decode_for(spec, p)) for p in pictures])
        return float((encoder.encode(pixels) * theirs).sum(axis=1).min())

    assert worst(quick) < LEAST_COSINE
    assert worst(spec) > 0.9999


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("family", [name for name in SAVERS if name != "siglip2"])
def test_real_photos_become_the_vectors_that_the_model_gives(
    family: str, file: str, root: Path
) -> None:
    check(family, root, photos(file))


def test_real_square_photos_become_the_vectors_that_naflex_gives(root: Path) -> None:
    check("siglip2", root, photos("fashion-hires"))


@pytest.mark.parametrize("family", ["clip", "siglip", "siglip2"])
def test_words_become_the_vectors_that_the_model_gives(family: str, root: Path) -> None:
    texts = [item.title for item in products(9, seed=5)] + ["", "UPPER  case", "red " * 40]
    ours = OnnxTextEncoder(exported_foreign(root, family), threads=1).encode(texts)
    folder = saved_once(root, family)
    model = hf.AutoModel.from_pretrained(folder).eval()
    if family == "siglip":
        # What its own tokenizer does to a text in Python.
        bare = str.maketrans("", "", string.punctuation)
        texts = [" ".join(text.lower().translate(bare).split()) for text in texts]
        tokenizer = hf.PreTrainedTokenizerFast.from_pretrained(folder)
    else:
        tokenizer = hf.AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer(
        texts, padding="max_length", truncation=True, max_length=16, return_tensors="pt"
    )
    with torch.inference_mode():
        made = model.get_text_features(input_ids=inputs["input_ids"]).pooler_output
    theirs = F.normalize(made, dim=-1).numpy()
    assert (ours * theirs).sum(axis=1).min() >= 0.9999
    others = theirs @ theirs.T - 2 * np.eye(len(theirs))
    assert others.max() < 0.9999
