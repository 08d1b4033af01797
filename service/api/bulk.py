"""A group of lines of a bulk write to a line of status each.

line -> {"op", "id", ...product} -> Put | Patch | Delete -> the write flow
     -> {"line", "id", "status", ...}
"""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import structlog
from pydantic import ValidationError
from pydantic_core import from_json

from service.api.bulk_lines import Line
from service.api.bulk_schemas import BulkDeleteIn, BulkPatchIn, BulkPutIn, BulkStatusOut
from service.api.errors import STATUS, public_detail, validation_detail
from service.api.metrics import Metrics
from service.core.errors import InvalidQueryError, VitrineError
from service.core.store import Written
from service.pipeline.terms import BULK, Terms
from service.pipeline.writing import Delete, Operation, Patch, Put, Writing

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Read:
    """A line as it was understood: its product, if it names one, and what to do or why not."""

    line: int
    id: str | None
    operation: Operation | InvalidQueryError


@dataclass(frozen=True, slots=True)
class Bulk:
    """What it takes to write groups of lines; safe to call from several threads."""

    writing: Writing
    metrics: Metrics
    max_line_bytes: int

    def write(self, lines: Sequence[Line], terms: Terms = BULK) -> bytes:
        """Do what the lines say, in order; return a line of JSON for each, too late or not."""
        read = [self._read(line) for line in lines]
        operations = [each.operation for each in read if not isinstance(each.operation, Exception)]
        outcomes = iter(self._outcomes(operations, terms))
        shown = []
        for each in read:
            made = each.operation if isinstance(each.operation, Exception) else next(outcomes)
            status = _status(each, made)
            self.metrics.count_bulk_line(status.status)
            shown.append(status.model_dump_json(exclude_unset=True) + "\n")
        return "".join(shown).encode()

    def _outcomes(
        self, operations: Sequence[Operation], terms: Terms
    ) -> Sequence[Written | Exception]:
        """Write them; where the whole of it failed, that is the outcome of each."""
        try:
            return self.writing.batch(operations, terms)
        except VitrineError as exc:
            _log.warning("bulk_failed", code=exc.code, detail=str(exc))
            return [exc] * len(operations)
        except Exception as exc:  # noqa: BLE001 - the answer has begun: it must go on in lines
            _log.exception("unexpected_error", exc_info=exc)
            return [exc] * len(operations)

    def _read(self, line: Line) -> _Read:
        if line.data is None:
            detail = f"the line is longer than {self.max_line_bytes:,} bytes"
            return _Read(line.number, None, InvalidQueryError(detail))
        id_ = None
        try:
            fields = _object(line.data)
            id_ = fields["id"] if isinstance(fields.get("id"), str) else None
            return _Read(line.number, id_, _operation(fields))
        except InvalidQueryError as exc:
            return _Read(line.number, id_, exc)
        except ValidationError as exc:
            detail = validation_detail(exc.errors())
            return _Read(line.number, id_, InvalidQueryError(detail))


def _object(data: bytes) -> dict[str, Any]:
    try:
        fields = from_json(data, allow_inf_nan=False)
    except ValueError as exc:
        raise InvalidQueryError(f"the line is not JSON: {exc}") from exc
    if not isinstance(fields, dict):
        raise InvalidQueryError("a line is a JSON object")
    return fields


def _operation(fields: dict[str, Any]) -> Operation:
    """Raise ValidationError or InvalidQueryError where the line makes no sense."""
    match fields.get("op", "put"):
        case "put":
            whole = BulkPutIn.model_validate(fields)
            return Put(whole.product(whole.id), whole.pictures())
        case "patch":
            some = BulkPatchIn.model_validate(fields)
            return Patch(some.id, some.change(), some.pictures())
        case "delete":
            return Delete(BulkDeleteIn.model_validate(fields).id)
        case other:
            raise InvalidQueryError(f"op: put, patch or delete, not {str(other)[:100]!r}")


def _status(read: _Read, outcome: Written | Exception) -> BulkStatusOut:
    if isinstance(outcome, Written):
        status = HTTPStatus.CREATED if outcome.created else HTTPStatus.OK
        if outcome.stored is None:
            status = HTTPStatus.NO_CONTENT
        return BulkStatusOut(line=read.line, id=read.id, status=status, revision=outcome.revision)
    if not isinstance(outcome, VitrineError):
        outcome = VitrineError("something went wrong on our side; the service's log has it")
    return BulkStatusOut(
        line=read.line,
        id=read.id,
        status=STATUS[type(outcome)],
        code=outcome.code,
        detail=public_detail(outcome),
    )
