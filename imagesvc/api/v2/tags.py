"""An image's tags, one at a time; each request costs one call of the registry."""

import pecan

from imagesvc.api.app import Request, Response
from imagesvc.api.runtime import Runtime
from imagesvc.api.v2.image_schema import ImageSchema
from imagesvc.api.v2.images import image_id_of

_json = pecan.expose(content_type="application/json")


class TagsController:
    """Add and remove."""

    def __init__(self, runtime: Runtime, schema: ImageSchema) -> None:
        self._registry = runtime.registry
        self._schema = schema

    @_json
    def put(self, request: Request, _response: Response, image_id: str, tag: str) -> Response:
        image_id = image_id_of(image_id)
        self._schema.check("tags", [tag])
        self._registry.tag_add(request.context, image_id, tag)
        return Response(status=204, content_type=None)

    @_json
    def delete(self, request: Request, _response: Response, image_id: str, tag: str) -> Response:
        self._registry.tag_delete(request.context, image_id_of(image_id), tag)
        return Response(status=204, content_type=None)
