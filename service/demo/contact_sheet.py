"""Many pictures on one sheet, to look at."""

from collections.abc import Sequence

from PIL import Image, ImageDraw

_MARGIN = 8
_CAPTION = 16


def contact_sheet(
    images: Sequence[Image.Image],
    *,
    columns: int,
    cell: int = 160,
    captions: Sequence[str] | None = None,
) -> Image.Image:
    """Tile pictures row by row on white.

    Args:
        images: RGB pictures of any size; each is fitted into a square cell.
        columns: cells in a row.
        cell: a cell's side, in pixels.
        captions: one line under each picture, cut to the cell's width; none without it.

    Raises:
        ValueError: captions and images differ in number.
    """
    if captions is not None and len(captions) != len(images):
        raise ValueError(f"{len(images)} images but {len(captions)} captions")
    step_x = cell + _MARGIN
    step_y = cell + _MARGIN + (_CAPTION if captions is not None else 0)
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * step_x + _MARGIN, rows * step_y + _MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    for place, image in enumerate(images):
        left = _MARGIN + place % columns * step_x
        top = _MARGIN + place // columns * step_y
        fitted = image.copy()
        fitted.thumbnail((cell, cell), Image.Resampling.LANCZOS)
        sheet.paste(fitted, (left + (cell - fitted.width) // 2, top + (cell - fitted.height) // 2))
        if captions is not None:
            text = captions[place]
            while text and draw.textlength(text) > cell:
                text = text[:-1]
            draw.text((left, top + cell + 2), text, fill=(60, 60, 60))
    return sheet
