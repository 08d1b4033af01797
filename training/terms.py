"""Words in catalogue text, of any language.

    Product -> document_of -> {field: text} -> tokenise -> runs of words -> n-grams (lexicon)

Nothing here knows a language: what a stop word is shows later, from the company it keeps.
"""

import re
import sys
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise

from service.core.types import Product

Document = Mapping[str, str]
"""The text of one product: field name to text."""
Words = tuple[str, ...]

_IDENTIFIER = re.compile(r"(?i)\w+://|www\.|[\w./\\-]*[/\\][\w./\\-]*\.\w{2,4}$|[0-9a-f-]{16,}$")
_HYPHENS = ("-", "_", "\u2010", "\u2011")
_APOSTROPHES = str.maketrans("", "", "'`\u2019\u02bc\u00ad\u200b\u200c\u200d")


def document_of(product: Product, fields: frozenset[str] | None = None) -> dict[str, str]:
    """Return the text of a product by field; what looks like an id, a URL or a path is left out.

    Args:
        product: As its catalogue describes it.
        fields: Only these (title, category, brand, or an attribute's name); all where None.
    """
    texts = {"title": product.title, "category": product.category, "brand": product.brand}
    for name, value in product.attributes.items():
        values = value if isinstance(value, tuple) else (value,)
        # The vertical bar keeps phrases from running from one tag into the next.
        texts[name] = " | ".join(v for v in values if isinstance(v, str) and not _is_identifier(v))
    return {k: v for k, v in texts.items() if v.strip() and (fields is None or k in fields)}


def _is_identifier(value: str) -> bool:
    value = value.strip()
    one_word = not any(c.isspace() for c in value)
    coded = any(c.isdigit() for c in value) and sum(c.isalpha() for c in value) <= len(value) // 2
    return one_word and (coded or _IDENTIFIER.match(value) is not None)


@lru_cache(maxsize=1)
def _word_pattern() -> re.Pattern[str]:
    # Python's \w lacks combining marks, without which no word of Hindi or Thai is whole.
    marks = "".join(
        re.escape(chr(c))
        for c in range(0x300, min(sys.maxunicode, 0xFFFF))
        if unicodedata.category(chr(c)) in ("Mn", "Mc")
    )
    han = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
    kana = "\u30a1-\u30fa\u30fc"
    return re.compile(f"[{han}]|[{kana}]+|(?:(?![_{han}{kana}])[\\w{marks}])+")


def is_ideograph(word: str) -> bool:
    """Whether a word is one Han character, which Chinese and Japanese write without spaces."""
    return len(word) == 1 and ("\u3400" <= word <= "\u9fff" or word >= "\uf900")


def tokenise(text: str) -> list[Words]:
    """Split text into runs of words that no punctuation parts, folded for comparison (NFKC).

    A hyphen inside a word parts words but not runs ("t-shirt" is "t", "shirt"); numbers are
    dropped and end a run; each Han character is a word of its own, a run of katakana is one.
    """
    text = unicodedata.normalize("NFKC", text).casefold().translate(_APOSTROPHES)
    runs: list[Words] = []
    run: list[str] = []
    end = 0
    for match in _word_pattern().finditer(text):
        gap, end = text[end : match.start()], match.end()
        if run and gap.strip() and gap not in _HYPHENS:
            runs.append(tuple(run))
            run = []
        word = match.group()
        if any(c.isalpha() for c in word):
            run.append(word)
        elif run:
            runs.append(tuple(run))
            run = []
    return [*runs, tuple(run)] if run else runs


def spell(words: Words) -> str:
    """Write a term as people read it: words apart, ideographs together."""
    text = words[0]
    for before, word in pairwise(words):
        text += word if is_ideograph(before) and is_ideograph(word) else f" {word}"
    return text


def runs_of(document: Document) -> list[Words]:
    """Return the runs of words of every field; none runs from one field into the next."""
    return [run for text in document.values() for run in tokenise(text)]
