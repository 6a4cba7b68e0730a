"""An image's data: upload and download. Only headers are handled here; the bytes pass by."""

from collections.abc import Mapping
from typing import Any

import pecan

from imagesvc import exception
from imagesvc.api import bodies, payload
from imagesvc.api.app import Request, Response
from imagesvc.api.runtime import Runtime
from imagesvc.api.v2.images import RESERVED_STORES, image_id_of
from imagesvc.data.download import ByteRange, Download

_BLOCK_BYTES = 1 << 18
_BIGGEST = 2**63 - 1

_octets = pecan.expose(content_type="application/json")


class ImageDataController:
    """``/v2/images/{image_id}/file``."""

    def __init__(self, runtime: Runtime) -> None:
        self._uploads = runtime.uploads
        self._downloads = runtime.downloads
        self._multi = runtime.stores.multi

    @_octets
    def put(self, request: Request, _response: Response, image_id: str) -> Response:
        environ = request.environ
        size, store = _announced_size(environ), self._store(environ)
        self._uploads.upload(request.context, image_id_of(image_id), bodies.open_body(environ), size, store)
        return Response(status=204, content_type=None)

    @_octets
    def get(self, request: Request, _response: Response, image_id: str) -> Response:
        byte_range = _requested_range(request.environ)
        download = self._downloads.open(request.context, image_id_of(image_id), byte_range)
        if download.body is None:
            return Response(status=204, content_type=None)
        return _send(download, request.environ, is_part=byte_range is not None and download.image.size is not None)

    def _store(self, environ: Mapping[str, Any]) -> str | None:
        """The store the client asks for; without multi-store there is nothing to choose."""
        store: str | None = environ.get("HTTP_X_IMAGE_META_STORE")
        if not self._multi or not store:
            return None
        if store.startswith(RESERVED_STORES):
            raise exception.UnknownStore(store=store)
        return store


def _announced_size(environ: Mapping[str, Any]) -> int | None:
    header = environ.get("HTTP_X_OPENSTACK_IMAGE_SIZE")
    if header is None:
        return payload.content_length(environ)
    if not (header.isascii() and header.isdigit() and len(header) <= 19 and int(header) <= _BIGGEST):
        raise exception.InvalidParameter(name="x-openstack-image-size", reason="it must be a number of bytes")
    return int(header)


def _requested_range(environ: Mapping[str, Any]) -> ByteRange | None:
    """From ``Range``, or from ``Content-Range``, which some clients send in requests."""
    if "HTTP_RANGE" in environ:
        return ByteRange.parse(environ["HTTP_RANGE"])
    if "HTTP_CONTENT_RANGE" in environ:
        return ByteRange.parse_content_range(environ["HTTP_CONTENT_RANGE"])
    return None


def _send(download: Download, environ: Mapping[str, Any], *, is_part: bool) -> Response:
    response = Response(
        status=206 if is_part else 200,
        content_type="application/octet-stream",
        app_iter=_body(download, environ, is_part=is_part),
    )
    response.content_length = download.length
    if is_part:
        end = download.start + download.length - 1
        response.headers["Content-Range"] = f"bytes {download.start}-{end}/{download.total}"
    if download.image.checksum and not is_part:
        response.headers["Content-MD5"] = download.image.checksum
    return response


def _body(download: Download, environ: Mapping[str, Any], *, is_part: bool) -> Any:
    """The server's own way of sending a file where there is one; it must mind the file's position for a part."""
    body = download.body
    assert body is not None
    wrapper = environ.get("wsgi.file_wrapper")
    if body.file is None or wrapper is None or (is_part and not environ.get("imagesvc.sendfile")):
        return body
    return wrapper(body.file, _BLOCK_BYTES)
