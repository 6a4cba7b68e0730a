"""What a rule sees of an image."""

from collections.abc import Iterator, Mapping
from typing import Any

_ALIASES = {"image_id": "id", "project_id": "owner"}


class ImageTarget(Mapping[str, Any]):
    """An image's fields, and its custom properties as names beside them; null values are not there at all.

    Made once per image of a page, hence a view and not a copy.

    :param image: primitive of :class:`imagesvc.objects.Image`.
    :param member_id: the caller's project when the image is shared with it.
    """

    __slots__ = ("_image", "_member_id")

    def __init__(self, image: Mapping[str, Any], member_id: str | None = None) -> None:
        self._image = image
        self._member_id = member_id

    def __getitem__(self, name: str) -> Any:
        if name == "member_id":
            value = self._member_id
        else:
            value = self._image.get(_ALIASES.get(name, name))
            if value is None:
                value = self._image["properties"].get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        names = {*self._image, *self._image["properties"], *_ALIASES, "member_id"}
        return (name for name in names if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)
