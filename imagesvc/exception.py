"""The errors both daemons speak of; none of them knows HTTP or SQL.

An error is made of keyword arguments that survive JSON, so it crosses the bus unchanged:
``ImageNotFound(image_id=...)`` raised in glance-registry arrives in glance-api as a subclass of
``ImageNotFound`` with the same ``kwargs``.  Read ``exc.msg``, never ``str(exc)``: on a real transport
``str()`` of a remote error carries the server's traceback.

``imagesvc.api.faults`` maps every leaf class here to an HTTP status.
"""

from typing import Any, ClassVar


class ImageServiceError(Exception):
    """Base of all errors of this service.

    :param msg: text for the client; by default ``template`` filled with ``kwargs``.
    :param kwargs: JSON-safe facts about the error.
    """

    template: ClassVar[str] = "The Image service failed."

    def __init__(self, msg: str | None = None, **kwargs: Any) -> None:
        self.kwargs = kwargs
        self.msg = msg if msg is not None else self.template % kwargs
        super().__init__(self.msg)


# -- families: the API maps each to one status unless a leaf says otherwise ---------------------------


class Invalid(ImageServiceError):
    template = "%(reason)s"


class Forbidden(ImageServiceError):
    template = "You are not authorized to complete %(action)s action."


class NotFound(ImageServiceError):
    template = "Not found."


class Conflict(ImageServiceError):
    template = "%(reason)s"


class LimitExceeded(ImageServiceError):
    template = "%(reason)s"


class Gone(ImageServiceError):
    template = "%(reason)s"


class UnsupportedMedia(ImageServiceError):
    template = "%(reason)s"


class Unavailable(ImageServiceError):
    template = "%(reason)s"


# -- bad input ---------------------------------------------------------------------------------------


class InvalidParameter(Invalid):
    template = "Invalid value for '%(name)s': %(reason)s"


class InvalidMarker(Invalid):
    template = "Marker %(marker)s could not be found."


class InvalidPatch(Invalid):
    template = "Invalid JSON patch: %(reason)s"


class FormatsNotSet(Invalid):
    template = "Properties %(missing)s must be set prior to saving data."


class SizeMismatch(Invalid):
    template = "The data has %(actual)s bytes, but %(expected)s bytes were announced."


class IncompleteBody(Invalid):
    template = "The request body ended after %(received)s bytes; more were announced."


class UriRefused(Invalid):
    """Users may not have this service fetch from there; the reason tells nothing about what is there."""

    template = "The URI is refused: %(reason)s."


class InvalidLocation(Invalid):
    template = "The location cannot be used: %(reason)s"


class LocationExists(Invalid):
    template = "The image has this location already."


class InvalidPosition(Invalid):
    template = "There is no location at position '%(position)s'."


class UnknownStore(Invalid):
    template = "Store '%(store)s' is not known here or cannot be written to."


# -- not allowed -------------------------------------------------------------------------------------


class ReservedProperty(Forbidden):
    template = "Attribute '%(name)s' is reserved."


class ReadOnlyProperty(Forbidden):
    template = "Attribute '%(name)s' is read-only."


class PropertyProtected(Forbidden):
    template = "You may not %(operation)s property '%(name)s': it is protected."


class BasePropertyRemoval(Forbidden):
    template = "Attribute '%(name)s' is a base attribute and cannot be removed."


class ImageProtected(Forbidden):
    template = "Image %(image_id)s is protected and cannot be deleted."


class ImageDeactivated(Forbidden):
    template = "Image %(image_id)s is deactivated; its data is not available."


class NotShared(Forbidden):
    template = "Image %(image_id)s is not shared; only images of visibility 'shared' have members."


class StatusForbids(Forbidden):
    template = "Not allowed to %(action)s an image in status '%(status)s'."


class FormatLocked(Forbidden):
    template = "Attribute '%(name)s' can only be changed while the image is queued or importing."


class LastLocation(Forbidden):
    template = "The last location of an image cannot be removed."


class LocationNotForUsers(Forbidden):
    template = "Only services may add locations that are no http or https URLs."


class MetadefProtected(Forbidden):
    template = "Metadata definition %(kind)s %(name)s is protected and cannot be deleted."


# -- not there ---------------------------------------------------------------------------------------


class ImageNotFound(NotFound):
    template = "No image found with ID %(image_id)s."


class MemberNotFound(NotFound):
    template = "%(member)s is not a member of image %(image_id)s."


class TagNotFound(NotFound):
    template = "Image %(image_id)s has no tag '%(tag)s'."


class TaskNotFound(NotFound):
    template = "No task found with ID %(task_id)s."


class BlobNotFound(NotFound):
    template = "The image data is missing in store '%(store)s'."


class MetadefNotFound(NotFound):
    template = "No metadata definition %(kind)s found with name %(name)s."


# -- state -------------------------------------------------------------------------------------------


class ImageExists(Conflict):
    template = "Image ID %(image_id)s already exists."


class MemberExists(Conflict):
    template = "%(member)s is already a member of image %(image_id)s."


class MetadefExists(Conflict):
    template = "A metadata definition %(kind)s with name %(name)s already exists."


class InvalidStatusTransition(Conflict):
    template = "Image status transition from %(current)s to %(wanted)s is not allowed."


class PropertyExists(Conflict):
    template = "Property %(name)s already exists."


class PropertyMissing(Conflict):
    template = "Property %(name)s does not exist."


class PatchTestFailed(Conflict):
    template = "The test of '%(name)s' failed: it has another value."


class UploadFenced(Conflict):
    """The upload's intent is gone: it expired, was aborted, or another upload took its place."""

    template = "Upload %(upload_id)s is no longer current."


class LocationStatusForbids(Conflict):
    template = "Locations cannot be %(action)s while the image's status is '%(status)s'."


class LocationInUse(Conflict):
    template = "The location belongs to another image."


class ValidationFailed(Conflict):
    """What is said of a location's data cannot be, or is not what is known of the image's data."""

    template = "Location with wrong %(name)s: %(reason)s."


class LocationFenced(Conflict):
    """Somebody else, or nobody any more, is about the location that was being added."""

    template = "The addition of location %(job_id)s is no longer current."


class OperationMismatch(Conflict):
    template = "Operation %(op_id)s was already used for another request."


class VersionMismatch(ImageServiceError):
    """The image is not, or no more, as the caller said it must be."""

    template = "Image %(image_id)s has another version than the request demands; read it again."


class ImageGone(Gone):
    template = "Image %(image_id)s was deleted while its data was being uploaded."


class StoreAddDisabled(Gone):
    template = "Store '%(store)s' does not accept data."


# -- limits ------------------------------------------------------------------------------------------


class PropertyQuotaExceeded(LimitExceeded):
    template = "The limit has been exceeded on the number of allowed image properties. Attempted: %(attempted)s, Maximum: %(maximum)s"


class TagQuotaExceeded(LimitExceeded):
    template = "The limit has been exceeded on the number of allowed image tags. Attempted: %(attempted)s, Maximum: %(maximum)s"


class MemberQuotaExceeded(LimitExceeded):
    template = "The limit has been exceeded on the number of allowed image members. Attempted: %(attempted)s, Maximum: %(maximum)s"


class LocationQuotaExceeded(LimitExceeded):
    template = "The limit has been exceeded on the number of allowed image locations. Attempted: %(attempted)s, Maximum: %(maximum)s"


class ImageSizeExceeded(LimitExceeded):
    template = "The image is larger than the limit of %(limit)s bytes."


class StorageQuotaExceeded(LimitExceeded):
    template = "The project's storage quota of %(quota)s bytes would be exceeded; %(remaining)s bytes remain."


class ProjectLimitExceeded(LimitExceeded):
    template = "The project's limit %(name)s of %(limit)s would be exceeded; it has %(usage)s."


class StoreFull(LimitExceeded):
    template = "There is not enough space in store '%(store)s'."


class RequestTooLarge(LimitExceeded):
    template = "The request is larger than the limit of %(limit)s bytes."


# -- content -----------------------------------------------------------------------------------------


class ImageFormatMismatch(UnsupportedMedia):
    template = "Image content does not match disk_format %(declared)s: %(reason)s"


class ImageUnsafe(UnsupportedMedia):
    template = "Image content failed the safety check for %(declared)s: %(reason)s"


class RangeNotSatisfiable(ImageServiceError):
    template = "The requested range does not overlap the %(size)s bytes of the image."


# -- away --------------------------------------------------------------------------------------------


class RegistryUnavailable(Unavailable):
    """The registry or the bus did not answer in time; a mutating call may or may not have run."""

    template = "The image registry is unavailable; outcome unknown. Please retry."


class SchemaMissing(Unavailable):
    template = "The database has no current schema; run 'glance-manage db_sync'."


class DatabaseUnavailable(Unavailable):
    template = "The image database is unavailable. Please retry."


class LimitsUnavailable(Unavailable):
    template = "The project's limits cannot be read from the identity service. Please retry."


class StoreUnavailable(Unavailable):
    template = "Store '%(store)s' is unavailable."


class StoreWriteDenied(Unavailable):
    template = "Store '%(store)s' denied writing."


# -- the seam itself ---------------------------------------------------------------------------------


class Expired(Unavailable):
    """The call's deadline had passed when the registry got it; nothing was done."""

    template = "The request reached the image registry too late. Please retry."


class BadMessage(Invalid):
    template = "Malformed RPC message: %(reason)s"


class ConfigurationError(ImageServiceError):
    """The daemon cannot start with this configuration; raised at start only."""

    template = "%(reason)s"
