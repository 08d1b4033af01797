"""Where a product is, whose id may have slashes, as those of a folder of pictures do.

Starlette's own `path` stops short of a line feed: `/products/a%0A` would be product `a`, and what
has one further on no address at all, where both are ids that no product may have.
"""

from starlette.convertors import PathConvertor, register_url_convertor


class _AnyText(PathConvertor):
    regex = r"[\s\S]*"


register_url_convertor("text", _AnyText())
PRODUCT = "/products/{product_id:text}"
