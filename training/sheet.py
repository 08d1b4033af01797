"""`python -m training.sheet BUNDLE --data DIR --out FILE.png`: what a bundle finds, to look at.

Question -> its six nearest -> frames (green: right, red: wrong) -> contact sheet -> small PNG
"""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image, ImageDraw, ImageFont, ImageOps

from service.adapters.onnx_encoder import OnnxEncoder
from service.adapters.onnx_text import OnnxTextEncoder
from service.core.errors import VitrineError
from service.core.image import decode
from service.demo.contact_sheet import contact_sheet
from training.evaluate import fail
from training.sheet_rows import Question, draw_questions

ANSWERS = 6
MAX_BYTES = 500_000
_FRAME = 5
_ASKS, _RIGHT, _WRONG = (90, 90, 90), (30, 150, 60), (205, 50, 45)
# Smaller cells cost more of what there is to see than fewer colours.
_ATTEMPTS = tuple((cell, colours) for cell in (160, 136, 112, 88) for colours in (256, 128, 64))


def draw_sheet(questions: Sequence[Question], cell: int) -> Image.Image:
    """Draw a row a question: what was asked, then what was found with its cosine.

    Args:
        questions: At least one.
        cell: Side of a picture in pixels.
    """
    pictures, captions = [], []
    for question in questions:
        asked = (
            _photo(question.item.data, cell) if question.item else _words(question.caption, cell)
        )
        pictures.append(_framed(asked, cell, _ASKS))
        captions.append(f"> {question.caption if question.item else 'words'}")
        answers = question.answers(ANSWERS)
        for item, cosine in answers:
            colour = _RIGHT if question.right(item) else _WRONG
            pictures.append(_framed(_photo(item.data, cell), cell, colour))
            captions.append(f"{cosine:.2f} {', '.join(item.labels)}")
        for _ in range(ANSWERS - len(answers)):  # a gallery smaller than a row
            pictures.append(Image.new("RGB", (cell, cell), "white"))
            captions.append("")
    return contact_sheet(pictures, columns=1 + ANSWERS, cell=cell, captions=captions)


def small_png(questions: Sequence[Question], max_bytes: int = MAX_BYTES) -> bytes:
    """Return the sheet as a PNG with a palette, as fine as fits; the smallest if none does."""
    data = b""
    for cell, colours in _ATTEMPTS:
        # Without dithering flat backgrounds stay flat, which is what PNG compresses.
        sheet = draw_sheet(questions, cell).quantize(colours, dither=Image.Dither.NONE)
        buffer = BytesIO()
        sheet.save(buffer, "PNG", optimize=True)
        data = buffer.getvalue()
        if len(data) <= max_bytes:
            break
    return data


def _photo(data: bytes, cell: int) -> Image.Image:
    return decode(data, least_side=cell)


def _words(query: str, cell: int) -> Image.Image:
    """Draw a query as text, a word a line."""
    picture = Image.new("RGB", (cell, cell), (240, 240, 240))
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=cell / 8)
    text = "\n".join(query.split())
    middle = (cell / 2, cell / 2)
    draw.multiline_text(middle, text, fill=(20, 20, 20), font=font, anchor="mm", align="center")
    return picture


def _framed(picture: Image.Image, cell: int, colour: tuple[int, int, int]) -> Image.Image:
    inner = cell - 2 * _FRAME
    fitted = ImageOps.pad(picture, (inner, inner), color=(255, 255, 255))
    return ImageOps.expand(fitted, _FRAME, fill=colour)


def run(
    bundle: Annotated[Path, typer.Argument(help="Folder of the bundle.")],
    data: Annotated[Path, typer.Option(help="Folder of the photos of training/photos.toml.")],
    out: Annotated[Path, typer.Option(help="PNG to write.")],
    rows: Annotated[int, typer.Option(min=1, help="Queries.")] = 8,
    seed: Annotated[int, typer.Option(help="Of the choice of queries.")] = 0,
) -> None:
    """Draw held-out queries and what the bundle's best tier finds for them."""
    try:
        encoder = OnnxEncoder(bundle, spinning=False)
        texts = OnnxTextEncoder(bundle, spinning=False) if encoder.manifest.text else None
        questions = draw_questions(data, encoder, texts, rows=rows, seed=seed)
    except VitrineError as exc:
        fail("training.sheet", exc)
    out.write_bytes(png := small_png(questions))
    typer.echo(f"{out}: {len(questions)} queries, {len(png) / 1000:.0f} kB", err=True)


if __name__ == "__main__":
    typer.run(run)
