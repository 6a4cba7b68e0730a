"""Canaries in every place that knows a secret, everything logged at DEBUG, and no canary where others could see it."""

import os
import stat

import psutil
import pytest

from tests.fixtures import traffic
from tests.fixtures.daemons import deployed, free_port
from tests.fixtures.failpoints import Failpoints
from tests.fixtures.images import ImageClient, noise

CANARY = "kanarienvogel"


def options(place):
    canaries = iter(f"{CANARY}-{number}" for number in range(100))
    remote = f"http://127.0.0.1:{free_port()}/"
    return {
        "DEFAULT": {
            "debug": True,
            "default_log_levels": "imagesvc=DEBUG",  # instead of the list that keeps libraries quiet
            "log_dir": place / "logs",
            "admin_password": next(canaries),
            "metadata_encryption_key": next(canaries),
            "enabled_backends": "near:file,far:s3",
            "image_size_cap": 1 << 20,
        },
        "paste_deploy": {"flavor": "trusted-auth"},
        "keystone_authtoken": {"password": next(canaries), "memcache_secret_key": next(canaries)},
        "glance_store": {"default_backend": "near"},
        "near": {"filesystem_store_datadir": place / "state" / "images"},
        "far": {
            "s3_store_host": remote,
            "s3_store_access_key": next(canaries),
            "s3_store_secret_key": next(canaries),
            "s3_store_bucket": "images",
            "s3_store_bucket_url_format": "path",
        },
    }


@pytest.fixture(scope="module")
def spy(tmp_path_factory):
    """Hears the local bus."""
    spy = Failpoints(tmp_path_factory.mktemp("spy") / "switches")
    spy.hear()
    return spy


@pytest.fixture(scope="module")
def service(tmp_path_factory, spy):
    place = tmp_path_factory.mktemp("secrets")
    (place / "logs").mkdir(mode=0o750)
    before = os.umask(0)
    try:
        with deployed(place, options(place), environment=spy.environment) as deployment:
            yield deployment
    finally:
        os.umask(before)


@pytest.fixture(scope="module")
def answers(service):
    """What a caller full of secrets is answered, in good and in bad days."""
    api = ImageClient(service.url)
    api.session.headers.update(
        {
            "X-Identity-Status": "Confirmed",
            "X-Roles": "member,reader",
            "X-Project-Id": "red",
            "X-User-Id": "alice",
            "X-Auth-Token": f"{CANARY}-token",
            "X-Service-Token": f"{CANARY}-service-token",
            "Authorization": f"Basic {CANARY}",
        }
    )
    answers = traffic.mixed(api)
    image = api.created()
    far = api.created()
    answers += [api.upload(far, noise(1000), headers={"X-Image-Meta-Store": "far"})]
    assert answers[-1].status_code >= 400
    service.kill("glance-registry")
    answers += [api.show(image)]
    assert answers[-1].status_code == 503
    service.start_registry()
    return [*answers, api.delete(image)]


def test_answers_hold_no_secret(answers):
    assert {answer.status_code for answer in answers} >= {200, 201, 204, 400, 404, 409, 413, 503}
    for answer in answers:
        assert CANARY.encode() not in answer.content
        assert CANARY not in str(answer.headers)


def test_logs_hold_no_secret(service, answers):
    logs = [path.read_text() for path in (service.directory / "logs").iterdir()]
    logs += [service.log("glance-api"), service.log("glance-registry")]
    everything = "\n".join(logs)
    assert " DEBUG " in everything
    assert "Traceback" in everything
    assert "botocore" in everything
    assert CANARY not in everything


def test_the_list_of_processes_holds_no_secret(service, answers):
    found = [process for name in ("glance-api", "glance-registry") for process in service.processes_of(name)]
    assert len(found) >= 4
    for process in found:
        assert CANARY not in " ".join(psutil.Process(process.pid).cmdline())


def test_the_bus_carries_no_secret(service, answers, spy):
    if not service.meeting:  # at a broker it is heard in the integration tests
        heard = spy.heard()
        assert b'"method":"image_create"' in heard.replace(b" ", b"")
        assert b'"result"' in heard
        assert CANARY.encode() not in heard


def test_the_database_holds_no_secret(service, answers):
    if service.database_url is None:
        files = [path.read_bytes() for path in service.state.glob("glance.sqlite*")]
        assert any(b"traffic" in data for data in files)
        assert not [data for data in files if CANARY.encode() in data]


def test_files_and_sockets_are_not_for_others_even_with_umask_0(service, answers):
    places = [service.state, service.directory / "logs"]
    found = [path for place in places for path in [place, *place.rglob("*")] if path.exists()]
    kinds = {stat.S_IFMT(path.stat().st_mode) for path in found}
    # Where the daemons meet at a broker there are no sockets.
    assert {stat.S_IFREG, stat.S_IFDIR, *([] if service.meeting else [stat.S_IFSOCK])} <= kinds
    too_open = {str(path): oct(path.stat().st_mode) for path in found[1:] if path.stat().st_mode & _forbidden(path)}
    assert too_open == {}


def _forbidden(path):
    return 0o077 if path.is_socket() else 0o027
