"""schemathesis against the API: whatever is sent, no 500, and no answer the document does not promise.

Every run tries a little; `-m slow` tries much more.
"""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from appliance.adapters.accounts import Accounts
from appliance.web.services import services
from tests.fakes import SmallBox
from tests.web.conftest import PASSWORD

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def fuzz(app: Flask, accounts: Accounts, box: SmallBox, examples: int) -> int:
    """Every operation, right and wrong input, `examples` times each; the number of requests made."""
    accounts.add_first("Ada", PASSWORD)
    for name, text in (("one", "fine"), ("two", "partly"), ("three", "corrupt")):
        box.drop(name, a=text)
    box.turn()
    with app.app_context():
        headers = {"Authorization": f"Bearer {services().tokens.make('fuzz', 'Ada', box.clock())}"}
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app, headers=headers)
    return sum(try_out(found.ok(), headers, examples) for found in schema.get_all_operations())


def try_out(operation: Any, headers: dict[str, str], examples: int) -> int:
    """One operation. Every other study asked for is one that exists."""
    made = 0
    right, wrong = (operation.as_strategy(generation_mode=m) for m in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE))

    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=True,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=right | wrong)
    def run(case: Any) -> None:
        nonlocal made
        made += 1
        if "job_id" in case.path_parameters and made % 2:
            case.path_parameters["job_id"] = f"job{made % 4:04d}"
        case.call_and_validate(headers=headers, checks=CHECKS)

    run()
    return made


def test_nothing_a_program_sends_breaks_the_api(app: Flask, accounts: Accounts, box: SmallBox) -> None:
    assert fuzz(app, accounts, box, 10) > 50


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nothing_breaks_it_however_long_it_is_tried(app: Flask, accounts: Accounts, box: SmallBox) -> None:
    assert fuzz(app, accounts, box, 300) > 2000
