"""What belongs to one project cannot be changed from another in any way, and its state does not move by trying."""

import collections
import contextlib
import sqlite3

import pytest

from imagesvc.api.v2 import application, router
from tests.fixtures import api as apis
from tests.fixtures.images import PATCH_TYPE, noise

RENAME = [{"op": "replace", "path": "/name", "value": "stolen"}]
OCTETS = {"Content-Type": "application/octet-stream"}

#: Every way to change an image, by its route: what is sent.
CHANGES = {
    ("PATCH", "/images/{image_id}"): {"json": RENAME, "headers": {"Content-Type": PATCH_TYPE}},
    ("DELETE", "/images/{image_id}"): {},
    ("PUT", "/images/{image_id}/file"): {"data": b"stolen", "headers": OCTETS},
    ("POST", "/images/{image_id}/members"): {"json": {"member": "PROJECT"}},
    ("PUT", "/images/{image_id}/members/{member_id}"): {"json": {"status": "accepted"}},
    ("DELETE", "/images/{image_id}/members/{member_id}"): {},
    ("PUT", "/images/{image_id}/tags/{tag}"): {},
    ("DELETE", "/images/{image_id}/tags/{tag}"): {},
    ("POST", "/images/{image_id}/actions/deactivate"): {},
    ("POST", "/images/{image_id}/actions/reactivate"): {},
}
#: More that a patch could take away or give.
PATCHES = [
    {"op": "replace", "path": "/visibility", "value": "public"},
    {"op": "replace", "path": "/owner", "value": "PROJECT"},
    {"op": "add", "path": "/stolen", "value": "yes"},
    {"op": "remove", "path": "/kept"},
    {"op": "replace", "path": "/tags", "value": []},
]
TABLES = ("images", "image_properties", "image_members", "image_tags", "image_locations")


#: For routes that are not among them, by what they take: whatever they answer, they change nothing.
ANYTHING = {router.Body.JSON: {"json": {}}, router.Body.OCTETS: {"data": b"stolen", "headers": OCTETS}}


@pytest.fixture(scope="module")
def changes(tmp_path_factory):
    """What is sent to each route of the application that changes an image, and the statuses a refusal may have."""
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(application, "Router", lambda routes: router.Router(found.extend(routes) or found))
        apis.make_service(tmp_path_factory.mktemp("routes"))
    changing = [route for route in found if route.path.startswith("/images/") and route.method != "GET"]
    assert {(route.method, route.path) for route in changing} >= set(CHANGES)
    others = {(route.method, route.path): ANYTHING.get(route.body, {}) for route in changing}
    return others | CHANGES


@pytest.fixture(scope="module")
def images(client_of, people):
    """Images of alice by visibility, with data; the shared one has bob's project as a member who has not answered."""
    owner, admin = client_of("member"), client_of("admin")
    made = {}
    for visibility in ("private", "shared", "community"):
        made[visibility] = owner.uploaded(noise(1000), visibility=visibility, tags=["mine"], kept="yes")
    made["public"] = admin.uploaded(
        noise(1000), visibility="public", owner=people["member"].project_id, tags=["mine"], kept="yes"
    )
    member = {"member": people["guest_of_red"].project_id}
    assert owner.request("POST", f"/v2/images/{made['shared']}/members", json=member).status_code == 200
    return made


@pytest.fixture(scope="module", autouse=True)
def strangers(keystone, people):
    people["stranger_reader"] = keystone.user("rob", "blue", "reader")
    people["guest_of_red"] = keystone.user("mia", "green", "member")


@pytest.fixture
def state(identified):
    """A function that returns all rows and all data."""

    def look():
        connection = sqlite3.connect(f"file:{identified.database}?mode=ro", uri=True)
        with contextlib.closing(connection):
            rows = {table: sorted(map(repr, connection.execute(f"SELECT * FROM {table}"))) for table in TABLES}  # noqa: S608
        blobs = {path.name: path.read_bytes() for path in identified.images.iterdir() if path.is_file()}
        assert rows["images"]
        return rows, blobs

    return look


def attempts(changes, image, project):
    for (method, path), sent in changes.items():
        known = {"image_id": image, "member_id": project, "tag": "mine"}
        filled = path.format_map(collections.defaultdict(lambda: "file", known))
        yield method, f"/v2{filled}", _with(project, sent), (method, path) in CHANGES
    for operation in PATCHES:
        sent = {"json": [operation], "headers": {"Content-Type": PATCH_TYPE}}
        yield "PATCH", f"/v2/images/{image}", _with(project, sent), True


def _with(project, sent):
    if isinstance(sent, dict):
        return {name: _with(project, value) for name, value in sent.items()}
    if isinstance(sent, list):
        return [_with(project, value) for value in sent]
    return project if sent == "PROJECT" else sent


#: Who tries, and which images he sees: what he may not see is 404 whatever he does, the rest is 403.
SEES = {
    "stranger": {"public", "community"},
    "stranger_reader": {"public", "community"},
    "reader": {"private", "shared", "public", "community"},
    "guest": set(),
    "guest_of_red": {"shared", "public", "community"},
}


@pytest.mark.parametrize("who", SEES)
def test_others_change_nothing(images, changes, client_of, people, state, who):
    client, before = client_of(who), state()
    for visibility, image in images.items():
        expected = {403} if visibility in SEES[who] else {404}
        for method, path, sent, known in attempts(changes, image, people[who].project_id):
            answer = client.request(method, path, **sent)
            if not known:
                assert 400 <= answer.status_code < 500, (method, path, answer.text)
                continue
            # The one thing a member may do is to answer; whether others are members is not for everybody to know.
            if "/members" in path and visibility in SEES[who]:
                expected_here = {403, 404} | ({200} if who == "guest_of_red" and method == "PUT" else set())
            else:
                expected_here = expected
            assert answer.status_code in expected_here, (visibility, method, path, sent, answer.text)
    after = state()
    if who == "guest_of_red":
        for rows, _ in (before, after):
            del rows["image_members"]
    assert after == before


@pytest.mark.parametrize("who", SEES)
def test_others_read_what_they_see(images, client_of, state, who):
    client, before = client_of(who), state()
    for visibility, image in images.items():
        visible = visibility in SEES[who]
        assert client.show(image).status_code == (200 if visible else 404)
        may_download = visible and "reader" not in who
        assert client.download(image).status_code == (200 if may_download else 403 if visible else 404)
        members = client.request("GET", f"/v2/images/{image}/members").status_code
        assert members in ({200, 403, 404} if visible else {404})
    assert state() == before


@pytest.mark.parametrize(
    "query",
    ["", "?visibility=private", "?visibility=shared", "?member_status=all", "?visibility=all", "?owner={owner}",
     "?visibility=private&owner={owner}", "?tag=mine&visibility=shared&member_status=all"],
)  # fmt: skip
def test_lists_show_nothing_of_other_projects(images, client_of, people, query):
    page = client_of("stranger").list(
        query.format(owner=people["member"].project_id) + ("&" if query else "?") + "limit=1000"
    )
    assert page.status_code == 200, page.text
    seen = {image["id"] for image in page.json()["images"]}
    assert not seen & {images["private"], images["shared"]}
