"""tools/openstack-db against a real MariaDB, on a machine where the service is installed and root comes in by the socket."""

import pytest

from tests.fixtures import machine_servers
from tests.fixtures.machine import machine

pytestmark = pytest.mark.timeout(600)

CONFIG = "/etc/glance/glance-registry.conf"
PASSWORD = "it's a \\ pass/word@50%"
IN_URL = "it%27s%20a%20%5C%20pass%2Fword%4050%25"


@pytest.fixture
def controller(packaged, tmp_path):
    with machine(tmp_path / "controller", packaged) as controller:
        machine_servers.mariadb(controller)
        yield controller


def _init(controller, password=PASSWORD, **kwargs):
    return controller.run(
        f'openstack-db --init --service glance --password "{password}"'.replace("\\", "\\\\"), **kwargs
    )


def test_a_database_is_made_and_used(controller):
    controller.merge(CONFIG, "[database]\nconnection = sqlite://\nmax_pool_size = 7\n[registry]\nworkers = 1\n")
    mode = controller.run(f"stat -c '%a %U:%G' {CONFIG}")
    assert _init(controller).endswith("Database is synced successfully.\n")
    lines = controller.file(CONFIG).read_text().splitlines()
    wanted = f"connection = mysql://glance:{IN_URL}@localhost/glance"
    assert [line for line in lines if line.startswith("connection =")] == [wanted]
    assert {"max_pool_size = 7", "workers = 1"} <= set(lines)
    assert controller.run(f"stat -c '%a %U:%G' {CONFIG}") == mode
    controller.run("systemctl start glance-registry; curl --fail -sS http://127.0.0.1:9191/healthcheck")
    assert "alembic_version" in controller.run("mariadb -N -e 'SHOW TABLES' glance")
    assert "it's" not in controller.run("cat /var/log/glance-registry.out")


def test_what_is_there_stays(controller):
    _init(controller)
    controller.run('mariadb -e "INSERT INTO tasks (id, type, status, owner, created_at, updated_at, deleted)'
                   " VALUES ('1', 'import', 'success', 'x', NOW(), NOW(), 0)\" glance")  # fmt: skip
    assert "is there already" in _init(controller, "other", exit_code=1)
    assert IN_URL in controller.file(CONFIG).read_text()
    refused = controller.run("echo no | openstack-db --drop --service glance", exit_code=1)
    assert "nothing was changed" in refused
    assert controller.run("mariadb -N -e 'SELECT id FROM tasks' glance").strip() == "1"
    controller.run("openstack-db --drop --service glance --yes")
    assert (
        controller.run("mariadb -N -e \"SHOW DATABASES LIKE 'glance'; SELECT user FROM mysql.user\"")
        .split()
        .count("glance")
        == 0
    )
    assert "there is no database" in controller.run("openstack-db --drop --service glance --yes", exit_code=1)


def test_roots_password_and_the_default_one(controller):
    controller.run("mariadb -e \"ALTER USER root@localhost IDENTIFIED BY 'root''s'\"")
    assert "the database server refuses" in controller.run("openstack-db --init --service glance", exit_code=1)
    controller.run('openstack-db --init --service glance --rootpw "root\'s"')
    assert "connection = mysql://glance:glance@localhost/glance" in controller.file(CONFIG).read_text()


def test_what_it_does_not_know(controller):
    assert "invalid choice" in controller.run("openstack-db --init --service nova", exit_code=2)
