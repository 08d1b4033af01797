import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from training.checkpoint import CheckpointError
from training.labels import DataError
from training.lit import TextRunConfig, load_text, train_text
from training.sigmoid_loss import SigmoidLoss
from training.terms import Document
from training.text_tower import TextConfig
from training.tokenizer import encode

TINY = TextRunConfig(
    text=TextConfig(vocab=320, width=32, depth=1, heads=2, max_length=12, dim=24),
    captions=32,
    pictures=128,
    steps=120,
    learning_rate=5e-3,
)
SHORT = replace(TINY, steps=42)
COLOURS = ("red", "green", "blue", "black", "navy blue")
TYPES = ("shoe", "shirt", "watch", "hat")


class Interrupted(Exception):
    """Stands for whatever ends a process between two checkpoints."""


def looks(seed: int = 0) -> dict[tuple[str, str], NDArray[np.float64]]:
    """What a picture of each colour and type is embedded to, noise aside."""
    random = np.random.default_rng(seed)
    of = {name: random.normal(size=24) for name in COLOURS + TYPES}
    return {(colour, kind): of[colour] + of[kind] for colour in COLOURS for kind in TYPES}


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float16]:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / lengths, dtype=np.float16)


@pytest.fixture(scope="module")
def catalogue() -> tuple[NDArray[np.float16], list[Document]]:
    """Ten products of every colour and type, two views each; a fifth has a title alone."""
    random = np.random.default_rng(1)
    vectors, documents = [], []
    for i in range(10):
        for (colour, kind), look in looks().items():
            vectors.append(look + random.normal(scale=0.3, size=(2, 24)))
            title: Document = {"title": f"Brand{i} {colour} {kind}".title()}
            values: Document = {"base_colour": colour.title(), "article_type": kind.title()}
            documents.append(title if i % 5 == 0 else {**title, **values})
    return unit(np.stack(vectors)), documents


@pytest.fixture(scope="module")
def whole_run(
    catalogue: tuple[NDArray[np.float16], list[Document]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    return train_text(TINY, *catalogue, tmp_path_factory.mktemp("whole"))


def equal(left: Any, right: Any) -> bool:
    """Same numbers to the last bit, however deep."""
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(equal(left[k], right[k]) for k in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(equal, left, right))
    return torch.equal(left, right) if isinstance(left, torch.Tensor) else bool(left == right)


def read(path: Path) -> Any:
    return torch.load(path, weights_only=True)


def test_the_loss_at_the_start_is_that_of_the_formula() -> None:
    texts = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    pictures = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    truth = torch.tensor([[True, False, False], [False, True, True]])

    def log_sigmoid(z: float, cosine: float) -> float:
        return -math.log1p(math.exp(-z * (10 * cosine - 10)))

    first = log_sigmoid(1, 1) + log_sigmoid(-1, 0) + log_sigmoid(-1, 0.6)
    second = log_sigmoid(-1, 0) + (log_sigmoid(1, 1) + log_sigmoid(1, 0.8)) / 2
    loss = SigmoidLoss()(texts, pictures, truth)
    assert loss.item() == pytest.approx(-(first + second) / 2, rel=1e-5)


def test_with_one_picture_a_caption_the_loss_is_that_of_siglip() -> None:
    texts, pictures = torch.nn.functional.normalize(torch.randn(2, 6, 8), dim=-1)
    signs = 2 * torch.eye(6) - 1
    published = -torch.nn.functional.logsigmoid(signs * (10 * texts @ pictures.T - 10)).sum() / 6
    torch.testing.assert_close(SigmoidLoss()(texts, pictures, signs > 0), published)


def test_the_right_picture_is_the_first_answer(whole_run: Path) -> None:
    _, tower = load_text(whole_run)
    tokenizer = Tokenizer.from_file(str(whole_run.with_name("tokenizer.json")))
    names = list(looks())
    pictures = torch.from_numpy(unit(np.stack(list(looks().values())))).float()
    for wording in ("{0} {1}", "{1} {0}", "{0} {1}s", "{0} {1} brand3"):
        texts = [wording.format(colour, kind) for colour, kind in names]
        with torch.no_grad():
            best = (tower(encode(tokenizer, texts)) @ pictures.T).argmax(dim=1)
        right = (best == torch.arange(len(names))).float().mean().item()
        assert right >= (1.0 if wording == "{0} {1}" else 0.9), wording


def test_the_log_tells_of_a_falling_loss(whole_run: Path) -> None:
    lines = [json.loads(line) for line in (whole_run.parent / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [0, 20, 40, 60, 80, 100, 119]
    assert lines[-1]["loss"] < 0.5 * lines[0]["loss"]


def test_an_interrupted_run_ends_where_an_uninterrupted_one_does(
    catalogue: tuple[NDArray[np.float16], list[Document]], whole_run: Path, tmp_path: Path
) -> None:
    def interrupt(done: int, steps: int, loss: float) -> None:
        if done > 1:
            raise Interrupted

    with pytest.raises(Interrupted):
        train_text(TINY, *catalogue, tmp_path, on_step=interrupt, save_seconds=0)
    assert read(tmp_path / "text.pt")["step"] == 20
    path = train_text(TINY, *catalogue, tmp_path)
    assert equal(read(path), read(whole_run))
    names = ("text.pt", "tokenizer.json", "log.jsonl")
    assert {file.name for file in tmp_path.iterdir()} == set(names)


def test_a_finished_run_is_not_trained_further(
    catalogue: tuple[NDArray[np.float16], list[Document]], tmp_path: Path
) -> None:
    heard: list[tuple[int, int]] = []
    path = train_text(SHORT, *catalogue, tmp_path, on_step=lambda *now: heard.append(now[:2]))
    before = read(path)
    train_text(SHORT, *catalogue, tmp_path, on_step=lambda *now: heard.append(now[:2]))
    assert heard == [(1, 42), (21, 42), (41, 42), (42, 42)]
    assert equal(read(path), before)


def test_products_without_text_take_no_part(
    catalogue: tuple[NDArray[np.float16], list[Document]], tmp_path: Path
) -> None:
    vectors, documents = catalogue
    first = train_text(SHORT, vectors, documents, tmp_path / "first")
    nameless = np.concatenate([vectors[:50], vectors])
    unnamed: list[Document] = [{"title": ""}] * 50
    second = train_text(SHORT, nameless, [*unnamed, *documents], tmp_path / "second")
    assert equal(read(first), read(second))


def test_another_seed_is_another_run(
    catalogue: tuple[NDArray[np.float16], list[Document]], tmp_path: Path
) -> None:
    first = train_text(SHORT, *catalogue, tmp_path / "0")
    second = train_text(replace(SHORT, seed=1), *catalogue, tmp_path / "1")
    assert not equal(read(first)["model"], read(second)["model"])


def test_a_catalogue_without_text_is_refused(
    catalogue: tuple[NDArray[np.float16], list[Document]], tmp_path: Path
) -> None:
    vectors, _ = catalogue
    with pytest.raises(DataError, match="none of the 200 products has a title, a description or"):
        train_text(TINY, vectors, [{}] * len(vectors), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_vectors_that_do_not_fit_are_refused(
    catalogue: tuple[NDArray[np.float16], list[Document]], tmp_path: Path
) -> None:
    vectors, documents = catalogue
    with pytest.raises(DataError, match="199 rows of vectors, but 200 documents"):
        train_text(TINY, vectors[1:], documents, tmp_path)
    with pytest.raises(DataError, match=r"not \(products, views, 24\)"):
        train_text(TINY, vectors[:, :, :16], documents, tmp_path)


def test_a_run_of_another_config_is_refused_with_the_way_out(
    catalogue: tuple[NDArray[np.float16], list[Document]], whole_run: Path
) -> None:
    before = whole_run.read_bytes()
    with pytest.raises(CheckpointError, match="other config; choose another --out, or remove it"):
        train_text(replace(TINY, learning_rate=1e-4), *catalogue, whole_run.parent)
    assert whole_run.read_bytes() == before


def test_a_run_on_other_texts_is_refused(
    catalogue: tuple[NDArray[np.float16], list[Document]], whole_run: Path
) -> None:
    vectors, documents = catalogue
    others = [{**document, "base_colour": "Vermilion"} for document in documents]
    with pytest.raises(CheckpointError, match="other texts; choose another --out"):
        train_text(TINY, vectors, others, whole_run.parent)


def test_what_is_no_text_tower_is_refused(whole_run: Path, tmp_path: Path) -> None:
    path = tmp_path / "text.pt"
    with pytest.raises(CheckpointError, match="no text tower at"):
        load_text(path)
    path.write_bytes(b"PK\3\4 and nothing after")
    with pytest.raises(CheckpointError, match="is damaged"):
        load_text(path)
    torch.save({**read(whole_run), "schema": 99}, path)
    with pytest.raises(CheckpointError, match="has schema 99, this Vitrine reads 1"):
        load_text(path)
    torch.save({**read(whole_run), "config": "{}"}, path)
    with pytest.raises(CheckpointError, match="another version of Vitrine"):
        load_text(path)
