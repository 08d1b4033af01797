"""What goes wrong on the way to the service and back.

VitrineClientError
├── VitrineApiError          the service refused, and says why
├── VitrineAnswerError       an answer that this client cannot read: another version, or a proxy's
└── VitrineUnreachableError  no answer: no connection, or none in time
"""

import httpx


class VitrineClientError(Exception):
    """Base of every error that the client raises on purpose."""


class VitrineAnswerError(VitrineClientError):
    """An answer is not what the service of this version would say."""


class VitrineUnreachableError(VitrineClientError):
    """There was no answer; whether a write was done is not known."""


class VitrineApiError(VitrineClientError):
    """The service refused.

    Attributes:
        status: Of HTTP.
        code: Stable, what a program should look at; docs/api.md lists them. Empty where whoever
            answered was no Vitrine.
        detail: What was wrong, and the way out.
        request_id: Finds it in the service's log.
        retry_after: Seconds, where the service names them.
    """

    def __init__(
        self, status: int, code: str, detail: str, request_id: str, retry_after: float | None
    ) -> None:
        super().__init__(f"{status} {code}: {detail} (request {request_id})")
        self.status = status
        self.code = code
        self.detail = detail
        self.request_id = request_id
        self.retry_after = retry_after

    @classmethod
    def of(cls, response: httpx.Response) -> "VitrineApiError":
        """Read a problem (RFC 9457), or what a proxy said in place of one."""
        try:
            body = response.json()
        except ValueError:
            body = None
        said = body if isinstance(body, dict) else {}
        return cls(
            status=response.status_code,
            code=str(said.get("code", "")),
            detail=str(said.get("detail", response.reason_phrase)),
            request_id=str(said.get("request_id", response.headers.get("x-request-id", ""))),
            retry_after=retry_after(response),
        )


def retry_after(response: httpx.Response) -> float | None:
    """Return the seconds to wait, where the answer names them; a date is not read."""
    said = response.headers.get("retry-after", "").strip()
    return float(said) if said.isdecimal() else None
