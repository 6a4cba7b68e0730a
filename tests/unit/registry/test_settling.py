import pytest

from imagesvc.registry import settling
from imagesvc.registry.db import uploads
from tests.fixtures.registry import in_transaction, make_registry
from tests.fixtures.rpc import make_context

MEMBER = make_context(roles=["member", "reader"], project_id="p1")


@pytest.fixture
def registry(tmp_path):
    return make_registry(tmp_path / "state")


def test_abort_ends_a_live_upload_once(registry):
    image_id = registry.image(MEMBER)
    registry.begin(MEMBER, image_id, upload_id="u1")
    assert in_transaction(registry, settling.abort, "u1", image_id)
    assert not in_transaction(registry, settling.abort, "u1", image_id)
    assert in_transaction(registry, uploads.get, "u1").state == uploads.ABORTED
    assert registry.api.image_get(MEMBER, image_id).version == 2


def test_what_the_image_had_of_its_data_goes(registry):
    image_id = registry.image(MEMBER)
    registry.put(
        "UPDATE images SET status = 'saving', size = 1, virtual_size = 2, checksum = 'c', os_hash_algo = 'a', os_hash_value = 'd'"
    )
    assert in_transaction(registry, settling.requeue, image_id)
    image = registry.api.image_get(MEMBER, image_id)
    assert (image.size, image.virtual_size, image.checksum) == (None,) * 3
    assert (image.os_hash_algo, image.os_hash_value) == (None, None)


@pytest.mark.parametrize("status", ["queued", "active", "killed", "deactivated"])
def test_only_saving_images_are_queued_again(registry, status):
    image_id = registry.image(MEMBER)
    registry.put("UPDATE images SET status = :status", status=status)
    assert not in_transaction(registry, settling.requeue, image_id)
    assert registry.api.image_get(MEMBER, image_id).status == status
