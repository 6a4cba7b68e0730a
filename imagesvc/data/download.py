"""One download: pick a location, open it, compare its size, and only then promise anything."""

import dataclasses
import logging
import re
from typing import Self

from imagesvc import exception, objects
from imagesvc.context import RequestContext
from imagesvc.rpc.rpcapi import RegistryAPI
from imagesvc.store.body import Body
from imagesvc.store.manager import StoreManager

LOG = logging.getLogger(__name__)

# Eighteen digits hold every size there can be, and keep int() cheap.
_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.ASCII)
_CONTENT_RANGE = re.compile(r"\s*bytes\s+(\d{1,18})-(\d{1,18})/(?:\*|\d{1,18})\s*", re.ASCII)


@dataclasses.dataclass(frozen=True, slots=True)
class ByteRange:
    """A part of an image that a client asks for: both ends included, ``first`` None for the last ``last`` bytes."""

    first: int | None
    last: int | None

    @classmethod
    def parse(cls, header: str) -> Self:
        """From a ``Range`` header.

        :raises Invalid: it asks for several ranges.
        :raises RangeNotSatisfiable: it is malformed.
        """
        if "," in header:
            raise exception.InvalidParameter(name="Range", reason="only one range can be served")
        found = _RANGE.fullmatch(header)
        first, last = (int(text) if text else None for text in found.groups()) if found else (None, None)
        if first is None and last is None:
            raise exception.RangeNotSatisfiable("The Range header is malformed.")
        return cls._ordered(first, last)

    @classmethod
    def parse_content_range(cls, header: str) -> Self:
        """From a ``Content-Range`` header, which older clients send in requests; errors as in :meth:`parse`."""
        found = _CONTENT_RANGE.fullmatch(header)
        if found is None:
            raise exception.RangeNotSatisfiable("The Content-Range header is malformed.")
        return cls._ordered(int(found[1]), int(found[2]))

    @classmethod
    def _ordered(cls, first: int | None, last: int | None) -> Self:
        if first is not None and last is not None and last < first:
            raise exception.RangeNotSatisfiable("The range ends before it begins.")
        return cls(first, last)

    def within(self, size: int) -> tuple[int, int]:
        """Start and length in an image of ``size`` bytes, clamped to it.

        :raises RangeNotSatisfiable: no byte of the image is asked for.
        """
        if self.first is None:
            start, end = max(0, size - (self.last or 0)), size
        else:
            start, end = self.first, size if self.last is None else min(size, self.last + 1)
        if start >= end:
            raise exception.RangeNotSatisfiable(size=size)
        return start, end - start


@dataclasses.dataclass(frozen=True, slots=True)
class Download:
    """What to send.

    :ivar start, length: the part of the image, in bytes; :ivar total: the whole of it.
    :ivar body: must be closed; None when the image has no data.
    """

    image: objects.Image
    start: int
    length: int
    total: int
    body: Body | None


class Downloader:
    """Finds and opens image data."""

    def __init__(self, registry: RegistryAPI, stores: StoreManager) -> None:
        self._registry = registry
        self._stores = stores

    def open(self, context: RequestContext, image_id: str, byte_range: ByteRange | None = None) -> Download:
        """Open an image's data, or the part of it in ``byte_range``, for one who may have it.

        :raises ImageDeactivated, RangeNotSatisfiable: instead of any data.
        :raises BlobNotFound, StoreUnavailable: no location can be read; the last one's error.
        """
        image = self._registry.image_get_for_download(context, image_id)
        if not image.locations:
            return Download(image, 0, 0, 0, None)
        if image.size is None:
            return self._whole(image)
        start, length = byte_range.within(image.size) if byte_range is not None else (0, image.size)
        body = self._first(image, start, length)
        return Download(image, start, length, image.size, body)

    def _whole(self, image: objects.Image) -> Download:
        """An image whose size nobody has told: only the store can."""
        body = self._first(image, 0, None)
        if body.size is None:
            body.close()
            raise exception.StoreUnavailable("The size of the image data is not known.")
        return Download(image, 0, body.size, body.size, body)

    def _first(self, image: objects.Image, start: int, length: int | None) -> Body:
        """The first location, those in stores of more weight first, that can be read and has the right size."""
        error: exception.ImageServiceError = exception.BlobNotFound(store="?")
        for location in sorted(image.locations, key=self._stores.weight, reverse=True):
            try:
                body = self._stores.open(location, start, length)
            except (exception.NotFound, exception.Unavailable) as exc:
                error = exc
                LOG.warning("Location %s of image %s cannot be read: %s", location.id, image.id, exc.msg)
                continue
            if body.size is None or image.size is None or body.size == image.size:
                return body
            body.close()
            error = exception.StoreUnavailable("The image data in the store is damaged.")
            LOG.error("Location %s of image %s has %s bytes, not %s.", location.id, image.id, body.size, image.size)
        raise error
