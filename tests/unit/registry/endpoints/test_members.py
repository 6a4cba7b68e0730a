import uuid

import pytest

from imagesvc import exception, objects
from tests.fixtures.registry import make_registry
from tests.fixtures.rpc import make_context

OWNER = make_context(roles=["member", "reader"], project_id="p1")
READER = make_context(roles=["reader"], project_id="p1")
MEMBER = make_context(roles=["member", "reader"], project_id="p2")
STRANGER = make_context(roles=["member", "reader"], project_id="p3")
ADMIN = make_context(roles=["admin", "member", "reader"], project_id="p0")


@pytest.fixture
def registry(tmp_path):
    return make_registry(tmp_path / "state", image_member_quota=3)


@pytest.fixture
def image_id(registry):
    return registry.image(OWNER)


def _members(registry, context, image_id):
    return [(found.member, found.status) for found in registry.api.member_list(context, image_id)]


# -- invite ------------------------------------------------------------------------------------------


def test_an_invited_project_sees_the_image_and_lists_it_when_it_accepts(registry, image_id):
    member = registry.api.member_add(OWNER, image_id, "p2")
    now = "2027-01-15T08:00:00"
    assert member == objects.Member(image_id, "p2", "pending", now, now)
    assert registry.api.image_get(MEMBER, image_id).id == image_id
    assert registry.api.image_list(MEMBER, objects.ImageQuery()).images == ()

    registry.clock.sleep(10)
    accepted = registry.api.member_update(MEMBER, image_id, "p2", "accepted")
    assert (accepted.status, accepted.created_at, accepted.updated_at) == ("accepted", now, "2027-01-15T08:00:10")
    assert registry.api.member_get(MEMBER, image_id, "p2") == accepted
    (listed,) = registry.api.image_list(MEMBER, objects.ImageQuery()).images
    assert listed.id == image_id


@pytest.mark.parametrize("member", ["", "m" * 256, "a\0b", 5, None])
def test_what_is_no_project_is_refused_by_name(registry, image_id, member):
    with pytest.raises(exception.InvalidParameter) as caught:
        registry.api.member_add(OWNER, image_id, member)
    assert caught.value.kwargs["name"] == "member"
    assert _members(registry, OWNER, image_id) == []


def test_a_project_is_a_member_once(registry, image_id):
    registry.api.member_add(OWNER, image_id, "p2")
    with pytest.raises(exception.MemberExists):
        registry.api.member_add(ADMIN, image_id, "p2")
    assert _members(registry, OWNER, image_id) == [("p2", "pending")]


def test_a_project_that_comes_back_is_invited_anew(registry, image_id):
    for _ in range(3):
        registry.api.member_add(OWNER, image_id, "p2")
        registry.api.member_update(MEMBER, image_id, "p2", "accepted")
        registry.api.member_delete(OWNER, image_id, "p2")
    registry.api.member_add(OWNER, image_id, "p2")
    assert _members(registry, OWNER, image_id) == [("p2", "pending")]
    assert registry.rows("SELECT count(*) FROM image_members") == [(1,)]


def test_quota(registry, image_id):
    for member in ("a", "b", "c"):
        registry.api.member_add(OWNER, image_id, member)
    with pytest.raises(exception.MemberQuotaExceeded) as caught:
        registry.api.member_add(OWNER, image_id, "d")
    assert caught.value.kwargs == {"attempted": 4, "maximum": 3}
    registry.api.member_delete(OWNER, image_id, "a")
    registry.api.member_add(OWNER, image_id, "d")
    assert [member for member, _ in _members(registry, OWNER, image_id)] == ["b", "c", "d"]


# -- who may -----------------------------------------------------------------------------------------


def test_who_may_invite_and_remove(registry, image_id):
    registry.api.member_add(OWNER, image_id, "p2")
    for context, error in (
        (MEMBER, exception.Forbidden),
        (READER, exception.Forbidden),
        (STRANGER, exception.ImageNotFound),
    ):
        with pytest.raises(error):
            registry.api.member_add(context, image_id, "p9")
        with pytest.raises(error):
            registry.api.member_delete(context, image_id, "p2")
    registry.api.member_add(ADMIN, image_id, "p3")
    registry.api.member_delete(ADMIN, image_id, "p3")
    assert _members(registry, OWNER, image_id) == [("p2", "pending")]


def test_a_member_knows_of_no_other(registry, image_id):
    registry.api.member_add(OWNER, image_id, "p2")
    registry.api.member_add(OWNER, image_id, "p3")
    assert _members(registry, MEMBER, image_id) == [("p2", "pending")]
    for context in (OWNER, READER, ADMIN):
        assert _members(registry, context, image_id) == [("p2", "pending"), ("p3", "pending")]
    for ask in (
        lambda: registry.api.member_get(MEMBER, image_id, "p3"),
        lambda: registry.api.member_update(MEMBER, image_id, "p3", "accepted"),
        lambda: registry.api.member_delete(MEMBER, image_id, "p3"),
    ):
        with pytest.raises(exception.MemberNotFound):
            ask()


def test_only_the_member_answers(registry, image_id):
    registry.api.member_add(OWNER, image_id, "p2")
    registry.api.member_add(OWNER, image_id, "p1")
    for context in (OWNER, READER):
        with pytest.raises(exception.Forbidden):
            registry.api.member_update(context, image_id, "p2", "accepted")
    # Who is both owner and member answers for himself.
    assert registry.api.member_update(OWNER, image_id, "p1", "rejected").status == "rejected"
    assert registry.api.member_update(ADMIN, image_id, "p2", "accepted").status == "accepted"


def test_only_the_member_answers_by_old_rules_too(tmp_path):
    registry = make_registry(tmp_path / "state", oslo_policy__enforce_new_defaults=False)
    image_id = registry.image(OWNER)
    registry.api.member_add(OWNER, image_id, "p2")
    with pytest.raises(exception.Forbidden):
        registry.api.member_update(OWNER, image_id, "p2", "accepted")
    with pytest.raises(exception.Forbidden):
        registry.api.member_add(MEMBER, image_id, "p3")
    assert registry.api.member_update(MEMBER, image_id, "p2", "accepted").status == "accepted"
    assert registry.api.member_update(ADMIN, image_id, "p2", "rejected").status == "rejected"


def test_showing_and_listing_have_their_rules(tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text("get_member: role:admin\nget_members: role:admin\n")
    registry = make_registry(tmp_path / "state", oslo_policy__policy_file=str(policy))
    image_id = registry.image(OWNER)
    registry.api.member_add(OWNER, image_id, "p2")
    for ask in (
        lambda context: registry.api.member_get(context, image_id, "p2"),
        lambda context: registry.api.member_list(context, image_id),
    ):
        assert ask(ADMIN)
        for context in (OWNER, MEMBER):
            with pytest.raises(exception.Forbidden):
                ask(context)


def test_who_is_no_project_knows_of_no_member(tmp_path):
    registry = make_registry(tmp_path / "state", oslo_policy__enforce_new_defaults=False)
    image_id = registry.image(make_context(roles=["admin"], project_id=None))
    registry.api.member_add(ADMIN, image_id, "p2")
    nobody = make_context(roles=["reader"], project_id=None)
    assert _members(registry, nobody, image_id) == []
    with pytest.raises(exception.MemberNotFound):
        registry.api.member_get(nobody, image_id, "p2")


@pytest.mark.parametrize("status", ["good", "", "ACCEPTED", None, 5])
def test_an_answer_is_one_of_three(registry, image_id, status):
    registry.api.member_add(OWNER, image_id, "p2")
    with pytest.raises(exception.InvalidParameter) as caught:
        registry.api.member_update(MEMBER, image_id, "p2", status)
    assert caught.value.kwargs["name"] == "status"
    assert _members(registry, OWNER, image_id) == [("p2", "pending")]


# -- visibility --------------------------------------------------------------------------------------


@pytest.mark.parametrize("visibility", ["private", "public", "community"])
def test_what_is_not_shared_has_no_members(registry, visibility):
    image_id = registry.image(ADMIN, owner="p1", visibility=visibility)
    for ask in (
        lambda: registry.api.member_add(OWNER, image_id, "p2"),
        lambda: registry.api.member_list(OWNER, image_id),
        lambda: registry.api.member_update(OWNER, image_id, "p2", "accepted"),
        lambda: registry.api.member_delete(OWNER, image_id, "p2"),
    ):
        with pytest.raises(exception.NotShared):
            ask()
    with pytest.raises(exception.MemberNotFound):
        registry.api.member_get(OWNER, image_id, "p2")


def test_memberships_outlive_another_visibility(registry, image_id):
    registry.api.member_add(OWNER, image_id, "p2")
    registry.api.member_update(MEMBER, image_id, "p2", "accepted")
    for visibility in ("private", "shared"):
        registry.api.image_patch(OWNER, image_id, [{"op": "replace", "path": ["visibility"], "value": visibility}])
        seen = registry.api.image_list(MEMBER, objects.ImageQuery()).images
        assert len(seen) == (visibility == "shared")
    assert _members(registry, OWNER, image_id) == [("p2", "accepted")]


def test_of_images_that_are_not_there(registry, image_id):
    registry.api.member_add(OWNER, image_id, "p2")
    registry.api.image_delete(OWNER, image_id)
    for gone in (image_id, str(uuid.uuid4())):
        for ask in (
            lambda gone=gone: registry.api.member_add(OWNER, gone, "p2"),
            lambda gone=gone: registry.api.member_list(OWNER, gone),
            lambda gone=gone: registry.api.member_get(OWNER, gone, "p2"),
            lambda gone=gone: registry.api.member_update(MEMBER, gone, "p2", "accepted"),
            lambda gone=gone: registry.api.member_delete(OWNER, gone, "p2"),
        ):
            with pytest.raises(exception.ImageNotFound):
                ask()
