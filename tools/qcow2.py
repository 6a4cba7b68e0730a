"""Write a raw disk as a qcow2 file, for machines without qemu-img.

The format is version 3 without features: header, refcount table and blocks, L1 table, L2 tables, data clusters.
Clusters of zeros are left out, as qemu-img does.
"""

import struct
from pathlib import Path
from typing import BinaryIO

_CLUSTER_BITS = 16
_CLUSTER = 1 << _CLUSTER_BITS
_COPIED = 1 << 63  # refcount is exactly one
_L2_ENTRIES = _CLUSTER // 8
_REFCOUNTS = _CLUSTER // 2  # 16-bit refcounts in a block
_HEADER_BYTES = 104


def write(raw: Path, target: Path) -> None:
    """Convert ``raw`` (its size a multiple of 512) to ``target``."""
    size = raw.stat().st_size
    l1_entries = _ceil(_ceil(size, _CLUSTER), _L2_ENTRIES)
    with raw.open("rb") as source, target.open("wb") as out:
        l1_offset = _CLUSTER
        end = l1_offset + _ceil(l1_entries * 8, _CLUSTER) * _CLUSTER
        l1 = []
        for first in range(0, size, _CLUSTER * _L2_ENTRIES):
            source.seek(first)
            entry, end = _write_l2(source, out, end)
            l1.append(entry)
        out.seek(l1_offset)
        out.write(struct.pack(f">{l1_entries}Q", *l1))
        table, blocks = _write_refcounts(out, end)
        out.seek(0)
        out.write(_header(size, l1_offset, l1_entries, table, blocks))


def _write_l2(source: BinaryIO, out: BinaryIO, end: int) -> tuple[int, int]:
    """Copy one L2 table's worth of data to ``end``; the table's L1 entry and the new end."""
    entries = [0] * _L2_ENTRIES
    for index in range(_L2_ENTRIES):
        data = source.read(_CLUSTER)
        if not data:
            break
        if data.count(0) == len(data):
            continue
        out.seek(end)
        out.write(data.ljust(_CLUSTER, b"\0"))
        entries[index] = end | _COPIED
        end += _CLUSTER
    if not any(entries):
        return 0, end
    out.seek(end)
    out.write(struct.pack(f">{_L2_ENTRIES}Q", *entries))
    return end | _COPIED, end + _CLUSTER


def _write_refcounts(out: BinaryIO, end: int) -> tuple[int, int]:
    """Count every cluster once, the refcount structures included; the table's offset and the number of blocks."""
    used = end // _CLUSTER
    blocks = 1
    while used + 1 + blocks > blocks * _REFCOUNTS:
        blocks += 1
    table, first_block, total = end, end + _CLUSTER, used + 1 + blocks
    out.seek(table)
    out.write(struct.pack(f">{blocks}Q", *(first_block + n * _CLUSTER for n in range(blocks))).ljust(_CLUSTER, b"\0"))
    for block in range(blocks):
        here = min(max(total - block * _REFCOUNTS, 0), _REFCOUNTS)
        out.write((b"\0\x01" * here).ljust(_CLUSTER, b"\0"))
    return table, blocks


def _header(size: int, l1_offset: int, l1_entries: int, table: int, blocks: int) -> bytes:
    assert blocks * 8 <= _CLUSTER
    return struct.pack(
        ">4sIQIIQIIQQIIQQQQII",
        b"QFI\xfb", 3, 0, 0, _CLUSTER_BITS, size, 0, l1_entries, l1_offset, table, 1, 0, 0, 0, 0, 0, 4, _HEADER_BYTES,
    )  # fmt: skip


def _ceil(number: int, unit: int) -> int:
    return -(-number // unit)
