import pytest

from imagesvc import exception
from imagesvc.registry.limits import Limits, storage_quota

LIMITS = Limits(properties=3, tags=2, members=2, locations=2, size_cap=100)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", None),
        ("0TB", None),
        ("7", 7),
        ("7B", 7),
        ("2KB", 2048),
        (" 3 mb ", 3 * 2**20),
        ("1GB", 2**30),
        ("5TB", 5 * 2**40),
    ],
)
def test_storage_quota(text, size):
    assert storage_quota(text) == size


@pytest.mark.parametrize("text", ["", "-1", "1.5GB", "1PB", "GB", "10 G B"])
def test_bad_storage_quota_names_the_option(text):
    with pytest.raises(exception.ConfigurationError, match="user_storage_quota"):
        storage_quota(text)


def test_quota_is_reached_not_passed():
    LIMITS.check_properties(0, 3)
    LIMITS.check_tags(0, 2)
    with pytest.raises(exception.PropertyQuotaExceeded) as caught:
        LIMITS.check_properties(0, 4)
    assert caught.value.kwargs == {"attempted": 4, "maximum": 3}
    with pytest.raises(exception.TagQuotaExceeded):
        LIMITS.check_tags(2, 3)
    LIMITS.check_locations(1, 2)
    with pytest.raises(exception.LocationQuotaExceeded):
        LIMITS.check_locations(2, 3)
    LIMITS.check_members(1, 2)
    with pytest.raises(exception.MemberQuotaExceeded):
        LIMITS.check_members(2, 3)


def test_what_is_over_quota_may_shrink_and_stay_but_not_grow():
    LIMITS.check_properties(9, 8)
    LIMITS.check_properties(9, 9)
    with pytest.raises(exception.PropertyQuotaExceeded):
        LIMITS.check_properties(9, 10)


def test_size_cap():
    LIMITS.check_size(None)
    LIMITS.check_size(100)
    with pytest.raises(exception.ImageSizeExceeded) as caught:
        LIMITS.check_size(101)
    assert caught.value.kwargs == {"limit": 100}


def test_negative_quotas_are_none(tmp_path):
    class Conf:
        image_property_quota = -1
        image_tag_quota = 0
        image_member_quota = -5
        image_location_quota = -1
        image_size_cap = 5
        user_storage_quota = "0"

    assert Limits.from_conf(Conf) == Limits(properties=None, tags=0, members=None, locations=None, size_cap=5)
    endless = Limits(None, None, None, None, size_cap=5)
    for check in (endless.check_properties, endless.check_tags, endless.check_members, endless.check_locations):
        check(0, 10**6)
