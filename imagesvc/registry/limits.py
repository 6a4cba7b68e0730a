"""Quotas and limits as numbers, read from the configuration once.  Pure."""

import dataclasses
import re
from typing import Any, Self

from imagesvc import exception

_UNITS = {"": 1, "B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """What an image may have; None is no limit.

    :param size_cap: most bytes of one image.
    """

    properties: int | None
    tags: int | None
    members: int | None
    locations: int | None
    size_cap: int

    @classmethod
    def from_conf(cls, conf: Any) -> Self:
        return cls(
            properties=_or_none(conf.image_property_quota),
            tags=_or_none(conf.image_tag_quota),
            members=_or_none(conf.image_member_quota),
            locations=_or_none(conf.image_location_quota),
            size_cap=conf.image_size_cap,
        )

    def check_properties(self, before: int, after: int) -> None:
        """Refuse to grow beyond the quota; a set that is over it already may shrink."""
        if self.properties is not None and after > max(self.properties, before):
            raise exception.PropertyQuotaExceeded(attempted=after, maximum=self.properties)

    def check_tags(self, before: int, after: int) -> None:
        """As :meth:`check_properties`, for tags."""
        if self.tags is not None and after > max(self.tags, before):
            raise exception.TagQuotaExceeded(attempted=after, maximum=self.tags)

    def check_members(self, before: int, after: int) -> None:
        """As :meth:`check_properties`, for members."""
        if self.members is not None and after > max(self.members, before):
            raise exception.MemberQuotaExceeded(attempted=after, maximum=self.members)

    def check_locations(self, before: int, after: int) -> None:
        """As :meth:`check_properties`, for locations."""
        if self.locations is not None and after > max(self.locations, before):
            raise exception.LocationQuotaExceeded(attempted=after, maximum=self.locations)

    def check_size(self, size: int | None) -> None:
        """Refuse an image larger than the cap."""
        if size is not None and size > self.size_cap:
            raise exception.ImageSizeExceeded(limit=self.size_cap)


def _or_none(value: int) -> int | None:
    return None if value < 0 else value


def storage_quota(text: str) -> int | None:
    """Bytes for ``"10GB"`` and the like; None for 0, which is no limit.

    :raises ConfigurationError: it is no size.
    """
    match = re.fullmatch(r"\s*(\d+)\s*(B|KB|MB|GB|TB)?\s*", text, re.IGNORECASE)
    if match is None:
        raise exception.ConfigurationError(reason=f"user_storage_quota = {text} is not a number with a unit B to TB")
    size = int(match[1]) * _UNITS[(match[2] or "").upper()]
    return size or None
