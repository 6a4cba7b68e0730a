import pytest

from imagesvc import exception
from imagesvc.registry import states

TABLE = {
    "queued": {"saving", "uploading", "importing", "active", "deleted"},
    "saving": {"active", "killed", "deleted", "queued"},
    "uploading": {"importing", "queued", "deleted"},
    "importing": {"active", "deleted", "queued"},
    "active": {"pending_delete", "deleted", "deactivated"},
    "killed": {"deleted"},
    "deactivated": {"active", "deleted", "pending_delete"},
    "pending_delete": {"deleted", "active"},
    "deleted": set(),
}


def test_transitions_are_those_of_the_specification():
    assert set(TABLE) == states.STATUSES
    for current, following in TABLE.items():
        assert {wanted for wanted in TABLE if states.may_become(current, wanted)} == following


def test_an_unknown_status_becomes_nothing():
    assert not states.may_become("asleep", "active")


def test_check_names_both_ends():
    states.check("queued", "saving")
    with pytest.raises(exception.InvalidStatusTransition) as caught:
        states.check("active", "queued")
    assert caught.value.kwargs == {"current": "active", "wanted": "queued"}


def test_every_living_status_can_be_deleted():
    assert all(states.may_become(status, states.DELETED) for status in states.STATUSES - {"deleted"})
