"""What a process takes on."""

from contextlib import ExitStack

import pytest

from service.api.limits import Admission
from service.core.errors import OverloadedError


def test_searches_beyond_the_limit_are_refused_until_one_has_ended() -> None:
    admission = Admission(max_in_flight=2)
    with admission.admitted():
        with ExitStack() as stack:
            stack.enter_context(admission.admitted())
            with pytest.raises(OverloadedError, match="capacity"):
                stack.enter_context(admission.admitted())
        with admission.admitted():
            pass


def test_a_search_that_fails_gives_its_place_back() -> None:
    admission = Admission(max_in_flight=1)
    for _ in range(2):
        with pytest.raises(ValueError, match="bad"), admission.admitted():
            raise ValueError("bad")
