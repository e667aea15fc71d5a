"""Is the OpenAPI page true: does every answer to whatever schemathesis makes up look as the page says?"""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import CHECKS

from tests.gateway.running import ROOM, Running
from tests.gateway.test_roles import ALLOWED

CHECKED = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")


UNTRIED = {"POST /v1/rooms", "DELETE /v1/rooms/{room}", "POST /v1/rooms/{room}/members"}
"""Rooms and members are not to be made and deleted by the hundred."""
BY_ROLE = {"owner": ("/metrics", "/v1/tapes"), "instructor": ("/members", "/moments", "/journal")}


@pytest.fixture(scope="module")
def api(gateway: Running) -> Any:
    document = gateway.ok("GET", "/openapi.json", None)
    for methods in document["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                if parameter["name"] == "room":
                    parameter["schema"] = {"type": "string", "enum": [ROOM]}
    made = schemathesis.openapi.from_dict(document)
    made.config.update(base_url=gateway.url)
    return made


@pytest.mark.parametrize("endpoint", sorted(ALLOWED.keys() - UNTRIED))
def test_answers_are_as_the_page_says(api: Any, gateway: Running, endpoint: str) -> None:
    method, _, path = endpoint.partition(" ")
    role = next((role for role, parts in BY_ROLE.items() if any(part in path for part in parts)), "student")
    headers = {"authorization": f"Bearer {gateway.tokens[role]}"}
    checks = [CHECKS.get_by_names([name])[0] for name in CHECKED]

    @settings(max_examples=10, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(api[path][method].as_strategy())
    def tried(case: Any) -> None:
        case.call_and_validate(headers=headers, checks=checks)

    tried()


def test_the_page_is_whole(gateway: Running) -> None:
    document = gateway.ok("GET", "/openapi.json", None)
    text = str(document)
    for name in {part.split("'")[0] for part in text.split("#/components/schemas/")[1:]}:
        assert name in document["components"]["schemas"], name
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation.get("description"), f"{method} {path} does not say what it does"
            taken = method in ("post", "patch")
            assert taken == ("requestBody" in operation), f"{method} {path}"
    page = gateway.call("GET", "/docs", None)
    assert page.headers["content-type"].startswith("text/html")
    assert "http://" not in page.text
    assert "https://" not in page.text
