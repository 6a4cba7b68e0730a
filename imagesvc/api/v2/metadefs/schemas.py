"""``/v2/schemas/metadefs``: the schemas that requests are checked against, as clients read them."""

import pecan

from imagesvc import exception
from imagesvc.api.app import Request, Response
from imagesvc.api.v2.metadefs import documents
from imagesvc.api.v2.views import dump

_json = pecan.expose(content_type="application/json")


class SchemasController:
    """The documents are rendered once."""

    def __init__(self) -> None:
        self._served = {name: dump(schema) for name, schema in documents.SERVED.items()}

    @_json
    def get_one(self, _request: Request, _response: Response, name: str) -> Response:
        if name not in self._served:
            raise exception.NotFound
        return Response(self._served[name])
