"""A running service held to its own description by schemathesis; `make schema` is the long form."""

from pathlib import Path

import pytest

pytest.importorskip("schemathesis", reason="schemathesis is not installed: make install-dev")

from support.live_server import make_shop
from support.schema_check import check

pytestmark = pytest.mark.integration


def test_every_answer_is_one_that_the_description_names(tmp_path: Path):
    report = check(make_shop(tmp_path), tmp_path, examples=12, phases="examples,fuzzing,stateful")

    assert report.failures == {}, report.text
    assert report.status == 0, report.text
    assert report.cases >= 300, report.text
