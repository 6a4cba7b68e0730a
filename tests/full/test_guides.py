"""What five installation guides of the years 2014 to 2025 have operators do, word for word, on a machine with their servers.

They are not here; what they say is: the commands and the edits, in their order and spelling.  Where a guide uses a client that there
is none of any more (``keystone``, version 1 of the Images API), the same is done with ``openstack``.  Needs root.
"""

import re

import pytest

from tests.fixtures import guide, machine_servers
from tests.fixtures.machine import machine

pytestmark = pytest.mark.timeout(900)

IMAGE = "cirros-0.4.0-x86_64-disk.img"


@pytest.fixture
def controller(packaged, tmp_path):
    with machine(tmp_path / "controller", packaged) as controller:
        controller.run("cd /root")
        for server in (machine_servers.mariadb, machine_servers.memcached, machine_servers.keystone):
            server(controller)
        yield controller


def _grant(password):
    """The database, as guides a and c make it."""
    return f"""
mysql << 'END'
CREATE DATABASE glance;
GRANT ALL PRIVILEGES ON glance.* TO 'glance'@'localhost' IDENTIFIED BY '{password}';
GRANT ALL PRIVILEGES ON glance.* TO 'glance'@'%' IDENTIFIED BY '{password}';
END
"""


def _identity(password, domain="default", region="RegionOne", description="OpenStack Image"):
    """User, role, service and endpoints; the guides type the password twice where this has an option."""
    return f"""
. ./admin-openrc
openstack user create --domain {domain} --password {password} glance
openstack role add --project service --user glance admin
openstack service create --name glance --description "{description}" image
openstack endpoint create --region {region} image public http://controller:9292
openstack endpoint create --region {region} image internal http://controller:9292
openstack endpoint create --region {region} image admin http://controller:9292
"""


def _table(output):
    """``{field: value}`` of a client's table; a value that goes on in the next line is put together."""
    fields, last = {}, ""
    for name, value in re.findall(r"^\| (.*?) +\| (.*?) *\|$", output, re.MULTILINE):
        last = name.strip() or last
        fields[last] = fields.get(last, "") + value
    return fields


def _wait_for_service(controller):
    controller.run("curl --fail -sS --retry 60 --retry-delay 1 --retry-all-errors http://controller:9292/healthcheck")


# -- a: 2020, one file, classic stores --------------------------------------------------------------------

GUIDE_A = """\
[database]
# ...
connection = mysql+pymysql://glance:tuckn2020@10.0.0.11/glance

[keystone_authtoken]
# ...
www_authenticate_uri = http://10.0.0.11:5000
auth_url = http://10.0.0.11:5000
memcached_servers = 10.0.0.11:11211
auth_type = password
project_domain_name = TUC
user_domain_name = TUC
project_name = service
username = glance
password = tuckn2020

[paste_deploy]
# ...
flavor = keystone

[glance_store]
# ...
stores = file,http
default_store = file
filesystem_store_datadir = /var/lib/glance/images/
"""


def test_guide_a(controller):
    controller.run(_grant("tuckn2020"))
    # In its cloud the project of the services belongs to a domain of its own.
    controller.run(
        ". ./admin-openrc; openstack domain create TUC;"
        " openstack project delete service; openstack project create --domain TUC service"
    )
    controller.run(_identity("tuckn2020", "TUC", "RegionOne", "OpenStack Image Service"))
    controller.merge("/etc/glance/glance-api.conf", GUIDE_A)
    synced = controller.run('su -s /bin/sh -c "glance-manage db_sync" glance')
    assert synced.endswith("Database is synced successfully.\n")
    controller.run("service glance-api restart")
    _wait_for_service(controller)
    controller.run("wget http://download.cirros-cloud.net/0.5.1/cirros-0.5.1-x86_64-disk.img")
    created = _table(
        controller.run(
            ". ./admin-openrc; openstack image create --file cirros-0.5.1-x86_64-disk.img"
            " --disk-format qcow2 --container-format bare --public cirros-0.5.1-x86_64"
        )
    )
    shown = {
        name: created[name] for name in ("container_format", "disk_format", "min_disk", "min_ram", "name", "protected")
    }
    assert shown == {
        "container_format": "bare",
        "disk_format": "qcow2",
        "min_disk": "0",
        "min_ram": "0",
        "name": "cirros-0.5.1-x86_64",
        "protected": "False",
    }
    assert (created["file"], created["schema"]) == (f"/v2/images/{created['id']}/file", "/v2/schemas/image")
    assert re.search(r"os_hash_algo='sha512', os_hash_value='[0-9a-f]{128}', os_hidden='False'", created["properties"])
    listed = controller.run("openstack image list")
    assert re.search(rf"^\| {created['id']} \| cirros-0.5.1-x86_64 \| (active|queued) \|$", listed, re.MULTILINE)
    assert controller.run("ls /var/lib/glance/images") == f"{created['id']}\n"


# -- c: 2025, enabled_backends, Keystone's limits ---------------------------------------------------------

GUIDE_C = """\
[DEFAULT]
use_keystone_limits = True
enabled_backends=fs:file
[barbican]
[barbican_service_user]
[cinder]
[cors]
[database]
connection = mysql+pymysql://glance:Passw0rd@controller/glance
backend = sqlalchemy
[file]
[fs]
filesystem_store_datadir = /var/lib/glance/images/
[glance.store.http.store]
[glance.store.rbd.store]
[glance.store.s3.store]
[glance.store.swift.store]
[glance.store.vmware_datastore.store]
[glance_store]
default_backend = fs
[healthcheck]
[image_format]
disk_formats = ami,ari,aki,vhd,vhdx,vmdk,raw,qcow2,vdi,iso,ploop.root-tar
[key_manager]
[keystone_authtoken]
www_authenticate_uri  = http://controller:5000
auth_url = http://controller:5000
memcached_servers = controller:11211
auth_type = password
project_domain_name = Default
user_domain_name = Default
project_name = service
username = glance
password = Passw0rd
[os_brick]
[oslo_concurrency]
[oslo_limit]
auth_url = http://controller:5000
auth_type = password
user_domain_id = default
username = glance
system_scope = all
password = Passw0rd
endpoint_id = {endpoint}
region_name = RegionOne
[oslo_messaging_amqp]
[oslo_messaging_kafka]
[oslo_messaging_notifications]
[oslo_messaging_rabbit]
[oslo_middleware]
[oslo_policy]
[oslo_reports]
[paste_deploy]
flavor = keystone
[profiler]
[store_type_location_strategy]
[task]
[taskflow_executor]
[vault]
[wsgi]
"""
LIMITS = {
    "image_size_total": 1000,
    "image_stage_total": 1000,
    "image_count_total": 100,
    "image_count_uploading": 100,
}
#: Output of db_sync that the guide shows, in its order; alembic's lines have times of their own.
GUIDE_C_SYNC = [
    "Running upgrade  -> liberty, liberty initial",
    "Running upgrade 2023_1_expand01 -> 2024_1_expand01, adds cache_node_reference and cached_images table(s)",
    "Upgraded database to: 2024_1_expand01, current revision(s): 2024_1_expand01",
    "Database migration is up to date. No migration needed.",
    "Running upgrade mitaka02 -> ocata_contract01, remove is_public from images",
    "Upgraded database to: 2024_1_contract01, current revision(s): 2024_1_contract01",
    "Database is synced successfully.",
]


def test_guide_c(controller):
    controller.run(_grant("Passw0rd"))
    controller.run(_identity("Passw0rd"))
    for name, limit in LIMITS.items():
        controller.run(
            f". ./admin-openrc; openstack registered limit create --service glance --default-limit {limit}"
            f" --region RegionOne {name}"
        )
    endpoint = controller.run("openstack endpoint list --service image --interface public -f value -c ID").strip()
    controller.run("cat > /etc/glance/glance-api.conf << 'END'\n" + GUIDE_C.format(endpoint=endpoint) + "END\n")
    controller.run("openstack role add --user glance --user-domain Default --system all reader")
    synced = controller.run('su -s /bin/sh -c "glance-manage db_sync" glance')
    places = [synced.find(line) for line in GUIDE_C_SYNC]
    assert -1 not in places, synced
    assert places == sorted(places)
    controller.run("systemctl enable glance-api\nsystemctl restart glance-api")
    _wait_for_service(controller)
    controller.run(f". ./admin-openrc\nwget http://download.cirros-cloud.net/0.4.0/{IMAGE}")
    created = _table(
        controller.run(
            f'glance image-create --name "cirros" \\\n  --file {IMAGE} \\\n'
            "  --disk-format qcow2 --container-format bare \\\n  --visibility=public"
        )
    )
    assert {name: created[name] for name in ("name", "status", "stores", "visibility", "virtual_size")} == {
        "name": "cirros",
        "status": "active",
        "stores": "fs",
        "visibility": "public",
        "virtual_size": str(44 << 20),
    }
    assert f"| {created['id']} | cirros |" in controller.run("glance image-list")
    log = controller.run("cat /var/log/glance-api.out /var/log/glance-registry.out")
    assert "Passw0rd" not in log


# -- b: 2014, two files with the names of then -----------------------------------------------------------

GUIDE_B = """\
[DEFAULT]
sql_connection = mysql://glance:password@localhost/glance

[keystone_authtoken]
auth_host = controller
auth_port = 5000
auth_protocol = http
admin_tenant_name = service
admin_user = glance
admin_password = password
"""
#: "At the very bottom of the file, add"; its samples end with the section.
AT_THE_BOTTOM = "flavor = keystone\n"


def test_guide_b(controller):
    controller.run(_grant("password"))
    controller.run(_identity("password"))
    for name in ("api", "registry"):
        path = f"/etc/glance/glance-{name}.conf"
        controller.run(f"cat > {path} << 'END'\n{GUIDE_B}\n[paste_deploy]\n{AT_THE_BOTTOM}END\n")
    controller.run("glance-manage db_sync")
    controller.run("systemctl restart glance-api; systemctl restart glance-registry")
    _wait_for_service(controller)
    assert "glance-registry" in controller.run("ps aux | grep glance")
    assert controller.run(". ./admin-openrc; openstack image list").strip() == ""
    controller.run(
        "wget http://download.cirros-cloud.net/0.3.2~pre2/cirros-0.3.2~pre2-x86_64-disk.img; file cirros-0.3.2*"
    )
    controller.run("openstack image create --disk-format qcow2 --container-format bare --public CirrOS < cirros-0.3.2*")
    sums = controller.run("md5sum cirros-*; sudo md5sum /var/lib/glance/images/*").split()
    assert sums[0] == sums[2]
    assert _table(controller.run("openstack image show CirrOS"))["status"] == "active"


# -- d: 2015, openstack-db and the units of another distribution -----------------------------------------

GUIDE_D = """\
[database]
# specify controller node
connection=mysql://glance:GLANCE_DB@controller/glance

[keystone_authtoken]
auth_uri=http://controller:5000
auth_url=http://controller:5000
auth_plugin=password
project_domain_id=default
user_domain_id=default
project_name=service
username=glance
password=GLANCE_SERVICE
flavor=keystone
"""


def test_guide_d(controller):
    controller.run("openstack-db --init --service glance --password GLANCE_DB")
    controller.run(_identity("GLANCE_SERVICE", description="Glance Image Service"))
    for name in ("api", "registry"):
        controller.merge(f"/etc/glance/glance-{name}.conf", GUIDE_D)
    controller.run(
        "systemctl start openstack-glance-registry\nsystemctl enable openstack-glance-registry\n"
        "systemctl start openstack-glance-api\nsystemctl enable openstack-glance-api"
    )
    _wait_for_service(controller)
    controller.run("wget http://cloud.fedoraproject.org/fedora-19.x86_64.qcow2; qemu-img info fedora-19.x86_64.qcow2")
    created = controller.run(
        ". ./admin-openrc; openstack image create --public --disk-format qcow2 --container-format bare"
        " --file fedora-19.x86_64.qcow2 fedora-19 -f value -c id"
    ).strip()
    assert controller.run("ls /var/lib/glance/images/").strip() == created


# -- e: 2018, a user's lab ------------------------------------------------------------------------------------

DEMORC = "sed -e 's/=admin/=demo/; s/ADMIN_PASS/DEMO_PASS/' admin-openrc > demorc"


def test_guide_e(controller):
    """Its images are kept by Swift, which is not here; the user's part is the same."""
    controller.run(_grant("GLANCE_DBPASS"))
    controller.run(_identity("GLANCE_PASS"))
    installation = [step for step in guide.steps("install/index.rst") if step.language == "ini"]
    for step in installation:
        guide.do(step, controller)
    # Who may make images public was not the administrator alone then.
    controller.write("/etc/glance/policy.yaml", '"publicize_image": "role:member or role:admin"\n')
    controller.run('su -s /bin/sh -c "glance-manage db_sync" glance; systemctl restart glance-api')
    controller.run(
        ". ./admin-openrc; openstack project create demo; openstack user create --password DEMO_PASS demo;"
        f" openstack role add --project demo --user demo member; {DEMORC}"
    )
    _wait_for_service(controller)
    controller.run("mkdir labs; cd labs; wget http://x/rhel-server-7.4-x86_64-kvm.qcow2")
    created = _table(
        controller.run(
            "source /root/demorc\nopenstack image create rhel7 --public \\\n\t--disk-format qcow2 --container-format bare \\\n"
            "\t--file ~/labs/rhel-server-7.4-x86_64-kvm.qcow2"
        )
    )
    assert created["visibility"] == "public"
    assert "rhel7" in controller.run("openstack image list")
