"""Withholding an image's data and giving it out again; each request costs one call of the registry."""

import pecan

from imagesvc.api.app import Request, Response
from imagesvc.api.runtime import Runtime
from imagesvc.api.v2.images import image_id_of

_json = pecan.expose(content_type="application/json")


class ActionsController:
    """Deactivate and reactivate."""

    def __init__(self, runtime: Runtime) -> None:
        self._registry = runtime.registry

    @_json
    def deactivate(self, request: Request, _response: Response, image_id: str) -> Response:
        self._registry.image_deactivate(request.context, image_id_of(image_id))
        return Response(status=204, content_type=None)

    @_json
    def reactivate(self, request: Request, _response: Response, image_id: str) -> Response:
        self._registry.image_reactivate(request.context, image_id_of(image_id))
        return Response(status=204, content_type=None)
