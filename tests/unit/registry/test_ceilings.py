import pytest

from imagesvc.registry import ceilings, states


@pytest.mark.parametrize("project_id", ["p1", None])
def test_every_project_has_the_same_storage_of_its_own(project_id):
    (ceiling,) = ceilings.OneForAll(10).of(project_id)
    assert ceiling == ceilings.Ceiling(project_id, (project_id,), {"image_size_total": 10})


def test_no_quota_is_no_ceiling():
    assert ceilings.OneForAll(None).of("p1") == ()


def test_what_is_counted():
    assert states.COUNTED.isdisjoint({"deleted", "pending_delete", "killed"})
    assert states.STAGED < states.COMING < states.COUNTED
