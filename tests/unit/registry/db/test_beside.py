import pytest

from imagesvc.registry.db import beside, uploads
from tests.fixtures.registry import in_transaction, make_registry
from tests.fixtures.rpc import make_context

MEMBER = make_context(roles=["member", "reader"], project_id="p1")


@pytest.fixture
def registry(tmp_path):
    return make_registry(tmp_path / "state")


def test_of_one_image_and_of_what_still_counts(registry):
    image_id, other = registry.image(MEMBER), registry.image(MEMBER)
    assert in_transaction(registry, beside.of, image_id) == frozenset()

    registry.api.member_add(MEMBER, image_id, "p2")
    registry.begin(MEMBER, image_id, upload_id="u1")
    assert in_transaction(registry, beside.of, image_id) == {beside.UPLOAD, beside.MEMBER}
    assert in_transaction(registry, beside.of, other) == frozenset()

    in_transaction(registry, uploads.abort, "u1")
    registry.api.member_delete(MEMBER, image_id, "p2")
    assert in_transaction(registry, beside.of, image_id) == frozenset()
