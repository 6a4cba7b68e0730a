"""Canaries in every place that knows a secret, everything logged at DEBUG, and no canary where others could see it."""

import os
import stat

import psutil
import pytest

from tests.fixtures import traffic
from tests.fixtures.daemons import deployed, free_port, wait_for
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
            "metadata_encryption_key": f"{next(canaries):x<16}",
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
    (place / "tmp").mkdir()
    environment = {**spy.environment, "TMPDIR": str(place / "tmp")}
    before = os.umask(0)
    try:
        with deployed(place, options(place), environment=environment) as deployment:
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


def test_nothing_is_left_where_everybody_may_write(service, answers):
    assert list((service.directory / "tmp").iterdir()) == []


def _forbidden(path):
    return 0o077 if path.is_socket() else 0o027


@pytest.fixture
def project(service):
    api = ImageClient(service.url)
    api.session.headers.update(
        {"X-Identity-Status": "Confirmed", "X-Roles": "member,reader", "X-Project-Id": "red", "X-User-Id": "alice"}
    )
    return api


@pytest.fixture
def victim(tmp_path):
    """A file that somebody wants to read, or to be rid of, by a link in the store."""
    victim = tmp_path / "victim"
    victim.write_bytes(noise(1000))
    return victim


def test_a_link_in_the_store_is_not_followed(service, project, victim):
    data = noise(1000, 2)
    image = project.uploaded(data)
    file = service.images / image
    assert file.read_bytes() == data
    file.unlink()
    file.symlink_to(victim)
    answer = project.download(image)
    assert answer.status_code in {404, 503}
    assert victim.read_bytes() not in answer.content
    assert project.delete(image).status_code == 204
    wait_for("end of the link", lambda: not file.is_symlink())
    assert victim.read_bytes() == noise(1000)


def test_a_link_instead_of_the_staging_directory_is_not_followed(service, project, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    aside = service.staging.rename(service.staging.with_name("aside"))
    service.staging.symlink_to(elsewhere)
    try:
        image = project.created()
        assert project.upload(image, noise(1000)).status_code >= 400
        assert list(elsewhere.iterdir()) == []
    finally:
        service.staging.unlink()
        aside.rename(service.staging)
    assert project.upload(image, noise(1000)).status_code in {204, 409}
