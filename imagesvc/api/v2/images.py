"""Images as such: create, list, show, change, delete; each costs one call of the registry."""

import uuid
from collections.abc import Mapping
from typing import Any

import pecan

from imagesvc import exception, objects
from imagesvc.api import payload
from imagesvc.api.app import Request, Response
from imagesvc.api.runtime import Runtime
from imagesvc.api.v2 import image_patch, image_query, info, views
from imagesvc.api.v2.image_schema import WRITABLE, ImageSchema

#: Ids of Glance's own hidden stores begin so; they are nobody's choice.
RESERVED_STORES = "os_glance_"
_ID_LENGTH = 36

_json = pecan.expose(content_type="application/json")


def image_id_of(segment: str) -> str:
    """The id in a path.

    :raises ImageNotFound: at once for what cannot be the id of any image.
    """
    if len(segment) > _ID_LENGTH or not segment.isprintable():
        raise exception.ImageNotFound(image_id=segment[:_ID_LENGTH])
    return segment


class ImagesController:
    """:param schema: enforced on what clients send."""

    def __init__(self, runtime: Runtime, schema: ImageSchema) -> None:
        conf = runtime.conf
        self._registry = runtime.registry
        self._schema = schema
        self._view = views.ImageView(
            direct_url=conf.show_image_direct_url,
            locations=conf.show_multiple_locations,
            stores=runtime.stores.multi,
            weights={store.id: store.weight for store in runtime.stores.describe()} if runtime.stores.multi else {},
        )
        self._examiner = runtime.locations
        self._default_limit = conf.limit_param_default
        self._max_limit = conf.api_limit_max
        self._hints = _creation_hints(runtime)

    @_json
    def get_all(self, request: Request, _response: Response) -> Response:
        given = image_query.pairs(request.environ.get("QUERY_STRING", ""))
        query = image_query.parse(given, self._default_limit, self._max_limit)
        page = self._registry.image_list(request.context, query)
        return Response(views.dump(self._view.page(page, given)))

    @_json
    def get_one(self, request: Request, _response: Response, image_id: str) -> Response:
        return self._shown(self._registry.image_get(request.context, image_id_of(image_id)))

    @_json
    def post(self, request: Request, _response: Response) -> Response:
        fields = payload.read_json(request.environ)
        if not isinstance(fields, dict):
            raise exception.Invalid(reason="An image is a JSON object, not a list.")
        self._schema.check_new(fields)
        image = self._registry.image_create(request.context, _row(fields))
        response = self._shown(image)
        response.status_int = 201
        response.headers.update(self._hints, Location=f"/v2/images/{image.id}")
        return response

    @_json
    def patch(self, request: Request, _response: Response, image_id: str) -> Response:
        image_id = image_id_of(image_id)
        media_type = request.environ["CONTENT_TYPE"].partition(";")[0].strip().lower()
        changes = image_patch.parse(
            payload.read_json(request.environ), media_type, self._schema, locations=self._view.locations
        )
        changes = self._examiner.complete(changes)
        changes = [*image_patch.precondition(request.environ.get("HTTP_IF_MATCH")), *changes]
        return self._shown(self._registry.image_patch(request.context, image_id, changes))

    @_json
    def delete(self, request: Request, _response: Response, image_id: str) -> Response:
        self._registry.image_delete(request.context, image_id_of(image_id))
        return Response(status=204, content_type=None)

    def _shown(self, image: objects.Image) -> Response:
        response = Response(views.dump(self._view.show(image)))
        response.headers["ETag"] = image_patch.entity_tag(image.version)
        return response


def _row(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A new image as the registry takes it."""
    row = {name: value for name, value in fields.items() if name in WRITABLE}
    row["id"] = fields.get("id") or str(uuid.uuid4())
    row["tags"] = list(dict.fromkeys(fields.get("tags", ())))
    row["properties"] = {name: value for name, value in fields.items() if name not in WRITABLE and name != "id"}
    return row


def _creation_hints(runtime: Runtime) -> dict[str, str]:
    """Headers that tell the creator of an image how its data may be brought."""
    hints = {}
    if methods := info.import_methods(runtime.conf):
        hints["OpenStack-image-import-methods"] = ",".join(methods)
    if runtime.stores.multi:
        stores = [store for store in runtime.stores.ids() if not store.startswith(RESERVED_STORES)]
        hints["OpenStack-image-store-ids"] = ",".join(stores)
    return hints
