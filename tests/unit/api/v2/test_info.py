import pytest

from tests.fixtures import api

STORES = """
[DEFAULT]
enabled_backends = fast:file,cheap:file,web:http
[glance_store]
default_backend = fast
[fast]
filesystem_store_datadir = {path}/fast
[cheap]
filesystem_store_datadir = {path}/cheap
filesystem_store_chunk_size = 4096
filesystem_thin_provisioning = true
store_description = slow and cheap
weight = 20
[paste_deploy]
flavor = trusted-auth
"""


@pytest.fixture
def service(tmp_path):
    return api.make_service(tmp_path / "state", STORES.format(path=tmp_path))


def ask(service, path, roles):
    headers = {"X-Identity-Status": "Confirmed", "X-Roles": roles, "X-Project-Id": "p1", "X-User-Id": "u"}
    return service.request("GET", path, headers=headers)


def test_import_methods(service):
    document = ask(service, "/v2/info/import", "reader").json["import-methods"]
    assert document["value"] == ["glance-direct", "web-download", "copy-image"]
    assert (document["type"], bool(document["description"])) == ("array", True)
    assert service.calls == []


def test_import_methods_as_configured(tmp_path):
    service = api.make_service(tmp_path / "state", enabled_import_methods=["[web-download", "]"])
    assert service.request("GET", "/v2/info/import").json["import-methods"]["value"] == ["web-download"]


def test_stores(service):
    assert ask(service, "/v2/info/stores", "").json == {
        "stores": [
            {"id": "fast", "default": "true"},
            {"id": "cheap", "description": "slow and cheap"},
            {"id": "web", "read-only": "true"},
        ]
    }
    assert service.calls == []


@pytest.mark.parametrize("roles", ["admin", "service"])
def test_stores_in_detail(service, tmp_path, roles):
    fast, cheap, web = ask(service, "/v2/info/stores/detail", roles).json["stores"]
    assert fast == {
        "id": "fast",
        "default": "true",
        "type": "file",
        "properties": {"data_dir": f"{tmp_path}/fast", "chunk_size": 65536, "thin_provisioning": False},
        "weight": 0,
    }
    assert cheap["properties"] == {"data_dir": f"{tmp_path}/cheap", "chunk_size": 4096, "thin_provisioning": True}
    assert cheap["weight"] == 20
    assert (web["type"], web["properties"]) == ("http", {})


@pytest.mark.parametrize("roles", ["member,reader", ""])
def test_details_are_not_for_everybody(service, roles):
    response = ask(service, "/v2/info/stores/detail", roles)
    assert response.status_int == 403
    assert "fast" not in response.text


@pytest.mark.parametrize("path", ["stores", "stores/detail"])
def test_one_store_is_no_choice(tmp_path, path):
    assert api.make_service(tmp_path / "state").request("GET", f"/v2/info/{path}").status_int == 404


def test_usage_is_nothing_without_limits(service):
    response = ask(service, "/v2/info/usage", "reader")
    assert (response.status_int, response.json) == (200, {"usage": {}})
    assert service.calls == ["usage_get"]
