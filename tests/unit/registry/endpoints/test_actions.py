import pytest

from imagesvc import exception
from tests.fixtures.registry import make_registry
from tests.fixtures.rpc import make_context

OWNER = make_context(roles=["member", "reader"], project_id="p1")
READER = make_context(roles=["reader"], project_id="p1")
STRANGER = make_context(roles=["member", "reader"], project_id="p3")
ADMIN = make_context(roles=["admin", "member", "reader"], project_id="p0")


@pytest.fixture
def registry(tmp_path):
    return make_registry(tmp_path / "state")


def _status(registry, image_id):
    return registry.api.image_get(OWNER, image_id).status


def test_data_is_withheld_and_given_out_again(registry):
    image_id = registry.active(OWNER)
    for _ in range(2):
        registry.api.image_deactivate(OWNER, image_id)
        assert _status(registry, image_id) == "deactivated"
    with pytest.raises(exception.ImageDeactivated):
        registry.api.image_get_for_download(OWNER, image_id)
    assert registry.api.image_get_for_download(ADMIN, image_id).id == image_id
    for _ in range(2):
        registry.api.image_reactivate(OWNER, image_id)
        assert _status(registry, image_id) == "active"
    # Two of the four changed something, besides the upload's two.
    assert registry.api.image_get_for_download(OWNER, image_id).version == 4


@pytest.mark.parametrize("action", ["image_deactivate", "image_reactivate"])
def test_images_without_data_have_none_to_withhold(registry, action):
    image_id = registry.image(OWNER)
    for status in ("queued", "saving"):
        with pytest.raises(exception.StatusForbids) as caught:
            getattr(registry.api, action)(OWNER, image_id)
        assert caught.value.kwargs == {"action": action.removeprefix("image_"), "status": status}
        assert _status(registry, image_id) == status
        if status == "queued":
            registry.begin(OWNER, image_id)


@pytest.mark.parametrize("action", ["image_deactivate", "image_reactivate"])
def test_who_may(registry, action):
    act = getattr(registry.api, action)
    public = registry.active(ADMIN, owner="p1", visibility="public")
    for context in (READER, STRANGER):
        with pytest.raises(exception.Forbidden):
            act(context, public)
    with pytest.raises(exception.ImageNotFound):
        act(STRANGER, registry.active(OWNER))
    act(ADMIN, public)
