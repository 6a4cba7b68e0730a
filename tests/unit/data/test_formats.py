import pytest

from imagesvc import exception
from imagesvc.data.formats import FormatCheck
from tests.fixtures import disks

GIB = 1 << 30


def _check(data, declared, *, enforce=True, step=1 << 20, **kwargs):
    """The check after it has seen all of ``data`` in pieces of ``step``."""
    types = kwargs.pop("vmdk_types", ["streamOptimized", "monolithicSparse"])
    check = FormatCheck(declared, enforce=enforce, vmdk_types=types, gpt_nonfatal=kwargs.pop("gpt_nonfatal", []))
    view = memoryview(data)
    for start in range(0, len(data), step):
        check.update(view[start : start + step])
    check.finish()
    return check


STEPS = pytest.mark.parametrize("step", [1000, 65536, 1 << 22])


@STEPS
@pytest.mark.parametrize(
    ("declared", "make", "size"),
    [
        ("qcow2", disks.qcow2, GIB),
        ("vhd", disks.vhd, GIB),
        ("vhdx", disks.vhdx, GIB),
        ("vdi", disks.vdi, GIB),
        ("vmdk", disks.vmdk, GIB),
        ("iso", disks.iso, 1 << 20),
        ("raw", disks.raw, 3 << 20),
        ("gpt", disks.gpt, 1 << 20),
        ("luks", disks.luks, 1 << 20),
    ],
)
def test_the_declared_format_is_accepted_and_measured(declared, make, size, step):
    assert _check(make(), declared, step=step).virtual_size == size


@pytest.mark.parametrize(
    "make", [disks.qcow2, disks.qed, disks.vmdk, disks.vhd, disks.vhdx, disks.vdi, disks.vmdk_text]
)
def test_raw_must_not_be_a_rich_format(make):
    with pytest.raises(exception.ImageFormatMismatch):
        _check(make(), "raw")
    assert _check(make(), "raw", enforce=False).virtual_size == len(make())


@pytest.mark.parametrize(
    "head", [b"# Disk DescriptorFile\r\n\n  \nversion=1\r\n", b"version=3\n", b"#" * 600 + b"\nversion=2\n", b"COWD"]
)
def test_raw_must_not_be_what_qemu_takes_for_a_vmdk(head):
    with pytest.raises(exception.ImageFormatMismatch):
        _check(head.ljust(2048, b"\0"), "raw")
    assert _check(b" " + head.upper() + bytes(2048), "raw").virtual_size


@pytest.mark.parametrize("make", [disks.gpt, disks.luks, disks.iso, lambda: disks.gpt(partitions=False)])
def test_raw_may_hold_what_disks_hold(make):
    assert _check(make(), "raw").virtual_size == len(make())


@STEPS
@pytest.mark.parametrize("declared", ["qcow2", "vmdk", "vdi", "vhd", "vhdx", "iso"])
def test_raw_content_is_not_what_was_declared(declared, step):
    with pytest.raises(exception.ImageFormatMismatch):
        _check(disks.raw(), declared, step=step)
    assert _check(disks.raw(), declared, step=step, enforce=False).virtual_size is None


def test_one_rich_format_is_not_another():
    with pytest.raises(exception.ImageFormatMismatch):
        _check(disks.qcow2(), "vmdk")
    with pytest.raises(exception.ImageFormatMismatch):
        _check(disks.qcow2(), "ploop")


def test_formats_that_cannot_be_inspected_look_raw():
    assert _check(disks.raw(), "ploop").virtual_size is None


def test_a_wrong_format_is_refused_before_the_data_ends():
    check = FormatCheck("qcow2", enforce=True, vmdk_types=[], gpt_nonfatal=[])
    with pytest.raises(exception.ImageFormatMismatch):
        check.update(memoryview(disks.raw(1 << 20)))


@STEPS
@pytest.mark.parametrize(
    ("declared", "data", "reason"),
    [
        ("qcow2", disks.qcow2(backing=True), "backing_file"),
        ("qcow2", disks.qcow2(features=4), "data_file"),
        ("qcow2", disks.qcow2(features=1 << 20), "unknown_features"),
        ("qcow2", disks.qcow2(version=1), "unknown_features"),
        ("qcow2", disks.qcow2(virtual_size=1 << 63), "out of range"),
        ("qed", disks.qed(), "banned"),
        ("vmdk", disks.vmdk(kind="monolithicFlat"), "descriptor"),
        ("vmdk", disks.vmdk(extent='RW 1 FLAT "/etc/passwd" 0'), "descriptor"),
        ("vmdk", disks.vmdk(extent=""), "descriptor"),
        ("vmdk", disks.vmdk(footer=False), "footer"),
        ("vmdk", disks.vmdk_text(), "descriptor"),
        ("vmdk", disks.vmdk_text("monolithicSparse", 'RW 1 SPARSE "x"'), "incomplete"),
        ("vmdk", disks.vmdk_text().ljust(512, b"\0"), "understood"),
        ("vmdk", b"COWD" + bytes(4096), "understood"),
        ("gpt", disks.gpt(partitions=False), "mbr"),
        ("vhd", b"conectix", "incomplete"),
    ],
)
def test_unsafe_content_is_refused(declared, data, reason, step):
    with pytest.raises(exception.ImageUnsafe, match=reason):
        _check(data, declared, step=step)


@STEPS
@pytest.mark.parametrize("filler", [0, 1, 3 << 20])
def test_a_vmdk_footer_is_found_wherever_it_is(filler, step):
    assert _check(disks.vmdk(kind="streamOptimized", footer=True, filler=filler), "vmdk", step=step).virtual_size == GIB
    with pytest.raises(exception.ImageUnsafe, match="footer"):
        _check(disks.vmdk(kind="streamOptimized", footer=False, filler=filler), "vmdk", step=step)


def test_vmdk_types_are_the_operators_choice():
    with pytest.raises(exception.ImageUnsafe, match="createType"):
        _check(disks.vmdk(), "vmdk", vmdk_types=["streamOptimized"])
    with pytest.raises(exception.ImageUnsafe, match="createType"):
        _check(disks.vmdk(), "vmdk", vmdk_types=[])


def test_gpt_checks_can_be_made_nonfatal():
    assert _check(disks.gpt(partitions=False), "gpt", gpt_nonfatal=["mbr"]).virtual_size == 1 << 20


def test_a_hybrid_iso_is_an_iso():
    assert _check(disks.iso(hybrid=True), "iso").virtual_size == 1 << 20


@pytest.mark.parametrize("declared", ["qcow2", "iso", "raw", "ploop"])
def test_two_formats_at_once_are_refused(declared):
    with pytest.raises(exception.ImageFormatMismatch):
        _check(disks.overlay(disks.qcow2(), disks.iso()), declared)


def test_two_formats_at_once_are_refused_even_when_not_enforcing():
    with pytest.raises(exception.ImageFormatMismatch, match="at the same time"):
        _check(disks.overlay(disks.qcow2(), disks.iso()), "qcow2", enforce=False)


@pytest.mark.parametrize("declared", ["raw", "qcow2", "vmdk"])
def test_empty_data_is_of_any_format(declared):
    assert _check(b"", declared).virtual_size == (0 if declared == "raw" else None)


@STEPS
@pytest.mark.parametrize(
    "data", [b"x", b"text\n" * 20, b"text\n" * 200 + b"\xff" * 99, b"#" * 70000 + b"\xff", b"\0" * 100]
)
def test_anything_else_is_raw(data, step):
    assert _check(data, "raw", step=step).virtual_size == len(data)


def test_vhdx_metadata_may_be_anywhere():
    assert _check(disks.vhdx(metadata_at=5 << 20), "vhdx").virtual_size == GIB
