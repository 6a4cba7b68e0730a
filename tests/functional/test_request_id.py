"""One request has one id, in the answer and in both daemons' logs."""

import re

import pytest

from tests.fixtures.daemons import wait_for


def test_a_request_can_be_followed_through_both_logs(service, api):
    response = api.create(name="followed")
    request_id = response.headers["x-openstack-request-id"]
    assert re.fullmatch(r"req-[0-9a-f-]{36}", request_id)
    for name in ("glance-api", "glance-registry"):
        wait_for(f"{request_id} in the log of {name}", lambda name=name: request_id in service.log(name))


@pytest.mark.parametrize(("sent", "adopted"), [("req-from-a-client", "req-from-a-client"), ("alone", "req-alone")])
def test_a_clients_id_is_adopted(service, api, sent, adopted):
    response = api.request("POST", "/v2/images", json={}, headers={"X-Openstack-Request-Id": sent})
    assert response.headers["x-openstack-request-id"] == adopted
    wait_for("the client's id in the registry's log", lambda: adopted in service.log("glance-registry"))


def test_an_over_long_id_is_431(api):
    response = api.request("GET", "/v2/images", headers={"X-Openstack-Request-Id": "req-" + "x" * 100})
    assert response.status_code == 431
