"""The pages of the documentation, followed word by word on machines of their own.

The first machine is an empty one, which the installation page makes a host of the service; those of the other pages begin where
it ends.  Needs root.
"""

import pytest

from tests.fixtures import guide, machine_servers
from tests.fixtures.daemons import ROOT
from tests.fixtures.machine import machine

pytestmark = pytest.mark.timeout(900)

INSTALL = "install/index.rst"
#: What of the installation comes before its page asks for servers.
START_SECTION = "Start"
ALONE = ("The package", "The user, the files, the units", START_SECTION)
START = "systemctl start glance-registry glance-api"


@pytest.fixture(scope="module")
def installed(packaged, tmp_path_factory):
    """A machine, over now, on which the first half of the installation page was done."""
    with machine(tmp_path_factory.mktemp("installed") / "controller", packaged) as controller:
        controller.run("cd /root/imagesvc")
        for step in guide.steps(INSTALL):
            if step.section == START_SECTION:
                guide.do(step, controller)
        controller.run("systemctl stop glance-api glance-registry")
    return controller


@pytest.fixture
def controller(installed, tmp_path):
    with machine(tmp_path / "controller", installed) as controller:
        controller.run("cd /root/imagesvc")
        yield controller


def _without_keystone(controller):
    """Clients of a service that asks for no identity."""
    controller.run(START)
    controller.run("export OS_AUTH_TYPE=none OS_ENDPOINT=http://127.0.0.1:9292 OS_IMAGE_URL=http://127.0.0.1:9292")


def _with_identity(controller):
    for server in (machine_servers.memcached, machine_servers.keystone):
        server(controller)
    controller.run(
        "openstack user create --domain default --password GLANCE_PASS glance;"
        " openstack role add --project service --user glance admin"
    )


def _with_an_endpoint(controller):
    """As the page about Keystone leaves it, and in the catalog."""
    _with_identity(controller)
    controller.run(
        "openstack service create --name glance image;"
        " openstack endpoint create --region RegionOne image public http://controller:9292"
    )
    controller.run(START)
    guide.follow("admin/keystone.rst", controller)


def _with_definitions(controller):
    controller.run('su -s /bin/sh -c "glance-manage db_load_metadefs" glance')
    _without_keystone(controller)
    controller.run("openstack image create --disk-format raw --container-format bare my-image")


def _with_an_old_image(name):
    def prepare(controller):
        _without_keystone(controller)
        _image(controller, name)

    return prepare


def _with_mariadb(controller):
    """As the installation page leaves it, with an image to lose; SQLite's file stays."""
    machine_servers.mariadb(controller)
    for step in guide.steps(INSTALL):
        if step.section == "MariaDB":
            guide.do(step, controller)
    _without_keystone(controller)
    _image(controller, "kept")


def _image(controller, name):
    controller.run(
        "head -c 100000 /dev/urandom > /root/old.raw;"
        f" openstack image create --disk-format raw --container-format bare --file /root/old.raw {name}"
    )


def _behind_haproxy(controller):
    controller.run(f"{START}; install -d /etc/haproxy")
    unit = "[Service]\nExecStart=/usr/sbin/haproxy -W -f /etc/haproxy/haproxy.cfg\nX-Port=9292\n"
    controller.write("/etc/systemd/system/haproxy.service", unit)


def _with_the_sdk(controller):
    """python3 is one that has openstacksdk."""
    controller.run(f"{START}; export PATH={ROOT}/.venv-client/bin:$PATH")


def _with_a_database_of(glance_manage):
    """Of an older Glance, or of the last one."""

    def prepare(controller):
        database = "/var/lib/glance/glance.sqlite"
        controller.write("/tmp-glance.conf", f"[database]\nconnection = sqlite:///{database}\n")
        controller.run(
            f"rm {database}*; {ROOT}/{glance_manage} --config-file /tmp-glance.conf db_sync; chown glance:glance {database}"
        )

    return prepare


def _with_glance_on_mariadb(controller):
    machine_servers.mariadb(controller)
    guide.do(next(step for step in guide.steps(INSTALL) if step.section == "MariaDB"), controller)
    address = "mysql+pymysql://glance:GLANCE_DBPASS@controller/glance"
    controller.write("/tmp-glance.conf", f"[database]\nconnection = {address}\n")
    controller.run(f"{ROOT}/.venv-peer/bin/glance-manage --config-file /tmp-glance.conf db_sync")
    controller.run("export OS_AUTH_TYPE=none OS_ENDPOINT=http://127.0.0.1:9292")


#: What a page's reader has before he begins to read.
BEFORE = {
    "admin/backup.rst": _with_mariadb,
    "admin/basic-auth.rst": _without_keystone,
    "admin/databases.rst": lambda controller: (
        machine_servers.mariadb(controller),
        machine_servers.postgresql(controller),
    ),
    "admin/glance.rst": _with_glance_on_mariadb,
    "admin/keystone.rst": _with_identity,
    "admin/metadefs.rst": lambda _: None,
    "admin/operating.rst": lambda controller: controller.run(START),
    "admin/policies.rst": lambda _: None,
    "admin/quotas.rst": _with_an_endpoint,
    "admin/rabbitmq.rst": machine_servers.rabbitmq,
    "admin/stores.rst": _with_an_old_image("old"),
    "admin/tls.rst": _behind_haproxy,
    "admin/upgrading.rst": _with_a_database_of(".venv-peer-2023.1/bin/glance-manage"),
    "user/clients.rst": _with_the_sdk,
    "user/images.rst": _without_keystone,
    "user/metadefs.rst": _with_definitions,
}
PAGES = [page for page, runner in guide.RUN_BY.items() if runner == guide.ON_A_MACHINE]


def test_the_installation_leads_to_mariadb_and_keystone(controller):
    for server in (machine_servers.mariadb, machine_servers.memcached, machine_servers.keystone):
        server(controller)
    controller.run(START)
    for step in guide.steps(INSTALL):
        if step.section not in ALONE:
            guide.do(step, controller)


@pytest.mark.parametrize("page", sorted(BEFORE))
def test_a_page(page, controller):
    BEFORE[page](controller)
    guide.follow(page, controller)


def test_every_page_is_followed():
    assert {f"doc/source/{page}" for page in [INSTALL, *BEFORE]} == set(PAGES)


def test_what_pip_installs_is_what_etc_has(controller):
    """A package of a distribution takes its files from there."""
    for installed, source in {
        "etc/glance": "glance-api.conf glance-registry.conf api-paste.ini policy.yaml.sample schema-image.json",
        "etc/glance/metadefs": "metadefs/*",
        "share/imagesvc/systemd": "systemd/*",
        "share/imagesvc/haproxy": "haproxy/haproxy.cfg",
    }.items():
        controller.run(
            f"cd /root/imagesvc/etc; for f in {source}; do cmp $f /opt/imagesvc/{installed}/${{f##*/}}; done"
        )
    # Nothing of a clone is needed any more.
    controller.run("rm -r /root/imagesvc; cd /; su -s /bin/sh -c 'glance-manage db check' glance")


def test_units_are_well_formed(controller):
    """systemd's own opinion, about the programs that they start, too."""
    controller.run("systemd-analyze verify --man=no /etc/systemd/system/*glance-*.service")


def test_units_are_known_by_their_older_names(controller):
    controller.run("systemctl start openstack-glance-registry; systemctl enable openstack-glance-registry")
    controller.run("systemctl start openstack-glance-api; systemctl enable openstack-glance-api")
    controller.run("curl --fail -sS http://127.0.0.1:9292/healthcheck")
    pids = [controller.file(f"/run/glance-{name}.pid").read_text() for name in ("api", "registry")]
    controller.run("systemctl restart openstack-glance-api openstack-glance-registry")
    assert not {controller.file(f"/run/glance-{name}.pid").read_text() for name in ("api", "registry")} & set(pids)
    controller.run("systemctl stop openstack-glance-api")
    controller.run("curl -sS http://127.0.0.1:9292/healthcheck", exit_code=7)


def test_nothing_is_readable_for_everybody_but_what_came_so(controller):
    controller.run(START)
    open_files = controller.run("find /etc/glance/*.conf /var/lib/glance /var/log/glance -perm /007 ! -type l").split()
    assert open_files == []
