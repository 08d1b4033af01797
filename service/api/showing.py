"""What was found, as the JSON that tells of it (`schemas.py`).

    Answer | StoredProduct -> dicts of the declared keys -> JSON

Dicts are written out and not validated, since what fills them is ours and typed: after a run of the
encoder little is left in the processor's caches, and models come to more code for every field. For
the same reason what is there ten times an answer is written in few functions.
"""

from collections.abc import Mapping

from pydantic_core import to_json

from service.api.answer_schemas import CategoryOut
from service.api.schemas import AnswerOut, ExplainOut, FacetOut, ProductOut, ResultOut
from service.core.filter_json import as_json
from service.core.types import StoredProduct
from service.pipeline.detecting import Narrowing
from service.pipeline.facets import Facet
from service.pipeline.search import Answer, Found

_PICTURES = "/v1/images/"
"""Where pictures are served, each by its digest and so cacheable for ever."""


def json_of(shown: Mapping[str, object]) -> bytes:
    """Write what is shown as JSON; a number that is not finite, which JSON has none of, is null."""
    return to_json(shown, inf_nan_mode="null")


def show_answer(answer: Answer, *, explain: bool, with_product: bool) -> AnswerOut:
    """Show an answer, and if asked how its filter was answered, and the products' fields."""
    return {
        "image_id": answer.image_id,
        "index": {
            "version": answer.index.version,
            "built_at": answer.index.built_at,
            "bundle": answer.index.bundle_name,
            "sequence": answer.sequence,
        },
        "match": answer.match,
        "detected": {
            head: [{"label": d.label, "probability": round(d.probability, 4)} for d in labels]
            for head, labels in answer.detected.items()
        },
        "category": _show_category(answer.narrowing) if answer.narrowing else None,
        "tier": answer.tier,
        "total": len(answer.results),
        "facets": {key: _show_facet(facet) for key, facet in answer.facets.items()},
        "explain": _show_plan(answer) if explain else None,
        "results": [_show_result(found, with_product) for found in answer.results],
    }


def show_product(stored: StoredProduct) -> ProductOut:
    """Show a stored product."""
    product = stored.product
    return {
        "id": product.id,
        "title": product.title,
        "category": product.category,
        "brand": product.brand,
        "price": product.price,
        "currency": product.currency,
        "availability": product.availability,
        "url": product.url,
        "attributes": product.attributes,
        "images": [{"image_id": i, "url": _PICTURES + i} for i in stored.image_ids],
        "updated_at": stored.updated_at,
    }


def _show_result(found: Found, with_product: bool) -> ResultOut:
    hit, sure = found.hit, found.confidence
    return {
        "product_id": hit.product_id,
        "similarity": round(hit.similarity, 6),
        "confidence": None if sure is None else round(sure, 4),
        "image_id": hit.image_id,
        "image_url": _PICTURES + hit.image_id,
        "matched_images": hit.matched_images,
        "duplicates": hit.duplicates,
        "product": show_product(found.stored) if with_product else None,
    }


def _show_category(narrowing: Narrowing) -> CategoryOut:
    sure = narrowing.probability
    return {
        "label": narrowing.label,
        "probability": None if sure is None else round(sure, 4),
        "applied": narrowing.applied,
        "reason": narrowing.reason,
    }


def _show_facet(facet: Facet) -> FacetOut:
    return {
        "values": [{"value": value, "count": count} for value, count in facet.values],
        "missing": facet.missing,
        "min": facet.least,
        "max": facet.greatest,
    }


def _show_plan(answer: Answer) -> ExplainOut:
    plan = answer.plan
    return {
        "filter": as_json(answer.filter),
        "plan": plan.way,
        "rows": plan.rows,
        "kept_rows": plan.kept_rows,
        "products": plan.products,
        "kept_products": plan.kept_products,
        "candidates": plan.candidates,
    }
