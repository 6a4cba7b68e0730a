"""What the two daemons tell each other: frozen values with a JSON-safe form.

Times are text in ISO 8601, UTC, without zone ("2026-11-21T01:10:00" or with microseconds).
Sizes are bytes unless a name says otherwise.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

Primitive = dict[str, Any]

#: Properties of images that are the service's own: nobody is shown them, or may ask for them.
INTERNAL_PROPERTIES = frozenset({"os_glance_stage_host", "os_glance_hash_op_host"})


class _Value:
    """Adds the wire form to a frozen dataclass; nested values override ``from_primitive``."""

    def to_primitive(self) -> Primitive:
        return {f.name: _lower(getattr(self, f.name)) for f in dataclasses.fields(self)}  # type: ignore[arg-type]

    @classmethod
    def from_primitive(cls, primitive: Mapping[str, Any]) -> Self:
        """Ignore fields this side does not know: the other may be one minor version newer."""
        return cls(**cls._known(primitive))

    @classmethod
    def _known(cls, primitive: Mapping[str, Any]) -> Primitive:
        known = cls.__dataclass_fields__  # type: ignore[attr-defined]
        if primitive.keys() <= known.keys():
            return dict(primitive)
        return {name: value for name, value in primitive.items() if name in known}


def _lower(value: Any) -> Any:
    if isinstance(value, _Value):
        return value.to_primitive()
    if isinstance(value, tuple | list):
        return [_lower(item) for item in value]
    return value


@dataclasses.dataclass(frozen=True, slots=True)
class Location(_Value):
    """Where the bytes of an image are.

    ``id`` is the row's; ``status`` is active, pending_delete or deleted.
    """

    url: str
    metadata: dict[str, Any] = dataclasses.field(default_factory=dict)
    status: str = "active"
    id: int | None = None


@dataclasses.dataclass(slots=True)  # frozen it would take a quarter of the time of a page
class Image(_Value):
    """One image with its properties, tags and locations as one transaction saw them; never changed either.

    ``version`` counts the row's writes.  ``min_ram`` is MB, ``min_disk`` GB (the Images API's units).  ``stores`` are the ids of
    the stores that hold the data, for who may not know the locations and gets none.
    """

    id: str
    name: str | None = None
    status: str = "queued"
    visibility: str = "shared"
    owner: str | None = None
    disk_format: str | None = None
    container_format: str | None = None
    size: int | None = None
    virtual_size: int | None = None
    checksum: str | None = None
    os_hash_algo: str | None = None
    os_hash_value: str | None = None
    min_disk: int = 0
    min_ram: int = 0
    protected: bool = False
    os_hidden: bool = False
    created_at: str = ""
    updated_at: str = ""
    deleted: bool = False
    deleted_at: str | None = None
    version: int = 0
    tags: tuple[str, ...] = ()
    properties: dict[str, str | None] = dataclasses.field(default_factory=dict)
    locations: tuple[Location, ...] = ()
    stores: tuple[str, ...] = ()

    @classmethod
    def from_primitive(cls, primitive: Mapping[str, Any]) -> Self:
        fields = cls._known(primitive)
        fields["tags"] = tuple(fields.get("tags", ()))
        fields["stores"] = tuple(fields.get("stores", ()))
        fields["locations"] = tuple([Location.from_primitive(item) for item in fields.get("locations", ())])
        return cls(**fields)


@dataclasses.dataclass(frozen=True, slots=True)
class Member(_Value):
    """A project that an image is shared with.

    ``status`` is pending, accepted or rejected: the project's own answer.
    """

    image_id: str
    member: str
    status: str
    created_at: str
    updated_at: str


@dataclasses.dataclass(frozen=True, slots=True)
class ImagePage(_Value):
    """One page of a listing; ``next_marker`` is the id to continue after, None on the last page."""

    images: tuple[Image, ...]
    next_marker: str | None = None

    @classmethod
    def from_primitive(cls, primitive: Mapping[str, Any]) -> Self:
        images = tuple(Image.from_primitive(item) for item in primitive["images"])
        return cls(images=images, next_marker=primitive.get("next_marker"))


@dataclasses.dataclass(frozen=True, slots=True)
class ImageQuery(_Value):
    """What a listing asks for, already validated.

    :param filters: ``[name, operator, value]`` triples, ANDed. Operators: eq neq gt gte lt lte in.  Names are
        columns of images, ``tag``, ``size_min``... are given as size with gte/lte; ``property:NAME`` is a custom
        property.
    :param sort: ``(key, "asc"|"desc")`` pairs, most significant first; the registry appends the tie break.
    :param visibility: public, private, shared, community, all or None (the default view).
    :param member_status: accepted, pending, rejected or all.
    """

    filters: tuple[tuple[str, str, Any], ...] = ()
    sort: tuple[tuple[str, str], ...] = ()
    limit: int = 25
    marker: str | None = None
    visibility: str | None = None
    member_status: str = "accepted"
    os_hidden: bool = False

    @classmethod
    def from_primitive(cls, primitive: Mapping[str, Any]) -> Self:
        fields = cls._known(primitive)
        fields["filters"] = tuple(tuple(item) for item in fields.get("filters", ()))
        fields["sort"] = tuple(tuple(item) for item in fields.get("sort", ()))
        return cls(**fields)


@dataclasses.dataclass(frozen=True, slots=True)
class MetadefQuery(_Value):
    """What a listing of metadata definitions asks for: namespaces, or a namespace's objects or tags.

    :param limit: most items of the page, None for all.
    :param marker: name of the item to continue after.
    :param visibility: of namespaces, public or private; None for both.
    :param resource_types: only namespaces that are for one of these; None for any.
    """

    sort_key: str
    sort_dir: str
    limit: int | None = None
    marker: str | None = None
    visibility: str | None = None
    resource_types: tuple[str, ...] | None = None

    @classmethod
    def from_primitive(cls, primitive: Mapping[str, Any]) -> Self:
        fields = cls._known(primitive)
        types = fields.get("resource_types")
        fields["resource_types"] = None if types is None else tuple(types)
        return cls(**fields)


@dataclasses.dataclass(frozen=True, slots=True)
class Task(_Value):
    """Long work, and how far it is.

    ``type`` is import, api_image_import or location_import; ``status`` pending, processing, success or failure.  ``input`` and
    ``result`` are plain JSON; these and ``message`` are None in a list.
    """

    id: str
    type: str
    status: str
    owner: str
    created_at: str
    updated_at: str
    image_id: str | None = None
    request_id: str | None = None
    user_id: str | None = None
    expires_at: str | None = None
    deleted: bool = False
    deleted_at: str | None = None
    input: dict[str, Any] | None = None
    result: dict[str, Any] | None = None
    message: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class TaskPage(_Value):
    """One page of a listing; ``next_marker`` is the id to continue after, None on the last page."""

    tasks: tuple[Task, ...]
    next_marker: str | None = None

    @classmethod
    def from_primitive(cls, primitive: Mapping[str, Any]) -> Self:
        tasks = tuple(Task.from_primitive(item) for item in primitive["tasks"])
        return cls(tasks=tasks, next_marker=primitive.get("next_marker"))


@dataclasses.dataclass(frozen=True, slots=True)
class TaskQuery(_Value):
    """What a listing of tasks asks for.

    :param filters: values by column: id, type, status, owner, image_id, request_id, user_id.
    """

    filters: dict[str, str]
    sort_key: str = "created_at"
    sort_dir: str = "desc"
    limit: int = 25
    marker: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class UploadGrant(_Value):
    """Leave to upload, given by ``upload_begin``.

    :param max_bytes: hard limit of this upload (size cap and quota), None for none.
    :param lease_seconds: renew within this time or the upload is aborted.
    """

    upload_id: str
    image: Image
    max_bytes: int | None
    lease_seconds: float

    @classmethod
    def from_primitive(cls, primitive: Mapping[str, Any]) -> Self:
        fields = cls._known(primitive)
        fields["image"] = Image.from_primitive(fields["image"])
        return cls(**fields)


@dataclasses.dataclass(frozen=True, slots=True)
class LocationJob(_Value):
    """An added location that a worker has to look at.

    :param phase: ``importing`` (the image waits for its data) or ``hashing`` (it is active, and its hash is to come).
    :param store: id of the store that serves the URL, None in single-store form.
    :param os_hash_value: what the data must have; None when nobody said.
    :param lease_seconds: renew within this time or another worker takes over.
    """

    job_id: str
    image_id: str
    phase: str
    url: str
    store: str | None
    os_hash_algo: str | None
    os_hash_value: str | None
    lease_seconds: float


@dataclasses.dataclass(frozen=True, slots=True)
class CleanupItem(_Value):
    """Bytes the registry wants removed; claimed by one janitor for a while.

    :param kind: ``location`` (a deleted image's data) or ``upload`` (an aborted upload's leftovers).
    :param ref: what to report back: location row id or upload id, as text.
    :param store: backend id, or None when the row predates store ids.
    :param url: the data's URL; None for an upload that never got one (then only ``upload_id`` and ``image_id``
        name its files).
    """

    kind: str
    ref: str
    image_id: str
    store: str | None = None
    url: str | None = None
    upload_id: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class StoredBlob(_Value):
    """What a store says about data it has taken durably."""

    url: str
    size: int
    checksum: str | None
    os_hash_value: str | None
    metadata: dict[str, Any] = dataclasses.field(default_factory=dict)
