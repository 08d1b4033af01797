"""The words of a piece of HTML: `<p>Soft &amp; warm<br>wool</p>` -> `Soft & warm wool`."""

from html.parser import HTMLParser

_SILENT = frozenset(("script", "style", "template", "noscript"))
_WITHIN_A_WORD = frozenset(
    ("a", "abbr", "b", "code", "em", "font", "i", "mark", "s", "small", "span", "strong", "sub")
) | {"sup", "u", "wbr"}


def text_of(html: str) -> str:
    """Return what a reader would see, in one line; text without tags as it stands."""
    words = _Words()
    words.feed(html.replace("<![", "<!"))  # what is odd in such brackets would raise
    words.close()
    return " ".join("".join(words.parts).split())


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in _SILENT
        self._apart(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT and self._silent:
            self._silent -= 1
        self._apart(tag)

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data)

    def _apart(self, tag: str) -> None:
        if tag not in _WITHIN_A_WORD:
            self.parts.append(" ")
