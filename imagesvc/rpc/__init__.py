"""The seam between glance-api and glance-registry: the only package that imports oslo.messaging.

Version history of the RPC API (the only place that states it; client and server read :data:`VERSION`):

* 1.0 - images, uploads, cleanup, ping.
* 1.1 - members, tags, image_deactivate and image_reactivate; image_patch knows ``test`` and ``match``.
* 1.2 - metadata definitions.
* 1.3 - tasks, usage_get; locations, also in image_patch.

A change that old clients survive bumps the minor: add an optional argument or a method, write a line above, and let the
client method name the minor it needs.  Registries are upgraded first; ``[upgrade_levels] registry`` pins a newer
glance-api to what an older registry understands.
"""

from oslo_service import backend

# oslo.messaging's import loads oslo.service, whose own default would be eventlet.
backend.register_backend_default_hook(lambda: backend.BackendType.THREADING)

TOPIC = "glance-registry"
VERSION = "1.3"
