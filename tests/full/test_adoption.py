"""A database that Glance has made and filled: adopted, written to, given back, and Glance goes on with it."""

import hashlib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.fixtures import peer, peer_catalogue, servers
from tests.fixtures.daemons import Deployment, wait_for
from tests.fixtures.images import noise
from tests.fixtures.peer_database import Shared

pytestmark = pytest.mark.timeout(1800)

UP_TO_DATE = "Database is up to date. No upgrades needed."
GIVEN_BACK = "The database is Glance's again. To come back, run 'glance-manage db_sync'."
SMILE = "\N{GRINNING FACE}"


@pytest.fixture(scope="module")
def mariadb():
    with servers.started(servers.MariaDB) as server:
        yield server


@pytest.fixture(scope="module")
def web():
    with peer_catalogue.web_file() as url:
        yield url


@pytest.fixture
def database(mariadb):
    return Shared.make(mariadb)


@pytest.fixture
def glance(tmp_path, database, web):
    return peer.Peer(tmp_path / "glance", peer.shared_options(tmp_path, database.url, web))


@pytest.fixture
def ours(tmp_path, glance):
    (tmp_path / "ours").mkdir()
    deployment = Deployment(tmp_path / "ours", glance.shared)
    yield deployment
    deployment.close()


def test_there_and_back(glance, ours, database, web, tmp_path):
    glance.manage("db", "sync")
    with glance.running():
        catalogue = peer_catalogue.fill(glance.url, web)
        theirs = _seen(glance.url, catalogue)
    schema, columns = database.schema(), database.columns()
    rows = database.rows(columns)

    ours.prepare()
    assert UP_TO_DATE in ours.manage("db", "check")
    ours.start()
    assert _seen(ours.url, catalogue) == theirs
    assert database.rows(columns) == rows
    new = _write(ours, catalogue, tmp_path / "images")
    mine = _seen(ours.url, catalogue)
    left = _delete_what_stays(ours, catalogue, tmp_path / "images")
    _forget(mine, left.name)
    assert ours.terminate("glance-registry") == 0

    assert ours.manage("release").splitlines() == [
        "Data of 1 deleted images is still to be removed: run Glance's glance-scrubber.",
        GIVEN_BACK,
    ]
    assert database.schema() == schema
    after = database.rows(columns)
    for table in columns:
        if table.startswith(("metadef", "task", "cached", "node", "alembic")):
            assert after[table] == rows[table], table
    assert new in {row[0] for row in after["images"]}

    assert UP_TO_DATE in glance.manage("db", "check")
    with glance.running() as admin:
        assert _seen(glance.url, catalogue) == mine
        _write_more(admin, catalogue)
    assert left.exists()
    glance.run("glance-scrubber")
    assert not left.exists()
    _purge(glance, database)

    assert "Database is synced successfully." in ours.manage("db_sync")
    ours.start()
    assert set(_seen(ours.url, catalogue)) == {"listed", *catalogue.living()}


@pytest.mark.parametrize("key", ["0123456789abcdef", "größe-of-24-bytes-exac", "0123456789abcdef" * 2])
def test_locations_that_glance_has_encrypted(glance, ours, database, web, key):
    glance.shared["DEFAULT"]["metadata_encryption_key"] = key
    glance.configure()
    glance.manage("db", "sync")
    data = {}
    with glance.running() as admin:
        _stored(admin, data, b"of Glance")
        _located(admin, data, web)
        theirs = _places(admin, data)
    assert _plain(database) == []

    ours.prepare()
    ours.start()
    admin = peer.administrator(ours.url)
    assert _places(admin, data) == theirs
    _stored(admin, data, b"ours")
    _located(admin, data, web)
    gone = _stored(admin, data, b"not for long")
    path = Path(urlsplit(_places(admin, data)[gone][0][0]).path)
    assert admin.delete(gone).status_code == 204
    wait_for("removed data", lambda: not path.exists())
    del data[gone]
    mine = _places(admin, data)
    assert _plain(database) == []
    ours.close()
    with glance.running() as admin:
        assert _places(admin, data) == mine


def _stored(client, data, content):
    image_id = client.uploaded(content)
    data[image_id] = content
    return image_id


def _located(admin, data, url):
    image_id = admin.created(disk_format="raw", container_format="bare")
    location = {"url": url, "metadata": {}}
    answer = admin.patch(image_id, {"op": "add", "path": "/locations/-", "value": location})
    assert answer.status_code == 200, answer.text
    data[image_id] = peer_catalogue.WEB_DATA


def _places(admin, data):
    """URLs and metadata by image, after a look at the data."""
    for image_id, content in data.items():
        assert admin.download(image_id).content == content
    found = {image_id: admin.show(image_id).json()["locations"] for image_id in data}
    return {image_id: [(place["url"], place["metadata"]) for place in places] for image_id, places in found.items()}


def _plain(database):
    return database.execute("SELECT value FROM image_locations WHERE value LIKE '%:%'")


def _seen(url, catalogue):
    """What an administrator sees of all images: the list, fields, members, and the sum of the data."""
    admin = peer.administrator(url)
    seen = {"listed": sorted(admin.ids())}
    for image_id in catalogue.living():
        shown = admin.show(image_id)
        assert shown.status_code == 200, shown.text
        image = shown.json()
        image["tags"].sort()
        members = admin.request("GET", f"/v2/images/{image_id}/members")
        data = admin.download(image_id)
        assert data.status_code in {200, 204}, data.text
        assert data.content == catalogue.data.get(image_id, b"")
        listed = members.json().get("members") if members.status_code == 200 else members.status_code
        seen[image_id] = (image, listed, hashlib.sha512(data.content).hexdigest())
    for name, image_id in catalogue.ids.items():
        if name.startswith("deleted"):
            assert admin.show(image_id).status_code == 404
    assert peer.caller(url, "bob").show(catalogue.ids["with members"]).status_code == 200
    assert peer.caller(url, "bob").show(catalogue.ids["private"]).status_code == 404
    return seen


def _forget(seen, image_id):
    del seen[image_id]
    seen["listed"].remove(image_id)


def _write(ours, catalogue, images):
    """Every kind of write, to images of both; the id of a new one."""
    alice = peer.caller(ours.url, "alice")
    new = alice.uploaded(noise(70_000, 20), name="ours", tags=["a", "b"], **peer_catalogue.PROPERTIES)
    catalogue.ids["ours"], catalogue.data[new] = new, noise(70_000, 20)
    queued = catalogue.ids["queued"]
    assert alice.upload(queued, noise(300, 21)).status_code == 204
    catalogue.data[queued] = noise(300, 21)
    operations = [
        {"op": "remove", "path": "/comes"},
        {"op": "replace", "path": "/changes", "value": "4"},
        {"op": "add", "path": "/goes", "value": "again"},
        {"op": "replace", "path": "/tags", "value": ["stays", "new", "Größe"]},
    ]
    assert alice.patch(catalogue.ids["changed"], *operations).status_code == 200
    _refused(alice, catalogue)
    gone = catalogue.ids["deleted by us"] = catalogue.ids.pop("imported")
    assert alice.delete(gone).status_code == 204
    wait_for("removed data", lambda: not (images / gone).exists())
    return new


def _refused(alice, catalogue):
    """What Glance's tables on MariaDB cannot hold: four bytes a character, and two names that differ in case."""
    image_id = catalogue.ids["odd"]
    too_wide = alice.patch(image_id, {"op": "add", "path": "/smile", "value": SMILE})
    assert (too_wide.status_code, "character" in too_wide.text) == (400, True)
    assert alice.create(name=SMILE).status_code == 400
    assert alice.patch(image_id, {"op": "add", "path": "/camelcase", "value": "x"}).status_code == 409


def _delete_what_stays(ours, catalogue, images):
    """Delete an image whose data cannot be removed before the daemons are gone; where it is."""
    image_id = catalogue.ids["deleted but there"] = catalogue.ids.pop("shared")
    path = images / image_id
    path.rename(images / "elsewhere")
    path.mkdir()
    assert peer.caller(ours.url, "alice").delete(image_id).status_code == 204
    wait_for("attempt", lambda: f"(image {image_id}) was not removed" in ours.log("glance-api"))
    assert ours.terminate("glance-api") == 0
    path.rmdir()
    (images / "elsewhere").rename(path)
    return path


def _write_more(admin, catalogue):
    """Glance works on what was ours as on its own."""
    image_id = catalogue.ids["ours"]
    assert admin.patch(image_id, {"op": "replace", "path": "/name", "value": "Glance's"}).status_code == 200
    new = admin.uploaded(b"more", name="more")
    catalogue.ids["more"], catalogue.data[new] = new, b"more"
    assert admin.delete(catalogue.ids["queued"]).status_code == 204
    catalogue.ids["deleted by Glance"] = catalogue.ids.pop("queued")


def _purge(glance, database):
    """Rows of deleted images go, those of both, with all that hung on them."""
    database.execute("UPDATE images SET deleted_at = deleted_at - INTERVAL 300 DAY WHERE deleted")
    for table in ("image_locations", "image_members", "image_properties", "image_tags"):
        database.execute(f"UPDATE {table} SET deleted_at = deleted_at - INTERVAL 300 DAY WHERE deleted")  # noqa: S608
    glance.manage("db", "purge", "--max_rows", "-1")
    glance.manage("db", "purge_images_table", "--max_rows", "-1")
    for table in ("images", "image_locations", "image_members", "image_properties", "image_tags"):
        assert database.execute(f"SELECT count(*) FROM {table} WHERE deleted") == [(0,)], table  # noqa: S608
