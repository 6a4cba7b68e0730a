"""What clients are told about a store."""

import dataclasses
from typing import Any

from imagesvc.store import drivers

#: By type of store: what is shown, and the option of the store that it is.
_OPTIONS = {
    "file": {
        "data_dir": "filesystem_store_datadir",
        "chunk_size": "filesystem_store_chunk_size",
        "thin_provisioning": "filesystem_thin_provisioning",
    },
    "rbd": {
        "chunk_size": "rbd_store_chunk_size",
        "pool": "rbd_store_pool",
        "thin_provisioning": "rbd_thin_provisioning",
    },
    "cinder": {"volume_type": "cinder_volume_type", "use_multipath": "cinder_use_multipath"},
    "swift": {
        "container": "swift_store_container",
        "large_object_size": "swift_store_large_object_size",
        "large_object_chunk_size": "swift_store_large_object_chunk_size",
    },
    "s3": {
        "s3_store_large_object_size": "s3_store_large_object_size",
        "s3_store_large_object_chunk_size": "s3_store_large_object_chunk_size",
        "s3_store_thread_pools": "s3_store_thread_pools",
    },
}
#: Options in MiB; what is shown is in bytes.
_IN_MEBIBYTES = {
    "rbd_store_chunk_size",
    "swift_store_large_object_size",
    "swift_store_large_object_chunk_size",
    "s3_store_large_object_size",
    "s3_store_large_object_chunk_size",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Description:
    """One store of the multi-store form.

    :param kind: its type, as in ``enabled_backends``.
    :param weight: where several stores hold an image's data, those with more of it come first.
    :param properties: settings of the store that help to choose, none of them secret.
    """

    id: str
    kind: str
    text: str | None
    weight: int
    is_default: bool
    is_read_only: bool
    properties: dict[str, Any]


def describe(store: drivers.StoreDriver, *, is_default: bool) -> Description:
    """The description of a store of the multi-store form."""
    return Description(
        id=store.id,
        kind=store.kind,
        text=store.option("store_description"),
        weight=store.weight,
        is_default=is_default,
        is_read_only=store.read_only,
        properties=_properties(store),
    )


def _properties(store: drivers.StoreDriver) -> dict[str, Any]:
    kind = "file" if store.files is not None else store.kind
    shown = {name: _in_bytes(option, store.option(option)) for name, option in _OPTIONS.get(kind, {}).items()}
    if kind == "file" and shown["data_dir"] is None and store.files is not None:
        shown["data_dir"] = store.files.directories[0].root
    return shown


def _in_bytes(option: str, value: Any) -> Any:
    return value << 20 if option in _IN_MEBIBYTES and value is not None else value
