"""Words of HTML, also where it is none or is broken."""

import pytest

from service.adapters.html_text import text_of


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("Plain words, 5 < 6 & more", "Plain words, 5 < 6 & more"),
        (
            "<p>Soft &amp; warm<br>wool</p><ul><li>one</li><li>two</li></ul>",
            "Soft & warm wool one two",
        ),
        ("un<b>believ</b>able", "unbelievable"),
        ("<style>p {color: red}</style>Seen<script>alert('no')</script>", "Seen"),
        ("<!-- a note -->Seen<p title='>'>too", "Seen too"),
        ("<!--[if mso]>Word<![endif]-->Seen <![if !vml]>too<![endif]>", "Seen too"),
        ("<![strange[x]]>Seen", "Seen"),
        ("&nbsp;Caf&eacute;&#8217;s \n\t", "Café’s"),  # noqa: RUF001
        ("Seen</script></p>", "Seen"),
    ],
)
def test_what_a_reader_would_see(html: str, text: str) -> None:
    assert text_of(html) == text
