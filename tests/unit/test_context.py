import json
import threading

import pytest
from oslo_context import context as oslo_context

from imagesvc.context import RequestContext


@pytest.fixture
def in_thread():
    """Run a function in a thread of its own, which has no current context yet."""

    def run(function):
        results = []
        thread = threading.Thread(target=lambda: results.append(function()))
        thread.start()
        thread.join()
        return results[0]

    return run


def test_what_travels_comes_back():
    fields = {
        "request_id": "req-1",
        "global_request_id": "req-0",
        "user_id": "u",
        "project_id": "p",
        "user_domain_id": "ud",
        "project_domain_id": "pd",
        "domain_id": "d",
        "system_scope": "all",
        "roles": ["reader"],
        "service_roles": ["service"],
        "read_only": True,
    }
    assert json.loads(json.dumps(RequestContext.from_bus(fields).to_bus())) == fields


def test_secrets_and_claims_of_admin_do_not_travel():
    context = RequestContext(auth_token="canary", is_admin=True, overwrite=False)
    assert "canary" not in json.dumps(context.to_bus())
    assert "is_admin" not in context.to_bus()
    assert not RequestContext.from_bus({"is_admin": True, "roles": []}).is_admin


def test_from_bus_leaves_the_current_context_alone(in_thread):
    def run():
        RequestContext.from_bus({"user_id": "u"})
        return oslo_context.get_current()

    assert in_thread(run) is None


def test_a_context_is_current_for_a_while(in_thread):
    def run():
        context = RequestContext.from_bus({"user_id": "u"})
        with context.as_current():
            inside = oslo_context.get_current()
        return inside is context, oslo_context.get_current()

    assert in_thread(run) == (True, None)


def test_the_owner_is_the_project():
    assert RequestContext.from_bus({"project_id": "p"}).owner == "p"
