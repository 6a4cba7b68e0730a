import pytest

from imagesvc.registry.endpoints.access import is_visible


@pytest.mark.parametrize(
    ("owner", "visibility", "member_status", "visible"),
    [
        ("p1", "private", None, True),
        ("p2", "private", None, False),
        ("p2", "private", "accepted", False),
        ("p2", "shared", None, False),
        ("p2", "shared", "pending", True),
        ("p2", "shared", "rejected", True),
        ("p2", "public", None, True),
        ("p2", "community", None, True),
        (None, "private", None, True),
    ],
)
def test_visibility_by_id(owner, visibility, member_status, visible):
    assert is_visible({"owner": owner, "visibility": visibility}, "p1", member_status) is visible


def test_a_caller_without_project_owns_nothing():
    assert not is_visible({"owner": "p1", "visibility": "shared"}, None, None)
