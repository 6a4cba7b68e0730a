"""R67 with everything that a deployment has secrets for: Keystone, memcached, a database server, and a broker that is listened to.

Everything is logged at DEBUG; afterwards none of the secrets is in logs, answers, messages, rows, arguments or files for others.
"""

import contextlib
import json
import socket

import amqp
import psutil
import pytest

from tests.fixtures import bus, database, keystone, rabbit, server, traffic
from tests.fixtures.daemons import deployed, free_port, wait_for
from tests.fixtures.images import ImageClient, noise

STORE_KEY, ENCRYPTION_KEY, MEMCACHE_KEY = "canary-of-the-store", "canary-of-encryption-key", "canary-of-memcache"


class Ear:
    """Hears every message of a virtual host, requests and replies, by the broker's tracer."""

    def __init__(self, broker, vhost):
        broker.control("trace_on", "-p", vhost)
        self.heard = []
        self._connection = amqp.Connection(f"127.0.0.1:{broker.port}", "all", "canary-all", virtual_host=vhost)
        self._connection.connect()
        channel = self._connection.channel()
        queue = channel.queue_declare(exclusive=True).queue
        channel.queue_bind(queue, exchange="amq.rabbitmq.trace", routing_key="#")
        channel.basic_consume(queue, callback=self._hear, no_ack=True)

    def _hear(self, message):
        self.heard.append((message.delivery_info["routing_key"], str(message.headers), str(message.body)))

    def listen(self, last):
        """Take in what there is, up to a reply with the word ``last``; the daemons go on talking."""
        wait_for(last, lambda: self._has_heard(last))

    def _has_heard(self, last):
        with contextlib.suppress(socket.timeout):
            for _ in range(200):
                self._connection.drain_events(timeout=1)
        return any(key == "publish." and last in body for key, _, body in self.heard)

    def close(self):
        self._connection.close()


@pytest.fixture(scope="module")
def broker():
    with rabbit.running() as broker:
        yield broker


@pytest.fixture(scope="module")
def meeting(broker):
    """``(vhost, options)``: the accounts are those of the guide, one for each daemon's worth of rights in one file."""
    options = broker.new_options()
    return options["DEFAULT"]["transport_url"].rpartition("/")[2], options


@pytest.fixture(scope="module")
def service(keystone, memcached, mariadb, meeting, tmp_path_factory):
    place = tmp_path_factory.mktemp("secrets")
    (place / "logs").mkdir(mode=0o750)
    options = {
        "DEFAULT": {
            "debug": True,
            "default_log_levels": "imagesvc=DEBUG",
            "log_dir": place / "logs",
            "metadata_encryption_key": ENCRYPTION_KEY,
            "enabled_backends": "near:file,far:s3",
        },
        "database": {"connection_debug": 100},
        "paste_deploy": {"flavor": "keystone"},
        "keystone_authtoken": keystone.options(memcached)
        | {"memcache_security_strategy": "ENCRYPT", "memcache_secret_key": MEMCACHE_KEY},
        "glance_store": {"default_backend": "near"},
        "near": {"filesystem_store_datadir": place / "state" / "images"},
        "far": {
            "s3_store_host": f"http://127.0.0.1:{free_port()}/",
            "s3_store_access_key": f"{STORE_KEY}-access",
            "s3_store_secret_key": STORE_KEY,
            "s3_store_bucket": "images",
            "s3_store_bucket_url_format": "path",
        },
    }
    with (
        database.on(mariadb),
        bus.on(lambda: meeting[1]),
        deployed(place, options) as deployment,
    ):
        yield deployment


@pytest.fixture(scope="module")
def ear(broker, meeting, service):
    ear = Ear(broker, meeting[0])
    yield ear
    ear.close()


@pytest.fixture(scope="module")
def tokens(keystone, people, service):
    return {name: keystone.token(people[name]) for name in ("admin", "member", "reader", "stranger", "service")}


@pytest.fixture(scope="module")
def answers(service, tokens, ear, mariadb):
    """What callers are answered when all is well, and when each of the servers is not."""
    answers = []
    for name in ("admin", "member", "reader", "stranger"):
        client = ImageClient(service.url)
        client.session.headers.update({"X-Auth-Token": tokens[name], "X-Service-Token": tokens["service"]})
        if name in {"admin", "member"}:
            answers += traffic.mixed(client)
        answers += [client.create(name="x"), client.list(), client.show("nothing")]
    client = ImageClient(service.url)
    client.session.headers["X-Auth-Token"] = tokens["admin"]
    image = client.created()
    answers += [client.upload(image, noise(1000), headers={"X-Image-Meta-Store": "far"})]
    with mariadb.frozen():
        answers += [client.list()]
    mariadb.kill()
    answers += [client.show(image)]
    mariadb.start()
    service.kill("glance-registry")
    answers += [client.show(image)]
    service.start_registry()
    wait_for("service", lambda: client.list().status_code == 200)
    answers += [client.create(name="the-last-of-all")]
    ear.listen("the-last-of-all")
    client.session.headers["X-Auth-Token"] = tokens["member"] + "x"
    answers += [client.list()]
    return answers


@pytest.fixture(scope="module")
def secrets(tokens, meeting):
    keys = meeting[1]["rpc"]["signing_key_file"].read_text().split()
    return {
        **{f"token of {name}": token for name, token in tokens.items()},
        "password of the service": keystone.SERVICE_PASSWORD,
        "password of the administrator": keystone.ADMIN_PASSWORD,
        "password of the database": server.PASSWORD,
        "password of the broker": "canary-all",
        "key of the store": STORE_KEY,
        "key of encryption": ENCRYPTION_KEY,
        "key of memcached": MEMCACHE_KEY,
        # A line of the file is a name and a key.
        **{f"signing key {number}": word for number, word in enumerate(keys) if len(word) > 30},
    }


def _found(secrets, *texts):
    return [name for name, secret in secrets.items() if any(secret in text for text in texts)]


def test_there_was_something_to_be_found(answers, secrets):
    assert {answer.status_code for answer in answers} >= {200, 201, 204, 400, 401, 403, 404, 409, 503}
    assert any(name.startswith("signing key") for name in secrets)


def test_answers(answers, secrets):
    for answer in answers:
        assert _found(secrets, answer.content.decode(errors="replace"), json.dumps(dict(answer.headers))) == []


def test_logs(service, answers, secrets):
    logs = [path.read_text() for path in (service.directory / "logs").iterdir()]
    logs += [service.log("glance-api"), service.log("glance-registry")]
    everything = "\n".join(logs)
    for word in ("keystonemiddleware", "amqp", "botocore", "oslo_messaging", "Traceback"):
        assert word in everything, f"{word} did not speak"
    assert _found(secrets, everything) == []


def test_the_bus(answers, ear, secrets):
    published = [body for key, _, body in ear.heard if key.startswith("publish.")]
    assert any("image_create" in body for body in published)
    assert any(key == "publish." for key, _, _ in ear.heard), "no reply was heard"
    assert _found(secrets, *published, *(headers for _, headers, _ in ear.heard)) == []


def test_rows(service, answers, mariadb, secrets):
    name = service.database_url.rpartition("/")[2]
    tables = [table for (table,) in mariadb.execute("SHOW TABLES", database=name)]
    rows = [str(mariadb.execute(f"SELECT * FROM {table}", database=name)) for table in tables]  # noqa: S608 - our own names
    assert any("traffic" in text for text in rows)
    assert _found(secrets, *rows) == []


def test_arguments_of_processes(service, answers, secrets):
    for name in ("glance-api", "glance-registry"):
        for process in service.processes_of(name):
            assert _found(secrets, " ".join(psutil.Process(process.pid).cmdline())) == []


def test_files_for_others(service, answers, secrets):
    """What anybody may read, whoever may come to it."""
    for place in (service.state, service.directory / "logs"):
        for path in place.rglob("*"):
            if path.is_file() and path.stat().st_mode & 0o007:
                assert _found(secrets, path.read_bytes().decode(errors="replace")) == []
