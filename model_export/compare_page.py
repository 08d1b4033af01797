"""A comparison to look at: Comparison + Sample -> one HTML page that needs nothing beside it.

figures -> table;  each difference -> card: the query, the answers of A, the answers of B
"""

from base64 import b64encode
from html import escape
from pathlib import Path
from string import Template

from model_export.compare import Comparison
from model_export.compare_table import lines
from model_export.differences import DEPTH, Difference, Found, Group
from model_export.sample import Sample
from service.core.image import decode
from service.core.thumbnails import SIDE, thumbnail

_TEMPLATE = Path(__file__).with_name("compare_page.html")
_KINDS = {True: ("right", "✓"), False: ("wrong", "✗"), None: ("unknown", "")}


def page(comparison: Comparison, sample: Sample, label: str) -> str:
    """Return the page.

    Args:
        comparison: Of the sample.
        sample: The pictures it shows.
        label: What the sample's labels are called.
    """
    a, b = (side.name for side in comparison.sides)
    about = f"{comparison.pictures:,} pictures, each asked for its nearest among the others. "
    if comparison.asked:
        about += (
            f"P@1 is over the {comparison.asked:,} whose {label} others have too. A ✓ has the "
            f"asking picture's {label}, a ✗ another. "
        )
    else:
        about += f"No two of them have one {label}, so nothing is judged. "
    about += f"“both” is what both found among their first {DEPTH}; the number is the cosine."
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=escape(f"{a} against {b}"),
        about=escape(about),
        a=escape(a),
        b=escape(b),
        figures="\n".join(
            f"<tr><th>{escape(line.what)}</th>"
            + "".join(f"<td>{escape(text)}</td>" for text in (line.a, line.b, line.change))
            + "</tr>"
            for line in lines(comparison)
        ),
        sections="\n".join(_sections(comparison, sample, label)),
    )


def _sections(comparison: Comparison, sample: Sample, label: str) -> list[str]:
    differences = comparison.differences
    groups = (
        (f"A finds more of the same {label}", differences.a_finds_more),
        (f"B finds more of the same {label}", differences.b_finds_more),
        (
            "Other answers, none better" if comparison.asked else "Other answers",
            differences.neither,
        ),
    )
    pictures = _Pictures(sample)
    sections = [_section(title, group, pictures) for title, group in groups if group.total]
    return sections or [
        f"<h2>No difference</h2><p>Both give the same first {DEPTH} everywhere.</p>"
    ]


def _section(title: str, group: Group, pictures: "_Pictures") -> str:
    shown = len(group.greatest)
    count = f"{group.total:,} pictures" if group.total != 1 else "1 picture"
    said = count if shown == group.total else f"{count}; the {shown} on which they differ most"
    cards = "\n".join(_card(difference, pictures) for difference in group.greatest)
    return f'<h2>{escape(title)}</h2>\n<p>{said}.</p>\n<div class="cards">\n{cards}\n</div>'


def _card(difference: Difference, pictures: "_Pictures") -> str:
    query = difference.query
    caption = escape(pictures.label(query))
    lanes = "\n".join(
        _lane(name, answers, pictures)
        for name, answers in zip("AB", difference.answers, strict=True)
    )
    return (
        f'<section class="card"><figure class="query">{pictures.image(query)}'
        f"<figcaption>{caption}</figcaption></figure>\n<div>{lanes}</div></section>"
    )


def _lane(name: str, answers: tuple[Found, ...], pictures: "_Pictures") -> str:
    judged = [answer.right for answer in answers if answer.right is not None]
    score = f"<small>{sum(judged)} of {len(answers)}</small>" if judged else ""
    figures = "".join(_answer(answer, pictures) for answer in answers)
    return f'<div class="lane"><div>{name}{score}</div>{figures}</div>'


def _answer(answer: Found, pictures: "_Pictures") -> str:
    kind, mark = _KINDS[answer.right]
    shared = " shared" if answer.shared else ""
    label = escape(pictures.label(answer.picture))
    return (
        f'<figure class="{kind}{shared}">{pictures.image(answer.picture)}'
        f'<figcaption title="{label}"><b>{mark}</b> {answer.similarity:.2f}<br>{label}</figcaption>'
        "</figure>"
    )


class _Pictures:
    """The sample's pictures as HTML."""

    def __init__(self, sample: Sample) -> None:
        self._sample = sample

    def label(self, row: int) -> str:
        """Return the label of a picture, or nothing."""
        return self._sample.labels[row] or ""

    def image(self, row: int) -> str:
        """Return a small copy of a picture, within the page."""
        data = self._sample.images[row]
        small = thumbnail(data, decode(data, least_side=SIDE))
        address = f"data:{small.media_type};base64,{b64encode(small.data).decode()}"
        return f'<img alt="{escape(self.label(row))}" src="{address}">'
