"""The guide to many hosts, followed word by word on hosts of the same names, and the failures in its table.

Hosts are network namespaces, so this needs root.  What parts them silently here is a cut link in ``tests/history/hosts.py``,
which needs none.
"""

import hashlib
import threading
import uuid

import pytest
import requests

from tests.fixtures import guide
from tests.fixtures.daemons import wait_for
from tests.fixtures.images import ImageClient, RawUpload, noise
from tests.fixtures.namespaces import network

pytestmark = pytest.mark.timeout(1800)

PAGE = "admin/growing.rst"
HOSTS = {
    "lb1": "198.51.100.10",
    "api1": "198.51.100.11",
    "api2": "198.51.100.12",
    "api3": "198.51.100.13",
    "reg1": "198.51.100.21",
    "reg2": "198.51.100.22",
    "mq1": "198.51.100.31",
    "db1": "198.51.100.41",
}
APIS, REGISTRIES = ("api1", "api2", "api3"), ("reg1", "reg2")
ROLLING = "Restarting one after the other"
#: Images of the one host of before.
BEFORE = {f"image-{number}": noise(100_000 * number, number) for number in range(1, 4)}
#: For a host to be out of the balancer, or back, on a busy machine.
SECONDS = 120


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    """The hosts, without a service; three of them share a file system."""
    directory = tmp_path_factory.mktemp("hosts")
    shared = directory / "shared"
    shared.mkdir()
    with network(directory, HOSTS) as net:
        for name in APIS:
            net[name].run(f"mount --bind {shared} /srv/glance")
        yield net


@pytest.fixture(scope="module")
def before(net):
    """The one host of before, at work; its images' ids and the hashes of their data."""
    net["api1"].write("/etc/glance/glance-api.conf", "[DEFAULT]\nbind_host = 0.0.0.0\nlog_dir = /var/log/glance\n")
    net["api1"].run("glance-manage db_sync; systemctl start glance-registry; systemctl start glance-api")
    client = ImageClient(f"http://{HOSTS['api1']}:9292")
    return {client.uploaded(data, name=name): hashlib.sha512(data).hexdigest() for name, data in BEFORE.items()}


@pytest.fixture(scope="module")
def grown(net, before):
    """A client of the balancer, after everything the page says up to the restart."""
    _follow(net, [step for step in guide.steps(PAGE) if step.section != ROLLING])
    return ImageClient(f"http://{HOSTS['lb1']}:9292", timeout=90)


@pytest.fixture
def client(grown, net):
    """The same, when all is well at the beginning and again at the end."""
    wait_for("health", lambda: _health(*APIS, *REGISTRIES) == {"OK"}, SECONDS)
    wait_for("service", lambda: grown.status(str(uuid.uuid4())) == "gone", SECONDS)
    yield grown
    _mend(net)
    wait_for("health", lambda: _health(*APIS, *REGISTRIES) == {"OK"}, SECONDS)


def _follow(net, steps):
    for step in steps:
        for name in step.hosts:
            if step.file:
                net[name].write(step.file, step.text)
            else:
                net[name].run(step.text)


def _mend(net):
    """Start what was stopped or killed."""
    for name in (*APIS, *REGISTRIES):
        service = "glance-api" if name in APIS else "glance-registry"
        if not net[name].file(f"/run/{service}.pid").exists():
            net[name].run(f"systemctl start {service}")


def _health(*names):
    """What the hosts' health checks say."""
    return {_health_of(name) for name in names}


def _health_of(name):
    port = 9292 if name in APIS else 9191
    try:
        return requests.get(f"http://{HOSTS[name]}:{port}/healthcheck", timeout=10).text
    except requests.RequestException:
        return "silence"


def test_every_image_is_there(client, before):
    assert client.ids() >= set(before)
    for image_id, digest in before.items():
        assert hashlib.sha512(client.download(image_id).content).hexdigest() == digest


def test_every_host_takes_part(client, net):
    def has_part():
        assert client.delete(client.uploaded(noise(1000))).status_code == 204
        return all("PUT /v2/images" in net[name].log("glance-api") for name in APIS)

    wait_for("every host's part", has_part, SECONDS)


def test_passwords_and_keys_are_in_no_log(client, net):
    key = net["reg1"].file("/etc/glance/rpc.keys").read_text().split()[-1]
    for name in (*APIS, *REGISTRIES):
        log = net[name].log("glance-api" if name in APIS else "glance-registry")
        assert not [secret for secret in ("PASSWORD", key) if secret in log]


class Users:
    """Change and read images until they are told to stop.

    :ivar refused: answers that were neither success nor 503.
    """

    def __init__(self, url):
        self.done, self.unavailable, self.refused, self.lost = 0, 0, [], []
        self._url = url
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(4)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _work(self, number):
        client, count = ImageClient(self._url, timeout=90), 0
        while not self._stop.is_set():
            count += 1
            self._one(client, noise(50_000, 1000 * number + count))

    def _one(self, client, data):
        created = self._note(client.create(name="users"))
        if created is None:
            return
        image_id = created.json()["id"]
        if self._note(client.upload(image_id, data)) is None:
            return
        image = self._note(client.download(image_id))
        if image is not None and image.content != data:
            self.lost.append(image_id)
        if self._note(client.delete(image_id)) is not None:
            self.done += 1

    def _note(self, response):
        """The response, if it was a success."""
        if response.ok:
            return response
        if response.status_code == 503:
            self.unavailable += 1
            self._stop.wait(1)
        else:
            self.refused.append(
                f"{response.request.method} {response.request.url}: {response.status_code} {response.text}"
            )
        return None

    def get_on(self, images=8):
        done = self.done
        wait_for("users' next images", lambda: self.done >= done + images, SECONDS)


@pytest.fixture
def users(net, client):
    """At work as long as the test lasts; nothing but 503 may be refused, and no acknowledged data be other data."""
    with Users(client.url) as users:
        users.get_on()
        yield users
        _mend(net)
        users.get_on()
    assert users.refused == []
    assert users.lost == []


def test_nobody_notices_a_rolling_restart(net, users):
    for step in guide.steps(PAGE):
        if step.section == ROLLING:
            _follow(net, [step])
            users.get_on()
    assert users.unavailable == 0


def test_a_glance_api_that_is_cut_off_from_the_broker(client, net, users):
    with net.parted("api2", "mq1"):
        wait_for("complaint", lambda: _health_of("api2").startswith("REGISTRY"), SECONDS)
        users.get_on()
        assert _health("api1", "api3") == {"OK"}
        wait_for("line", lambda: "AMQP server on mq1:5671 is unreachable" in net["api2"].log("glance-api"), SECONDS)


def test_a_registry_that_is_cut_off_from_the_database(client, net, users):
    """Rows it had locked stay locked in the database meanwhile, so users need not get on before it is back."""
    with net.parted("reg1", "db1"):
        wait_for("complaint", lambda: "The database is unavailable" in net["reg1"].log("glance-registry"), SECONDS)
        assert _health("reg2") == {"OK"}


def test_the_database_is_killed(client, net, users):
    net["db1"].kill("mariadb")
    wait_for("complaint", lambda: _health(*APIS) == {"DATABASE UNAVAILABLE"}, SECONDS)
    assert _health(*REGISTRIES) == {"The image database is unavailable. Please retry."}
    net["db1"].run("systemctl start mariadb")


def test_the_broker_is_killed(client, net, users):
    net["mq1"].kill("rabbitmq-server")
    wait_for("complaint", lambda: "OK" not in _health(*APIS), SECONDS)
    assert _health(*REGISTRIES) == {"OK"}
    net["mq1"].run("systemctl start rabbitmq-server")


def test_all_registries_are_killed(client, net, users):
    for name in REGISTRIES:
        net[name].kill("glance-registry")
    wait_for("complaint", lambda: _health(*APIS) == {"REGISTRY UNAVAILABLE"}, SECONDS)
    wait_for("reason", lambda: "registry is unavailable" in client.list().text, SECONDS)
    answer = client.list()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert any("found no registry" in net[name].log("glance-api") for name in APIS)
    for name in REGISTRIES:
        net[name].run("systemctl start glance-registry")


def test_a_killed_glance_api_leaves_images_queued(client, net):
    """No other host of its kind is asked to repeat the upload; its lease runs out, and the image can be uploaded again."""
    image_id = client.created()
    upload = RawUpload(client.url, image_id, None)
    upload.send(noise(200_000))
    wait_for("upload", lambda: client.status(image_id) == "saving")
    for name in APIS:
        net[name].kill("glance-api")
    wait_for("complaint", lambda: _health(*APIS) == {"silence"})
    upload.abandon()
    net["api1"].run("systemctl start glance-api")
    wait_for("queued image", lambda: client.status(image_id) == "queued", SECONDS)
    # 409 while what the dead host had received is being removed.
    wait_for("upload", lambda: client.upload(image_id, noise(1000)).status_code == 204, SECONDS)
