"""This service answers as Glance answered when it was asked the same, but where it differs on purpose.

Headers and bodies are compared where there is a Glance to ask: ``python -m tests.differences --peer URL``.
"""

import json
import uuid

import pytest

from tests.differences import answers, cases, settings
from tests.differences.conversation import Service
from tests.differences.expectations import Expectations
from tests.fixtures.daemons import deployed


@pytest.fixture
def ours(tmp_path):
    with deployed(tmp_path, settings.options(str(tmp_path))) as deployment:
        service = Service(deployment.url, uuid.uuid4().hex[:8])
        yield service
        service.close()


def test_statuses_are_those_of_glance(ours):
    recorded = json.loads(cases.RECORDED.read_text())
    expectations = Expectations()
    unexpected = []
    for case in cases.load():
        if case.name not in recorded:
            continue
        statuses = [answer["status"] for answer in ours.answers_to(case)]
        assert len(statuses) == len(recorded[case.name]), f"{case.name} was changed and must be recorded anew"
        for number, (theirs, mine) in enumerate(zip(recorded[case.name], statuses, strict=True), 1):
            if theirs != mine and expectations.reason(case.name, number, mine, "status") is None:
                unexpected.append(f"{case.name}, step {number} ({case.steps[number - 1]['do']}): {theirs}, ours {mine}")
    assert unexpected == []
    assert [text for text in expectations.unmet() if text.endswith(": status")] == []


def test_differences_are_found():
    theirs = {"status": 200, "headers": {"ETag": "1"}, "body": {"a": [1, {"b": True}], "c": 1}}
    mine = {"status": 200, "headers": {"Allow": "GET"}, "body": {"a": [1, {"b": 1}], "d": 1}}
    assert set(answers.differences(theirs, mine)) == {"header ETag", "header Allow", "body.a[1].b", "body.c", "body.d"}
    assert set(answers.differences(theirs, {**mine, "status": 404})) == {"status"}
    assert answers.differences(theirs, theirs) == {}
