from pathlib import Path

import pytest
from tokenizers import Tokenizer

from training.tokenizer import EOS, PAD, train_tokenizer

TEXTS = ["Navy Blue Shirt", "navy blue shirts", "Red shoes", "red shoe"] * 5


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer(TEXTS, vocab=300, max_length=8)


def test_every_text_has_the_fixed_length_and_ends_with_eos_before_the_padding(
    tokenizer: Tokenizer,
) -> None:
    for text in ("", "red", "navy blue shirt", "words that nobody has ever seen, many of them"):
        ids = tokenizer.encode(text).ids
        assert len(ids) == 8
        end = ids.index(EOS)
        assert PAD not in ids[:end]
        assert set(ids[end + 1 :]) <= {PAD}


def test_the_file_alone_carries_lengths_and_normalisation(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    loaded = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    texts = ["NAVY blue", "red, red, red, red, red, red shoes", ""]
    read = [encoding.ids for encoding in loaded.encode_batch(texts)]
    assert read == [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    assert {len(ids) for ids in read} == {8}


def test_case_and_compatibility_forms_do_not_matter(tokenizer: Tokenizer) -> None:
    wide = "ｎａｖｙ ｂｌｕｅ"  # noqa: RUF001
    plain = tokenizer.encode("navy blue").ids
    assert tokenizer.encode("NAVY Blue").ids == plain
    assert tokenizer.encode(wide).ids == plain


def test_a_word_is_one_token_wherever_it_stands(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("navy blue").tokens[:3] == ["Ġnavy", "Ġblue", "[EOS]"]
    assert tokenizer.encode("blue navy").tokens[:3] == ["Ġblue", "Ġnavy", "[EOS]"]


def test_a_text_of_any_script_has_ids_and_reads_back(tokenizer: Tokenizer) -> None:
    assert tokenizer.decode(tokenizer.encode("añ").ids).strip() == "añ"


def test_the_same_texts_give_the_same_tokenizer() -> None:
    first, second = (train_tokenizer(TEXTS, vocab=300).to_str() for _ in range(2))
    assert first == second
    assert train_tokenizer(TEXTS[:4], vocab=300).to_str() != first


def test_the_vocabulary_stays_within_its_limit() -> None:
    assert train_tokenizer(TEXTS, vocab=262).get_vocab_size() == 262
    assert train_tokenizer(TEXTS, vocab=4096).get_vocab_size() < 300


@pytest.mark.parametrize(("vocab", "max_length"), [(257, 32), (4096, 1)])
def test_sizes_that_hold_no_text_are_refused(vocab: int, max_length: int) -> None:
    with pytest.raises(ValueError, match=r"smaller than 256 bytes|no room for a word"):
        train_tokenizer(TEXTS, vocab, max_length)
