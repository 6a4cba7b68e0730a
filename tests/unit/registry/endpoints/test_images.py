import uuid

import pytest

from imagesvc import exception, objects
from tests.fixtures.registry import FakeClock, make_registry
from tests.fixtures.rpc import make_context

MEMBER = make_context(roles=["member", "reader"], project_id="p1")
OTHER = make_context(roles=["member", "reader"], project_id="p2")
READER = make_context(roles=["reader"], project_id="p1")
ADMIN = make_context(roles=["admin", "member", "reader"], project_id="p0")
NOAUTH = make_context(roles=["admin"], project_id=None, user_id=None)


@pytest.fixture
def registry(tmp_path):
    return make_registry(tmp_path / "state", image_property_quota=4, image_tag_quota=3)


def _add(name, value, **more):
    return {"op": "add", "path": [name], "value": value, **more}


def _remove(name):
    return {"op": "remove", "path": [name]}


# -- create ------------------------------------------------------------------------------------------


def test_create_and_get(registry):
    image_id = str(uuid.uuid4())
    wanted = {
        "id": image_id,
        "name": "n",
        "visibility": "private",
        "disk_format": "qcow2",
        "container_format": "bare",
        "min_disk": 1,
        "min_ram": 2,
        "protected": True,
        "os_hidden": True,
        "tags": ["b", "a"],
        "properties": {"x": "1", "kernel_id": None},
    }
    created = registry.api.image_create(MEMBER, wanted)
    assert created == registry.api.image_get(MEMBER, image_id)
    assert {name: getattr(created, name) for name in wanted} == {**wanted, "tags": ("b", "a")}
    assert (created.owner, created.status, created.version) == ("p1", "queued", 0)
    assert created.created_at == created.updated_at == "2027-01-15T08:00:00"


def test_create_for_another_project_needs_an_administrator(registry):
    image_id = registry.image(ADMIN, owner="p1")
    assert registry.api.image_get(MEMBER, image_id).owner == "p1"
    with pytest.raises(exception.Forbidden):
        registry.image(MEMBER, owner="p2")
    with pytest.raises(exception.Forbidden):
        registry.image(MEMBER, owner=None)


def test_create_without_project_belongs_to_nobody(registry):
    assert registry.api.image_get(NOAUTH, registry.image(NOAUTH)).owner is None


def test_visibility_needs_its_right(registry):
    with pytest.raises(exception.Forbidden) as caught:
        registry.image(MEMBER, visibility="public")
    assert caught.value.kwargs == {"action": "publicize_image"}
    registry.image(MEMBER, visibility="community")
    registry.image(ADMIN, visibility="public")


def test_readers_and_anonymous_callers_create_nothing(registry):
    with pytest.raises(exception.Forbidden):
        registry.image(READER)
    with pytest.raises(exception.Forbidden):
        registry.image(make_context(roles=["admin"], read_only=True))


def test_id_is_used_once_for_ever(registry):
    image_id = registry.image(MEMBER)
    with pytest.raises(exception.ImageExists):
        registry.api.image_create(OTHER, {"id": image_id})
    registry.api.image_delete(MEMBER, image_id)
    with pytest.raises(exception.ImageExists):
        registry.api.image_create(MEMBER, {"id": image_id})


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"status": "active"}, exception.ReadOnlyProperty),
        ({"size": 5}, exception.ReadOnlyProperty),
        ({"locations": []}, exception.ReservedProperty),
        ({"properties": {"os_glance_x": "1"}}, exception.ReservedProperty),
        ({"properties": {"status": "active"}}, exception.ReadOnlyProperty),
        ({"properties": {"owner": "p2"}}, exception.InvalidParameter),
        ({"nonsense": 1}, exception.InvalidParameter),
        ({"name": 1}, exception.InvalidParameter),
        ({"id": "1"}, exception.InvalidParameter),
        ({"properties": {str(n): "x" for n in range(5)}}, exception.PropertyQuotaExceeded),
        ({"tags": ["a", "b", "c", "d"]}, exception.TagQuotaExceeded),
    ],
)
def test_bad_create_leaves_nothing(registry, fields, error):
    with pytest.raises(error):
        registry.image(MEMBER, **fields)
    assert registry.rows("SELECT count(*) FROM images") == [(0,)]


# -- get ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("visibility", "shared", "seen"),
    [
        ("private", None, False),
        ("shared", None, False),
        ("shared", "pending", True),
        ("shared", "accepted", True),
        ("private", "accepted", False),
        ("community", None, True),
        ("public", None, True),
    ],
)
def test_who_sees_an_image_by_id(registry, visibility, shared, seen):
    image_id = registry.image(ADMIN, owner="p1", visibility=visibility)
    if shared:
        registry.share(image_id, "p2", shared)
    registry.api.image_get(MEMBER, image_id)
    registry.api.image_get(ADMIN, image_id)
    if seen:
        registry.api.image_get(OTHER, image_id)
    else:
        with pytest.raises(exception.ImageNotFound):
            registry.api.image_get(OTHER, image_id)


def test_image_of_nobody_is_readable_by_all_and_changed_by_administrators(registry):
    image_id = registry.image(NOAUTH)
    registry.api.image_get(OTHER, image_id)
    with pytest.raises(exception.Forbidden):
        registry.api.image_patch(OTHER, image_id, [_add("a", "1")])
    registry.api.image_patch(ADMIN, image_id, [_add("a", "1")])


def test_image_that_is_not_there(registry):
    with pytest.raises(exception.ImageNotFound):
        registry.api.image_get(ADMIN, str(uuid.uuid4()))


def test_images_waiting_for_removal_are_gone_even_for_administrators(registry):
    image_id = registry.image(MEMBER)
    registry.put("UPDATE images SET status = 'pending_delete'")
    with pytest.raises(exception.ImageNotFound):
        registry.api.image_get(ADMIN, image_id)


def test_a_role_is_needed_to_see_anything(registry):
    image_id = registry.image(ADMIN, visibility="public")
    with pytest.raises(exception.ImageNotFound):
        registry.api.image_get(make_context(roles=[]), image_id)


def test_locations_are_for_all_who_see_the_image_or_for_whom_the_policy_says(registry, tmp_path):
    image_id = registry.active(ADMIN, visibility="public", owner="p1")
    for who in (MEMBER, OTHER):
        assert registry.api.image_get(who, image_id).locations[0].metadata == {"store": "fast"}
    policy = tmp_path / "policy.yaml"
    policy.write_text('get_image_location: "project_id:%(project_id)s"\n')
    strict = make_registry(tmp_path / "strict", oslo_policy__policy_file=str(policy))
    image_id = strict.active(ADMIN, visibility="public", owner="p1")
    assert strict.api.image_get(MEMBER, image_id).locations[0].metadata == {"store": "fast"}
    foreign = strict.api.image_get(OTHER, image_id)
    assert (foreign.locations, foreign.stores) == ((), ("fast",))


def test_download_has_the_locations_and_its_own_rule(registry):
    image_id = registry.active(ADMIN, visibility="public", owner="p1")
    assert len(registry.api.image_get_for_download(OTHER, image_id).locations) == 1
    with pytest.raises(exception.Forbidden):
        registry.api.image_get_for_download(READER, image_id)


def test_deactivated_data_is_for_administrators(registry):
    image_id = registry.active(MEMBER)
    registry.put("UPDATE images SET status = 'deactivated'")
    registry.api.image_get_for_download(ADMIN, image_id)
    with pytest.raises(exception.ImageDeactivated):
        registry.api.image_get_for_download(MEMBER, image_id)


def test_locations_of_deactivated_images_are_for_administrators(registry):
    image_id = registry.active(MEMBER)
    registry.put("UPDATE images SET status = 'deactivated'")
    for image in (
        registry.api.image_get(MEMBER, image_id),
        *registry.api.image_list(MEMBER, objects.ImageQuery()).images,
    ):
        assert (image.locations, image.stores) == ((), ("fast",))
    for image in (
        registry.api.image_get(ADMIN, image_id),
        *registry.api.image_list(ADMIN, objects.ImageQuery()).images,
    ):
        assert len(image.locations) == 1


# -- patch -------------------------------------------------------------------------------------------


def test_patch_is_applied_and_counted(registry):
    image_id = registry.image(MEMBER, properties={"a": "1", "b": "2"}, tags=["x", "y"])
    registry.clock.sleep(5)
    changes = [
        _add("name", "new"),
        _remove("a"),
        _add("b", "3"),
        _add("c", "4"),
        _add("tags", ["y", "z"]),
        _add("disk_format", "iso"),
    ]
    image = registry.api.image_patch(MEMBER, image_id, changes)
    assert (image.name, image.disk_format, image.version) == ("new", "iso", 1)
    assert image.properties == {"b": "3", "c": "4"}
    assert image.tags == ("y", "z")
    assert image.created_at < image.updated_at == "2027-01-15T08:00:05"
    assert registry.api.image_get(MEMBER, image_id) == image


def test_empty_patch_changes_nothing(registry):
    image_id = registry.image(MEMBER)
    registry.clock.sleep(5)
    assert registry.api.image_patch(MEMBER, image_id, []) == registry.api.image_get(MEMBER, image_id)
    assert registry.api.image_get(MEMBER, image_id).version == 0


def test_an_empty_patch_is_for_all_who_see_the_image(registry):
    image_id = registry.image(MEMBER, visibility="community")
    assert registry.api.image_patch(OTHER, image_id, []) == registry.api.image_get(OTHER, image_id)
    with pytest.raises(exception.ImageNotFound):
        registry.api.image_patch(OTHER, registry.image(MEMBER), [])


def test_patch_is_all_or_nothing(registry):
    image_id = registry.image(MEMBER, properties={"a": "1"})
    before = registry.api.image_get(MEMBER, image_id)
    with pytest.raises(exception.PropertyMissing):
        registry.api.image_patch(MEMBER, image_id, [_add("a", "2"), _add("name", "n"), _remove("nope")])
    assert registry.api.image_get(MEMBER, image_id) == before


def test_what_was_removed_can_come_back(registry):
    image_id = registry.image(MEMBER, properties={"a": "1"}, tags=["t"])
    for value in ("2", "3"):
        registry.api.image_patch(MEMBER, image_id, [_remove("a"), _add("tags", [])])
        image = registry.api.image_patch(MEMBER, image_id, [_add("a", value), _add("tags", ["t"])])
        assert registry.api.image_get(MEMBER, image_id) == image
        assert (image.properties, image.tags) == ({"a": value}, ("t",))
    assert registry.rows("SELECT count(*) FROM image_properties") == [(1,)]


@pytest.mark.parametrize("context", [OTHER, READER])
def test_patch_by_who_only_sees(registry, context):
    image_id = registry.image(ADMIN, owner="p1", visibility="public")
    with pytest.raises(exception.Forbidden):
        registry.api.image_patch(context, image_id, [_add("a", "1")])


def test_patch_of_an_invisible_image(registry):
    image_id = registry.image(MEMBER)
    with pytest.raises(exception.ImageNotFound):
        registry.api.image_patch(OTHER, image_id, [_add("a", "1")])


def test_owner_and_publicity_are_for_administrators(registry):
    image_id = registry.image(MEMBER)
    for change in (_add("owner", "p2"), _add("visibility", "public")):
        with pytest.raises(exception.Forbidden):
            registry.api.image_patch(MEMBER, image_id, [change])
    registry.api.image_patch(MEMBER, image_id, [_add("visibility", "community")])
    image = registry.api.image_patch(ADMIN, image_id, [_add("owner", "p2"), _add("visibility", "public")])
    assert (image.owner, image.visibility) == ("p2", "public")


def test_formats_are_fixed_once_there_is_data(registry):
    image_id = registry.active(MEMBER)
    with pytest.raises(exception.FormatLocked):
        registry.api.image_patch(MEMBER, image_id, [_add("disk_format", "iso")])


def test_quota_counts_what_there_is_after_the_patch(registry):
    image_id = registry.image(MEMBER, properties={str(n): "x" for n in range(4)})
    registry.api.image_patch(MEMBER, image_id, [_add("new", "x"), _remove("0")])
    with pytest.raises(exception.PropertyQuotaExceeded):
        registry.api.image_patch(MEMBER, image_id, [_add("newer", "x")])
    with pytest.raises(exception.TagQuotaExceeded):
        registry.api.image_patch(MEMBER, image_id, [_add("tags", list("abcd"))])


def test_changes_that_are_no_list(registry):
    with pytest.raises(exception.InvalidPatch):
        registry.caller.mutate(MEMBER, "image_patch", "1.0", image_id=registry.image(MEMBER), changes={})


def test_old_defaults_leave_ownership_to_the_code(tmp_path):
    old = make_registry(tmp_path / "old", oslo_policy__enforce_new_defaults=False)
    nobody = make_context(roles=["whatever"], project_id="p2")
    image_id = old.image(ADMIN, owner="p1", visibility="public")
    assert old.api.image_get(nobody, image_id).owner == "p1"
    with pytest.raises(exception.Forbidden):
        old.api.image_patch(nobody, image_id, [_add("a", "1")])
    with pytest.raises(exception.Forbidden):
        old.api.image_delete(nobody, image_id)
    old.api.image_patch(make_context(roles=["whatever"], project_id="p1"), image_id, [_add("a", "1")])


# -- delete ------------------------------------------------------------------------------------------


def test_delete_marks_everything_and_leaves_the_data_to_the_janitor(registry):
    image_id = registry.active(MEMBER, properties={"a": "1"}, tags=["t"])
    registry.share(image_id, "p2")
    registry.clock.sleep(5)
    registry.api.image_delete(MEMBER, image_id)
    with pytest.raises(exception.ImageNotFound):
        registry.api.image_get(ADMIN, image_id)
    moment = "2027-01-15 08:00:05.000000"
    assert registry.rows("SELECT status, deleted, deleted_at, updated_at FROM images") == [
        ("deleted", 1, moment, moment)
    ]
    assert registry.rows("SELECT deleted, deleted_at FROM image_properties") == [(1, moment)]
    assert registry.rows("SELECT deleted, deleted_at FROM image_tags") == [(1, moment)]
    assert registry.rows("SELECT deleted, deleted_at FROM image_members") == [(1, moment)]
    assert registry.rows("SELECT status, deleted, deleted_at FROM image_locations") == [("pending_delete", 0, None)]


def test_protected_images_are_not_deleted(registry):
    image_id = registry.image(MEMBER, protected=True)
    with pytest.raises(exception.ImageProtected):
        registry.api.image_delete(ADMIN, image_id)
    registry.api.image_patch(MEMBER, image_id, [_add("protected", False)])
    registry.api.image_delete(MEMBER, image_id)


def test_delete_by_others(registry):
    visible, hidden = registry.image(ADMIN, owner="p1", visibility="public"), registry.image(MEMBER)
    with pytest.raises(exception.Forbidden):
        registry.api.image_delete(OTHER, visible)
    with pytest.raises(exception.ImageNotFound):
        registry.api.image_delete(OTHER, hidden)
    with pytest.raises(exception.Forbidden):
        registry.api.image_delete(READER, hidden)


@pytest.mark.parametrize("status", ["queued", "saving", "uploading", "importing", "active", "killed", "deactivated"])
def test_delete_in_every_status(registry, status):
    image_id = registry.image(MEMBER)
    registry.put("UPDATE images SET status = :status", status=status)
    registry.api.image_delete(MEMBER, image_id)


# -- list --------------------------------------------------------------------------------------------


def _names(registry, context, **query):
    return sorted(
        image.name for image in registry.api.image_list(context, objects.ImageQuery(limit=100, **query)).images
    )


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    """Images of p1, p2 and nobody in every visibility, named OWNER-VISIBILITY."""
    registry = make_registry(tmp_path_factory.mktemp("catalogue") / "state", FakeClock())
    for owner in ("p1", "p2", None):
        for visibility in ("private", "public", "shared", "community"):
            registry.image(ADMIN, owner=owner, visibility=visibility, name=f"{owner}-{visibility}")
    for status in ("accepted", "pending", "rejected"):
        registry.share(registry.image(ADMIN, owner="p2", name=f"to-p1-{status}"), "p1", status)
    return registry


P1 = ["p1-community", "p1-private", "p1-public", "p1-shared"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, [*P1, "None-public", "p2-public", "to-p1-accepted"]),
        ({"member_status": "pending"}, [*P1, "None-public", "p2-public", "to-p1-pending"]),
        ({"visibility": "public"}, ["None-public", "p1-public", "p2-public"]),
        ({"visibility": "private"}, ["p1-private"]),
        ({"visibility": "shared"}, ["p1-shared", "to-p1-accepted"]),
        ({"visibility": "shared", "member_status": "rejected"}, ["p1-shared", "to-p1-rejected"]),
        (
            {"visibility": "shared", "member_status": "all"},
            ["p1-shared", "to-p1-accepted", "to-p1-pending", "to-p1-rejected"],
        ),
        ({"visibility": "community"}, ["None-community", "p1-community", "p2-community"]),
        (
            {"visibility": "all"},
            [*P1, "None-public", "p2-public", "None-community", "p2-community", "to-p1-accepted"],
        ),
        ({"filters": (("owner", "eq", "p2"),)}, ["p2-public", "to-p1-accepted"]),
    ],
)
def test_what_a_project_lists(catalogue, query, names):
    assert _names(catalogue, MEMBER, **query) == sorted(names)


def test_what_an_administrator_lists(catalogue):
    admin = make_context(roles=["admin"], project_id="p1")
    everything = _names(catalogue, admin, visibility="all")
    assert len(everything) == 15
    assert _names(catalogue, admin) == sorted({*everything} - {"p2-community", "None-community"})
    assert _names(catalogue, admin, visibility="private") == ["None-private", "p1-private", "p2-private"]
    assert _names(catalogue, admin, visibility="community") == ["None-community", "p1-community", "p2-community"]
    assert "None-community" in _names(catalogue, NOAUTH)


def test_what_a_caller_without_project_lists(catalogue, tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text('get_images: "@"\n')
    open_registry = make_registry(tmp_path / "state", oslo_policy__policy_file=str(policy))
    for owner in ("p1", None):
        for visibility in ("private", "public", "shared", "community"):
            open_registry.image(ADMIN, owner=owner, visibility=visibility, name=f"{owner}-{visibility}")
    anonymous = make_context(roles=["reader"], project_id=None, user_id=None)
    assert _names(open_registry, anonymous) == ["None-public", "p1-public"]
    with pytest.raises(exception.Forbidden):
        _names(catalogue, anonymous)


@pytest.mark.parametrize("name", sorted(objects.INTERNAL_PROPERTIES))
def test_what_nobody_is_shown_cannot_be_guessed(registry, name):
    image_id = registry.image(MEMBER, properties={"os": "linux"})
    registry.put("UPDATE image_properties SET name = :name WHERE image_id = :image_id", name=name, image_id=image_id)
    for caller in (MEMBER, ADMIN):
        query = objects.ImageQuery(filters=((f"property:{name}", "eq", "linux"),))
        assert registry.api.image_list(caller, query) == objects.ImagePage(images=(), next_marker=None)


def test_policy_hides_images_of_a_page_but_not_the_next_one(tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text("get_image: \"role:admin or 'yes':%(listed)s\"\n")
    registry = make_registry(tmp_path / "state", oslo_policy__policy_file=str(policy))
    for number in range(4):
        registry.image(MEMBER, name=str(number), properties={"listed": "yes" if number % 2 else "no"})
        registry.clock.sleep(1)
    page = registry.api.image_list(MEMBER, objects.ImageQuery(limit=3))
    assert [image.name for image in page.images] == ["3", "1"]
    rest = registry.api.image_list(MEMBER, objects.ImageQuery(limit=3, marker=page.next_marker))
    assert rest == objects.ImagePage(images=(), next_marker=None)


def test_foreign_locations_are_not_listed_if_policy_says_so(tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text('get_image_location: "project_id:%(project_id)s"\n')
    registry = make_registry(tmp_path / "state", oslo_policy__policy_file=str(policy))
    registry.active(ADMIN, visibility="public", owner="p1", name="a")
    (mine,) = registry.api.image_list(MEMBER, objects.ImageQuery()).images
    (theirs,) = registry.api.image_list(OTHER, objects.ImageQuery()).images
    assert len(mine.locations) == 1
    assert (theirs.locations, theirs.stores) == ((), ("fast",))


def test_in_a_list_as_by_id_only_a_member_is_one(tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text('get_image_location: "project_id:%(member_id)s"\n')
    registry = make_registry(tmp_path / "state", oslo_policy__policy_file=str(policy))
    image_id = registry.active(MEMBER)
    registry.share(image_id, "p2")
    for context, shown in ((MEMBER, 0), (ADMIN, 0), (OTHER, 1)):
        (listed,) = registry.api.image_list(context, objects.ImageQuery(visibility="shared")).images
        assert len(listed.locations) == len(registry.api.image_get(context, image_id).locations) == shown


def test_list_needs_its_rule(registry):
    with pytest.raises(exception.Forbidden) as caught:
        registry.api.image_list(make_context(roles=[]), objects.ImageQuery())
    assert caught.value.kwargs == {"action": "get_images"}


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"limit": -1}, exception.InvalidParameter),
        ({"limit": "5"}, exception.InvalidParameter),
        ({"limit": 10**9}, exception.InvalidParameter),
        ({"os_hidden": 1}, exception.InvalidParameter),
        ({"marker": 5}, exception.InvalidParameter),
        ({"marker": str(uuid.uuid4())}, exception.InvalidMarker),
        ({"visibility": "secret"}, exception.InvalidParameter),
        ({"visibility": "shared", "member_status": "dead"}, exception.InvalidParameter),
        ({"sort": [["size"]]}, exception.InvalidParameter),
        ({"sort": [["owner", "asc"]]}, exception.InvalidParameter),
        ({"sort": [["name", "up"]]}, exception.InvalidParameter),
        ({"sort": 5}, exception.InvalidParameter),
        ({"filters": 5}, exception.InvalidParameter),
        ({"filters": [[]]}, exception.InvalidParameter),
        ({"filters": [["name"]]}, exception.InvalidParameter),
        ({"filters": [["colour", "eq", "red"]]}, exception.InvalidParameter),
        ([], exception.InvalidParameter),
    ],
)
def test_bad_queries(registry, query, error):
    with pytest.raises(error):
        registry.caller.read(MEMBER, "image_list", "1.0", query=query)
