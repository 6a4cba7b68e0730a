"""Clients tell of this service what they told of Glance when they did the same, but where it differs on purpose.

``python -m tests.commands`` compares with a running Glance, and ``--record`` keeps what the clients tell of it.
"""

import pytest

from tests.commands import cases, outcomes, recording, settings
from tests.commands.conversation import clients, outcomes_of
from tests.differences.expectations import Expectations
from tests.fixtures.daemons import deployed


def is_quick(case):
    """Libraries and a few commands; the integration tests have the others."""
    return case.name.startswith(("libraries/", "members/glance"))


def unexpected(case, url, using):
    """What the clients tell otherwise, and nobody expects; and what is expected for nothing."""
    theirs, mine = recording.read()[case.name], outcomes_of(case, url, using)
    assert len(theirs) == len(mine), "the case was changed and must be recorded anew"
    expectations, found = Expectations(cases.EXPECTED), []
    for number, (one, other, step) in enumerate(zip(theirs, mine, case.steps, strict=True), 1):
        for aspect, text in outcomes.differences(one, other).items():
            if expectations.reason(case.name, number, other["status"], aspect) is None:
                found.append(f"step {number} ({step.program} {step.text}): {aspect}: {text}")
    return found + [f"expected, but not there: {text}" for text in expectations.unmet(case.name)]


@pytest.fixture(scope="module")
def using():
    with clients() as running:
        yield running


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    directory = tmp_path_factory.mktemp("commands")
    with deployed(directory, settings.options(directory)) as service:
        yield service.url


@pytest.mark.parametrize("case", [case for case in cases.load() if is_quick(case)], ids=lambda case: case.name)
def test_clients_tell_what_they_told_of_glance(using, ours, case):
    assert unexpected(case, ours, using) == []


def test_what_differs_is_found():
    theirs = {"status": 0, "output": ["| a | 1 |", "| b | 2 |"], "errors": []}
    assert outcomes.differences(theirs, theirs) == {}
    assert set(outcomes.differences(theirs, {"status": 1, "output": ["| a | 1 |"], "errors": ["x"]})) == set(theirs)
    assert "another order" in outcomes.differences(theirs, {**theirs, "output": theirs["output"][::-1]})["output"]


def test_what_is_each_services_own_is_not_compared():
    said = "Must provide --b, --a.\n| tags | y, x |\n| id | 11111111-1111-1111-1111-111111111111 |\n| at | 2026-01-01T00:00:00Z |\nHTTP 404 Not Found: x\n"
    found = outcomes.comparable({"status": 1, "output": said, "errors": said}, {}, "http://h:1", "/directory")
    assert found["output"][:4] == ["Must provide --a, --b.", "| tags |  x, y |", "| id | <uuid> |", "| at | <time> |"]
    assert found["errors"][-1] == "<HTTP 404>"
