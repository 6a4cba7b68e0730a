"""What this service offers: ways to import, and stores, of which its own configuration tells; and what a project uses."""

from collections.abc import Sequence
from typing import Any

import pecan
from oslo_config import cfg

from imagesvc.api import faults
from imagesvc.api.app import Request, Response
from imagesvc.api.runtime import Runtime
from imagesvc.api.v2 import views
from imagesvc.store.description import Description

_json = pecan.expose(content_type="application/json")


def import_methods(conf: cfg.ConfigOpts) -> list[str]:
    """The methods that are enabled; in old files the list stands in brackets."""
    methods = [method.strip("[]' \"") for method in conf.enabled_import_methods]
    return [method for method in methods if method]


class InfoController:
    """Import methods, stores, stores in detail, and usage."""

    def __init__(self, runtime: Runtime) -> None:
        self._registry = runtime.registry
        self._policy = runtime.policy
        methods = {"description": "Ways to import data.", "type": "array", "value": import_methods(runtime.conf)}
        self._import = views.dump({"import-methods": methods})
        self._stores: Sequence[Description] | None = runtime.stores.describe() if runtime.stores.multi else None

    @_json
    def get_import(self, _request: Request, _response: Response) -> Response:
        return Response(self._import)

    @_json
    def get_stores(self, _request: Request, _response: Response) -> Response:
        return Response(views.dump({"stores": [_store(store) for store in self._described()]}))

    @_json
    def get_stores_detail(self, request: Request, _response: Response) -> Response:
        self._policy.authorize(request.context, "stores_info_detail")
        stores = [
            {**_store(store), "type": store.kind, "properties": store.properties, "weight": store.weight}
            for store in self._described()
        ]
        return Response(views.dump({"stores": stores}))

    @_json
    def get_usage(self, request: Request, _response: Response) -> Response:
        return Response(views.dump({"usage": self._registry.usage_get(request.context)}))

    def _described(self) -> Sequence[Description]:
        if self._stores is None:
            raise faults.HTTPFault(404, "This service has one store, and clients have no choice of it.")
        return self._stores


def _store(store: Description) -> dict[str, Any]:
    """What everybody may know; that the two flags are text is what clients know."""
    document: dict[str, Any] = {"id": store.id}
    if store.text:
        document["description"] = store.text
    if store.is_default:
        document["default"] = "true"
    if store.is_read_only:
        document["read-only"] = "true"
    return document
