"""A quality report to look at: QualityReport + small pictures -> one HTML page, whole in itself.

counts -> table;  each finding, up to a limit a section -> card, its pictures inlined, smaller still
"""

from base64 import b64encode
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from string import Template

from service.core.looks import shrunk
from service.core.quality import Disagreement, QualityReport, Shared, Shown
from service.core.store import ThumbnailStore

_TEMPLATE = Path(__file__).with_name("quality_page.html")
_SIDE = 160
_COPIES, _PRODUCTS = 3, 8


def page(report: QualityReport, thumbnails: ThumbnailStore, limit: int) -> str:
    """Return the page.

    Args:
        report: What was found.
        thumbnails: The pictures it shows.
        limit: Findings shown of each kind; all are counted.
    """
    sections = _sections(report, thumbnails, limit)
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=f"Catalogue report, index v{report.version:06d}",
        about=escape(
            f"{report.products:,} products with {report.pictures:,} different pictures, embedded "
            f"by {report.bundle}; index v{report.version:06d}, built {report.built_at}."
        ),
        counts="\n".join(_counts(report)),
        sections="\n".join(filter(None, sections)) or "<h2>Nothing was found</h2>",
    )


def _sections(report: QualityReport, thumbnails: ThumbnailStore, limit: int) -> tuple[str, ...]:
    """Return a section for each kind of finding, empty where there is none."""
    cards = _Cards(report.field, thumbnails)
    field = report.field.replace("_", " ")
    return (
        _section(
            "disagree",
            f"Pictures that disagree with their {field}",
            f"Of the nearest pictures of other products hardly any has the same {escape(field)}, "
            "another prevails, and that is unusual for it. The most unusual come first.",
            [cards.disagreement(each) for each in report.disagreements[:limit]],
            len(report.disagreements),
        ),
        _section(
            "placeholders",
            "Placeholders",
            f"One picture under many products, of more than one {escape(field)}: it shows none.",
            [cards.shared(each) for each in report.placeholders[:limit]],
            len(report.placeholders),
        ),
        _section(
            "blank",
            "Pictures without content",
            "One colour, or nearly, from edge to edge.",
            [cards.shared(each) for each in report.blank[:limit]],
            len(report.blank),
        ),
        _section(
            "shared",
            "One picture, several products",
            "The same file, or the same photo saved anew or at another size.",
            [cards.shared(each) for each in report.shared[:limit]],
            len(report.shared),
        ),
        _section(
            "missing",
            "Pictures without a thumbnail",
            "They are in the index, and there is nothing to show for them: <code>vitrine reindex "
            "--thumbnails on</code> keeps one of each picture that it reads.",
            [cards.product(each) for each in report.without_thumbnail[:limit]],
            len(report.without_thumbnail),
        ),
        _section(
            "bare",
            "Products without any picture",
            "No search finds them: there is no picture, or none that could be read "
            "(<code>DATA/receipts</code>).",
            [cards.product(each) for each in report.without_picture[:limit]],
            len(report.without_picture),
        ),
    )


def _counts(report: QualityReport) -> list[str]:
    field = report.field.replace("_", " ")
    rows: tuple[tuple[str, str, int], ...] = (
        (
            "disagree",
            f"products whose picture disagrees with their {field}",
            len(report.disagreements),
        ),
        ("placeholders", "placeholder pictures", len(report.placeholders)),
        ("blank", "pictures without content", len(report.blank)),
        ("shared", "pictures under several products", len(report.shared)),
        ("missing", "pictures without a thumbnail", len(report.without_thumbnail)),
        ("bare", "products without any picture", len(report.without_picture)),
    )

    def named(anchor: str, words: str, count: int) -> str:
        text = escape(words)
        return f'<a href="#{anchor}">{text}</a>' if count else text

    return [f'<tr><th scope="row">{named(*row)}</th><td>{row[2]:,}</td></tr>' for row in rows]


def _section(anchor: str, title: str, about: str, cards: Sequence[str], total: int) -> str:
    """Return a section, or nothing where there is nothing; `about` is HTML already."""
    if not total:
        return ""
    shown = "" if len(cards) == total else f" The first {len(cards):,} are shown; --json has all."
    return (
        f'<section aria-labelledby="{anchor}">\n<h2 id="{anchor}">{escape(title)} '
        f"<small>{total:,}</small></h2>\n<p>{about}{shown}</p>\n"
        f'<div class="cards {anchor}">\n' + "\n".join(cards) + "\n</div>\n</section>"
    )


class _Cards:
    """Findings as HTML; everything that a catalogue wrote is escaped."""

    def __init__(self, field: str, thumbnails: ThumbnailStore) -> None:
        self._field = field
        self._thumbnails = thumbnails

    def disagreement(self, found: Disagreement) -> str:
        """Return a product, what it is said to be, and what its neighbours are."""
        said = [f"{found.share:.0%} of them"]
        if found.own:
            said.append(f"{found.own:.0%} have its own")
        if found.of > 1:
            said.append(f"so for {found.pictures} of its {found.of} pictures")
        evidence = "".join(f"<li>{self._image(each)}</li>" for each in found.evidence)
        return (
            f'<article class="card"><figure>{self._image(found.shown)}'
            f"<figcaption>{_name(found.shown)}</figcaption></figure><div>"
            f"<dl><dt>catalogue</dt><dd>{_text(found.shown.label)}</dd>"
            f"<dt>neighbours</dt><dd><strong>{_text(found.suspected)}</strong> "
            f"<span>{', '.join(said)}</span></dd></dl>"
            f'<ul class="evidence" aria-label="Nearest pictures">{evidence}</ul></div></article>'
        )

    def shared(self, found: Shared) -> str:
        """Return a picture with the products that have it."""
        copies = list({each.image_id: each for each in reversed(found.shown)}.values())[::-1]
        products = list({each.product_id: each for each in reversed(found.shown)}.values())[::-1]
        notes = [f"{found.products:,} products"] if found.products > 1 else []
        if found.labels > 1:
            notes.append(f"<strong>{found.labels:,} values of {escape(self._field)}</strong>")
        if not found.exact:
            notes.append(f"{len(copies):,} files")
        images = "".join(map(self._image, copies[:_COPIES]))
        return (
            f'<article class="card"><div class="copies">{images}</div><div>'
            f'<p class="notes">{" · ".join(notes)}</p><ul class="products">'
            + _listed(products, lambda each: f"<li>{_name(each)} <em>{_text(each.label)}</em></li>")
            + "</ul></div></article>"
        )

    def product(self, shown: Shown) -> str:
        """Return a product by its name alone."""
        return f'<article class="card plain">{_name(shown)}</article>'

    def _image(self, shown: Shown) -> str:
        small = self._thumbnails.get(shown.image_id)
        tiny = shrunk(small, _SIDE) if small else None
        words = escape(shown.title or shown.product_id)
        if tiny is None:
            return f'<div class="none" role="img" aria-label="{words}: no thumbnail"></div>'
        data = b64encode(tiny.data).decode()
        return f'<img alt="{words}" title="{words}" src="data:{tiny.media_type};base64,{data}">'


def _name(shown: Shown) -> str:
    return f"{escape(shown.title)} <code>{escape(shown.product_id)}</code>"


def _text(label: str) -> str:
    return escape(label) or "none"


def _listed(products: Sequence[Shown], item: Callable[[Shown], str]) -> str:
    more = len(products) - _PRODUCTS
    return "".join(map(item, products[:_PRODUCTS])) + (
        f"<li>and {more:,} more</li>" if more > 0 else ""
    )
