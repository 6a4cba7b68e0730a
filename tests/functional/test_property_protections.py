"""Property protections in running daemons; what they decide is tried in tests/unit/registry/endpoints."""

import subprocess

import pytest

from tests.fixtures.daemons import BIN, deployed
from tests.fixtures.peer import administrator, caller

_FILE = """\
[^x_billing_]
create = billing
read = admin, billing
update = billing
delete = billing

[.*]
create = @
read = @
update = @
delete = @
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    place = tmp_path_factory.mktemp("protections")
    (place / "protections.conf").write_text(_FILE)
    options = {
        "DEFAULT": {"property_protection_file": "protections.conf"},
        "oslo_policy": {"enforce_new_defaults": True},
        "paste_deploy": {"flavor": "trusted-auth"},
    }
    with deployed(place, options) as deployment:
        yield deployment


def test_a_service_writes_what_its_users_do_not_see(service):
    user, biller, admin = caller(service.url, "p"), caller(service.url, "p"), administrator(service.url)
    biller.session.headers["X-Service-Roles"] = "billing"
    image_id = biller.created(x_billing_code="7", note="n")

    shown = user.show(image_id).json()
    assert "x_billing_code" not in shown
    assert shown["note"] == "n"
    assert user.request("GET", "/v2/images?x_billing_code=7").json()["images"] == []
    assert [image["id"] for image in biller.request("GET", "/v2/images?x_billing_code=7").json()["images"]] == [
        image_id
    ]

    refused = user.create(x_billing_code="0")
    assert refused.status_code == 403
    assert "x_billing_code" in refused.text
    changed = user.patch(image_id, {"op": "replace", "path": "/note", "value": "m"})
    assert (changed.status_code, "x_billing_code" in changed.json()) == (200, False)
    assert user.patch(image_id, {"op": "add", "path": "/x_billing_code", "value": "0"}).status_code == 403
    assert admin.show(image_id).json()["x_billing_code"] == "7"


def test_a_wrong_file_stops_the_start(tmp_path):
    (tmp_path / "protections.conf").write_text(_FILE.replace("delete = @", "delete = @, !"))
    (tmp_path / "glance-registry.conf").write_text(
        f"[DEFAULT]\nstate_path = {tmp_path}\nproperty_protection_file = protections.conf\n"
    )
    command = [BIN / "glance-registry", "--config-file", tmp_path / "glance-registry.conf"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert f"{tmp_path}/protections.conf, line 11: '@' and '!'" in done.stderr
