"""Where an image's data is, for other services: told when the data is there already, and asked by who reads it himself."""

import pecan

from imagesvc.api import payload
from imagesvc.api.app import Request, Response
from imagesvc.api.runtime import Runtime
from imagesvc.api.v2 import location_schema, views
from imagesvc.api.v2.images import image_id_of

_json = pecan.expose(content_type="application/json")


class LocationsController:
    """Add and list; each request costs one call of the registry, and what an addition starts some more."""

    def __init__(self, runtime: Runtime) -> None:
        self._registry = runtime.registry
        self._examiner = runtime.locations
        self._jobs = runtime.location_jobs
        self._weight = runtime.stores.weight

    @_json
    def post(self, request: Request, _response: Response, image_id: str) -> Response:
        image_id = image_id_of(image_id)
        url, algorithm, value = location_schema.addition_in(payload.read_json(request.environ))
        location = {**self._examiner.place(url), "os_hash_algo": algorithm, "os_hash_value": value}
        self._jobs.add(request.context, image_id, location)
        # Without a body, but with a type that no client takes for JSON and tries to read.
        return Response(status=202, content_type="text/html", charset="UTF-8")

    @_json
    def get_all(self, request: Request, _response: Response, image_id: str) -> Response:
        found = self._registry.location_list(request.context, image_id_of(image_id))
        in_order = sorted(found, key=self._weight, reverse=True)
        return Response(views.dump([views.location(where) for where in in_order]))
