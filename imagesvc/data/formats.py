"""What image data is, told from the bytes that pass by, and whether that is what was declared.

Uses oslo.utils' inspectors.  They are fed pieces of a fixed size, whatever the network delivers: some of them decide by
the first piece they see.
"""

import logging
import re
from collections.abc import Sequence

from oslo_utils.imageutils import format_inspector as inspectors

from imagesvc import exception

LOG = logging.getLogger(__name__)

_SLICE_BYTES = 64 * 1024

#: Enough for every region an inspector captures at the end of the data.
_TAIL_BYTES = 4096

#: Formats that a reader of a raw image may take it for and that can name other files.
_RICH = frozenset({"qcow2", "qed", "vmdk", "vhd", "vhdx", "vdi"})

#: Formats that say nothing of the disk's size: it is the data's, less a header.
_AS_LONG_AS_THE_DATA = frozenset({"gpt", "luks"})

_MAX_SIZE = 2**63 - 1


#: What makes QEMU take a file for a VMDK, in its own words: oslo.utils knows less of them.
_VMDK_HEAD = re.compile(rb"COWD|KDMV|(?:#[^\n]*\n| *\r?\n)*version=[123]\r?\n")
_HEAD_BYTES = 4096


class FormatCheck:
    """Compares the data of one bare image with its disk_format.

    :param declared: disk_format of the image.
    :param enforce: [image_format] require_image_format_match.
    :param vmdk_types: accepted createTypes.
    :param gpt_nonfatal: names of GPT checks whose failure is only logged.
    :ivar virtual_size: bytes of the disk inside, once :meth:`finish` has returned; None when it is not known.
    """

    def __init__(self, declared: str, *, enforce: bool, vmdk_types: Sequence[str], gpt_nonfatal: Sequence[str]) -> None:
        self.virtual_size: int | None = None
        self._declared = declared
        self._enforce = enforce
        self._vmdk_types = {name.lower() for name in vmdk_types}
        self._gpt_nonfatal = frozenset(gpt_nonfatal)
        self._all = [make() for name, make in inspectors.ALL_FORMATS.items() if name != "raw"]
        self._hungry = list(self._all)
        self._waiting: list[inspectors.FileInspector] = []
        self._failed: set[inspectors.FileInspector] = set()
        self._pending = bytearray()
        self._head = b""
        self._tail = b""
        self._size = 0
        self._settled = False

    def update(self, data: memoryview) -> None:
        """See more bytes; raises as soon as the format is known to be wrong.

        :raises ImageFormatMismatch: it is not the declared one.
        """
        self._size += len(data)
        if self._hungry:
            data = self._feed(data)
        if not self._hungry:
            self._tail = (self._tail + bytes(data[-_TAIL_BYTES:]))[-_TAIL_BYTES:]
            if not self._settled:
                self._settled = True
                self._match(final=False)

    def _feed(self, data: memoryview) -> memoryview:
        """Let the inspectors see ``data`` until none wants more; what is left of it."""
        while self._hungry and data:
            piece = data[: _SLICE_BYTES - len(self._pending)]
            data = data[len(piece) :]
            self._pending += piece
            if len(self._pending) == _SLICE_BYTES:
                self._inspect(bytes(self._pending))
                self._pending.clear()
        return data

    def _inspect(self, piece: bytes) -> None:
        self._head = self._head or piece[:_HEAD_BYTES]
        self._tail = piece[-_TAIL_BYTES:]
        for inspector in list(self._hungry):
            try:
                inspector.eat_chunk(piece)
            except Exception as exc:  # noqa: BLE001 - parsers of hostile data raise what they like
                LOG.debug("Not %s: %s", inspector, exc)
                self._failed.add(inspector)
                self._hungry.remove(inspector)
                continue
            missing = [region for name in inspector.context_info if not (region := inspector.region(name)).complete]
            if all(isinstance(region, inspectors.EndCaptureRegion) for region in missing):
                self._hungry.remove(inspector)
                if missing:
                    self._waiting.append(inspector)

    def finish(self) -> None:
        """Judge the whole data; empty data has no format to be wrong.

        :raises ImageFormatMismatch: the content is not of the declared format.
        :raises ImageUnsafe: it is, but it may name other files, or cannot be understood.
        """
        if not self._size:
            self.virtual_size = 0 if self._declared == "raw" else None
            return
        waiting = list(self._waiting)
        if self._hungry and self._pending:
            self._inspect(bytes(self._pending))
        for inspector in waiting:
            inspector.eat_chunk(self._tail)
        for inspector in self._all:
            inspector.finish()
        found = self._match(final=True)
        if self._declared == "raw":
            self.virtual_size = self._size
        elif found is not None:
            self._check(found)
            if str(found) == self._declared:
                self.virtual_size = self._virtual_size(found)

    def _match(self, *, final: bool) -> inspectors.FileInspector | None:
        """The one format the data has; None stands for raw."""
        matches = {str(item): item for item in self._all if item not in self._failed and _matches(item)}
        if _VMDK_HEAD.match(self._head):
            matches["vmdk"] = next(item for item in self._all if str(item) == "vmdk")
        if set(matches) == {"iso", "gpt"}:
            # A hybrid: an ISO image that can be written to a disk and started from it.
            del matches["gpt"]
        names = ", ".join(sorted(matches)) or "raw"
        if self._declared == "raw":
            wrong = bool(_RICH & set(matches))
        elif self._declared in inspectors.ALL_FORMATS:
            wrong = names != self._declared
        else:
            wrong = bool(matches)
        if wrong and self._enforce:
            raise exception.ImageFormatMismatch(declared=self._declared, reason=f"it is {names}")
        if wrong and final:
            LOG.warning("Image declared %s is %s; require_image_format_match is off.", self._declared, names)
        if len(matches) > 1 and self._declared != "raw":
            raise exception.ImageFormatMismatch(declared=self._declared, reason=f"it is {names} at the same time")
        return next(iter(matches.values()), None)

    def _check(self, found: inspectors.FileInspector) -> None:
        name = str(found)
        if found in self._failed:
            raise exception.ImageUnsafe(declared=name, reason="it cannot be understood")
        try:
            found.safety_check()
        except inspectors.SafetyCheckFailed as exc:
            failed = set(exc.failures) - (self._gpt_nonfatal if name == "gpt" else set())
            if failed:
                raise exception.ImageUnsafe(declared=name, reason=", ".join(sorted(failed))) from exc
            LOG.warning("GPT checks failed and are not fatal here: %s", ", ".join(sorted(exc.failures)))
        except inspectors.ImageFormatError as exc:
            raise exception.ImageUnsafe(declared=name, reason="it is incomplete") from exc
        if name == "vmdk" and getattr(found, "vmdktype", "") not in self._vmdk_types:
            raise exception.ImageUnsafe(declared=name, reason="its createType is not allowed")

    def _virtual_size(self, found: inspectors.FileInspector) -> int | None:
        try:
            size = found.virtual_size
            if str(found) in _AS_LONG_AS_THE_DATA:
                # Inspectors are not fed to the end.
                size += self._size - found.actual_size
        except Exception as exc:
            raise exception.ImageUnsafe(declared=str(found), reason="it is incomplete") from exc
        if not 0 <= size <= _MAX_SIZE:
            raise exception.ImageUnsafe(declared=str(found), reason="its virtual size is out of range")
        return size or None


def _matches(inspector: inspectors.FileInspector) -> bool:
    try:
        return inspector.format_match
    except AttributeError:
        # The VMDK inspector's, on text that turns out to be something else.
        return False
