"""Paste files: ours, Glance's of several releases, and broken ones."""

import logging

import pytest

from imagesvc import exception
from imagesvc.api import deploy
from tests.fixtures import api

FLAVORS = ["", "keystone", "trusted-auth"]
CACHE_FLAVORS = [
    "caching",
    "cachemanagement",
    "keystone+caching",
    "keystone+cachemanagement",
    "trusted-auth+cachemanagement",
]

#: The shape of the file in current Glance.
GLANCE = """
[composite:glance-api]
paste.composite_factory = glance.api:root_app_factory
/: api
/healthcheck: healthcheck

[composite:glance-api-trusted-auth]
paste.composite_factory = glance.api:root_app_factory
/: api
/healthcheck: healthcheck

[composite:api]
paste.composite_factory = glance.api:pipeline_factory
default = cors http_proxy_to_wsgi versionnegotiation osprofiler unauthenticated-context rootapp
trusted-auth = cors http_proxy_to_wsgi versionnegotiation osprofiler context rootapp

[composite:rootapp]
paste.composite_factory = glance.api:root_app_factory
/: apiversions
/v2: apiv2app

[app:apiversions]
paste.app_factory = glance.api.versions:create_resource

[app:apiv2app]
paste.app_factory = glance.api.v2.router:API.factory

[app:healthcheck]
paste.app_factory = oslo_middleware:Healthcheck.app_factory
backends = disable_by_file
disable_by_file_path = %(here)s/out-of-service

[filter:versionnegotiation]
paste.filter_factory = glance.api.middleware.version_negotiation:VersionNegotiationFilter.factory

[filter:cache]
paste.filter_factory = glance.api.middleware.cache:CacheFilter.factory

[filter:context]
paste.filter_factory = glance.api.middleware.context:ContextMiddleware.factory

[filter:unauthenticated-context]
paste.filter_factory = glance.api.middleware.context:UnauthenticatedContextMiddleware.factory

[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
delay_auth_decision = true

[filter:gzip]
paste.filter_factory = glance.api.middleware.gzip:GzipMiddleware.factory

[filter:osprofiler]
paste.filter_factory = osprofiler.web:WsgiMiddleware.factory
hmac_keys = SECRET_KEY
enabled = yes

[filter:cors]
paste.filter_factory =  oslo_middleware.cors:filter_factory
oslo_config_project = glance
oslo_config_program = glance-api

[filter:http_proxy_to_wsgi]
paste.filter_factory = oslo_middleware:HTTPProxyToWSGI.factory
"""

#: The shape of the file while there was v1.
OLDER = """
[pipeline:glance-api]
pipeline = cors healthcheck versionnegotiation unauthenticated-context rootapp

[composite:rootapp]
paste.composite_factory = glance.api:root_app_factory
/: apiversions
/v1: apiv1app
/v2: apiv2app

[app:apiversions]
paste.app_factory = glance.api.versions:create_resource

[app:apiv1app]
paste.app_factory = glance.api.v1.router:API.factory

[app:apiv2app]
paste.app_factory = glance.api.v2.router:API.factory

[filter:healthcheck]
paste.filter_factory = oslo_middleware:Healthcheck.factory
backends = disable_by_file
disable_by_file_path = /nowhere

[filter:versionnegotiation]
paste.filter_factory = glance.api.middleware.version_negotiation:VersionNegotiationFilter.factory

[filter:unauthenticated-context]
paste.filter_factory = glance.api.middleware.context:UnauthenticatedContextMiddleware.factory

[filter:cors]
use = egg:oslo.middleware#cors
oslo_config_project = glance
"""

#: One generic factory and the class in an option of its own.
OLDEST = """
[pipeline:glance-api]
pipeline = versionnegotiation unauthenticated-context rootapp

[composite:rootapp]
use = egg:Paste#urlmap
/: apiversions
/v2: apiv2app

[app:apiversions]
paste.app_factory = glance.common.wsgi:app_factory
glance.app_factory = glance.api.versions:Versions

[app:apiv2app]
paste.app_factory = glance.common.wsgi:app_factory
glance.app_factory = glance.api.v2.router:API

[filter:versionnegotiation]
paste.filter_factory = glance.common.wsgi:filter_factory
glance.filter_factory = glance.api.middleware.version_negotiation:VersionNegotiationFilter

[filter:unauthenticated-context]
paste.filter_factory = glance.common.wsgi:filter_factory
glance.filter_factory = glance.api.middleware.context:UnauthenticatedContextMiddleware
"""


def serve(tmp_path, paste="", flavor="", name="glance-api-paste.ini"):
    path = tmp_path / "state"
    if paste:
        path.mkdir()
        (path / name).write_text(paste)
    options = {"paste_deploy__flavor": flavor} if flavor else {}
    return api.make_service(path, "[keystone_authtoken]\nauth_type = none\n", **options)


@pytest.mark.parametrize("flavor", FLAVORS)
def test_our_own_file_serves_every_flavor(tmp_path, flavor):
    text = "[keystone_authtoken]\nwww_authenticate_uri = http://keystone:5000\nauth_type = none\n"
    service = api.make_service(tmp_path / "state", text, paste_deploy__flavor=flavor or None)
    assert service.request("GET", "/versions").status_int == 200
    assert service.request("GET", "/healthcheck").text == "OK"
    assert service.request("GET", "/v2/images").status_int == (401 if flavor else 200)


@pytest.mark.parametrize("flavor", CACHE_FLAVORS)
def test_flavors_whose_work_comes_later_say_so_at_start(tmp_path, flavor):
    with pytest.raises(exception.ConfigurationError, match="image cache is not part of this release"):
        serve(tmp_path, flavor=flavor)


def test_an_unknown_flavor_says_so_at_start(tmp_path):
    with pytest.raises(exception.ConfigurationError, match="glance-api-lemon"):
        serve(tmp_path, flavor="lemon")


@pytest.mark.parametrize("paste", [GLANCE, OLDER, OLDEST], ids=["current", "older", "oldest"])
def test_glances_own_files_work(tmp_path, paste, caplog):
    caplog.set_level(logging.INFO, "imagesvc.api.deploy")
    service = serve(tmp_path, paste)
    assert service.request("GET", "/").status_int == 300
    assert service.request("GET", "/versions").status_int == 200
    image = service.create_active(b"data", name="x")
    assert service.request("GET", image["file"]).body == b"data"
    assert service.request("GET", "/v2/images/nope").status_int == 404
    assert service.request("GET", "/v1/images").status_int == 300
    assert "served by our own" in caplog.text


def test_the_healthcheck_of_glances_file_is_as_it_says(tmp_path):
    service = serve(tmp_path, GLANCE)
    assert service.request("GET", "/healthcheck").text == "OK"
    assert service.calls == []
    (tmp_path / "state" / "out-of-service").touch()
    response = service.request("GET", "/healthcheck")
    assert (response.status_int, response.text) == (503, "DISABLED BY FILE")


def test_the_older_healthcheck_filter_answers_its_path(tmp_path):
    assert serve(tmp_path, OLDER).request("GET", "/healthcheck").text == "OK"


def test_trusted_headers(tmp_path):
    service = serve(tmp_path, GLANCE, "trusted-auth")
    assert service.request("GET", "/v2/images", headers={"X-Roles": "admin"}).status_int == 401
    identity = {"X-Identity-Status": "Confirmed", "X-Roles": "member,reader", "X-Project-Id": "p", "X-User-Id": "u"}
    response = service.request("POST", "/v2/images", {}, headers=identity)
    assert (response.status_int, response.json["owner"]) == (201, "p")


def test_v1_is_left_out_with_a_line_in_the_log(tmp_path, caplog):
    serve(tmp_path, OLDER)
    assert "/v1: 'apiv1app' is not served" in caplog.text


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("glance.api.v2.router:API.factory", "glance.api.v3.router:API.factory", "line 26: 'glance.api.v3.router"),
        ("glance.api:root_app_factory", "glance.api:no_such_factory", "line 3: 'glance.api:no_such_factory'"),
        ("oslo_middleware.cors:filter_factory", "no_such_module:factory", "no_such_module"),
        ("default = cors", "default = lemon", "lemon"),
        ("[composite:glance-api]", "[composite:lemon]", "glance-api"),
        ("[filter:cors]", "[filter:osprofiler]", "already exists"),
        ("[filter:cors]", "what is this", "cannot be read"),
        ("default = ", "other = ", "flavor 'default' is not in the paste file"),
        ("osprofiler unauth", "gzip unauth", "gzip filter is not part"),
    ],
)
def test_broken_files_stop_the_start_and_say_where(tmp_path, old, new, said):
    with pytest.raises(exception.ConfigurationError) as caught:
        serve(tmp_path, GLANCE.replace(old, new, 1))
    assert said in caught.value.msg
    assert "glance-api-paste.ini" in caught.value.msg or "not part" in said or "flavor" in said


def test_filters_of_the_operators_own(tmp_path):
    own = GLANCE.replace("default = cors", "default = mine cors") + (
        "\n[filter:mine]\npaste.filter_factory = tests.fixtures.paste:factory\nheader = X-Mine\n"
    )
    assert serve(tmp_path, own).request("GET", "/v2/images").headers["X-Mine"] == "yes"


# -- which file --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["glance-api-paste.ini", "api-paste.ini"])
def test_a_file_beside_the_configuration_is_found(tmp_path, name):
    serve(tmp_path, GLANCE, name=name)
    assert deploy.paste_file(api.make_conf(tmp_path / "state", "[DEFAULT]\n")) == tmp_path / "state" / name


def test_without_one_the_packaged_file_is_used(tmp_path):
    path = deploy.paste_file(api.make_conf(tmp_path / "state", "[DEFAULT]\n"))
    assert (path.name, path.parent.name) == ("api-paste.ini", "etc")


def test_a_file_named_by_option(tmp_path):
    (tmp_path / "mine.ini").write_text(GLANCE)
    text = f"[paste_deploy]\nconfig_file = {tmp_path}/mine.ini\n"
    assert deploy.paste_file(api.make_conf(tmp_path / "state", text)) == tmp_path / "mine.ini"


def test_a_named_file_that_is_not_there(tmp_path):
    text = f"[paste_deploy]\nconfig_file = {tmp_path}/mine.ini\n"
    with pytest.raises(exception.ConfigurationError, match="config_file"):
        api.make_service(tmp_path / "state", text)


def test_no_file_at_all(tmp_path, monkeypatch):
    monkeypatch.setattr("imagesvc.api.files.find", lambda *_args: None)
    with pytest.raises(exception.ConfigurationError, match=r"api-paste\.ini"):
        deploy.paste_file(api.make_conf(tmp_path / "state", "[DEFAULT]\n"))
