import errno
import os
import stat
import tempfile
from pathlib import Path

import pytest

from imagesvc.store import staging
from tests.fixtures.stores import IMAGE, OTHER

UPLOAD = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
LATER = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"


@pytest.fixture
def directory(tmp_path):
    directory = staging.Directory(str(tmp_path))
    directory.prepare()
    return directory


def _publish(directory, upload_id=UPLOAD, image_id=IMAGE, data=b"data"):
    file = directory.stage(upload_id)
    file.update(memoryview(data))
    file.finish()
    file.publish(directory.final(image_id))
    file.close()


def _names(path):
    return sorted(item.name for item in path.iterdir() if not item.is_dir())


def test_a_file_has_its_final_name_only_when_it_is_published(directory, tmp_path):
    file = directory.stage(UPLOAD)
    file.update(memoryview(b"data"))
    file.finish()
    assert _names(tmp_path) == []
    file.publish(directory.final(IMAGE))
    file.close()
    assert (tmp_path / IMAGE).read_bytes() == b"data"
    directory.release(UPLOAD)
    directory.release(UPLOAD)
    assert _names(tmp_path / ".staging") == []
    assert (tmp_path / IMAGE).read_bytes() == b"data"


def test_the_file_is_durable_before_its_name_is(directory, monkeypatch):
    calls = []
    for name in ("pwrite", "fsync", "link"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, n=name, f=real, **k: (calls.append(n), f(*a, **k))[1])
    _publish(directory)
    assert calls == ["pwrite", "fsync", "link", "fsync"]


def test_an_existing_image_is_never_replaced(directory, tmp_path):
    (tmp_path / IMAGE).write_bytes(b"older")
    with pytest.raises(FileExistsError):
        _publish(directory)
    assert (tmp_path / IMAGE).read_bytes() == b"older"
    directory.discard(IMAGE, UPLOAD)
    assert (tmp_path / IMAGE).read_bytes() == b"older"
    assert _names(tmp_path / ".staging") == []


def test_a_link_that_a_network_file_system_did_twice_is_one(directory, tmp_path, monkeypatch):
    real = os.link

    def twice(*args, **kwargs):
        real(*args, **kwargs)
        real(*args, **kwargs)

    monkeypatch.setattr(os, "link", twice)
    _publish(directory)
    assert (tmp_path / IMAGE).read_bytes() == b"data"


def test_modes(directory, tmp_path):
    old = os.umask(0o022)
    try:
        _publish(directory)
        file = directory.stage(LATER, mode=0o644)
        file.finish()
        file.publish(directory.final(OTHER))
        file.close()
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / IMAGE).stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / OTHER).stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / ".staging").stat().st_mode) == 0o750


def test_staging_neither_follows_links_nor_reuses_files(directory, tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / ".staging" / UPLOAD).symlink_to(victim)
    with pytest.raises(FileExistsError):
        directory.stage(UPLOAD)
    assert victim.read_bytes() == b"precious"


def test_a_link_is_no_staging_directory(directory, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / ".staging").rename(elsewhere)
    (elsewhere / UPLOAD).write_bytes(b"precious")
    (tmp_path / ".staging").symlink_to(elsewhere)
    with pytest.raises(NotADirectoryError):
        directory.stage(IMAGE)
    assert list(directory.staged()) == []
    assert [path.name for path in elsewhere.iterdir()] == [UPLOAD]


def test_the_staging_directory_comes_back(directory, tmp_path):
    (tmp_path / ".staging").rmdir()
    _publish(directory)
    assert (tmp_path / IMAGE).read_bytes() == b"data"


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", ".staging", "a\0b"])
def test_ids_that_are_paths_are_refused(directory, name):
    with pytest.raises(OSError, match="Invalid argument"):
        directory.stage(name)
    with pytest.raises(OSError, match="Invalid argument"):
        directory.final(name)


def test_holes_are_left_where_the_data_is_zero(directory, tmp_path):
    data = bytes(1 << 20) + b"x" + bytes((1 << 20) + 5)
    file = directory.stage(UPLOAD, sparse=True)
    file.reserve(len(data))
    for start in range(0, len(data), 1 << 18):
        file.update(memoryview(data)[start : start + (1 << 18)])
    file.finish()
    file.publish(directory.final(IMAGE))
    file.close()
    assert (tmp_path / IMAGE).read_bytes() == data
    assert (tmp_path / IMAGE).stat().st_blocks * 512 <= 1 << 17


def test_space_is_reserved_without_changing_the_size(directory, tmp_path, monkeypatch):
    monkeypatch.setattr(staging, "_TMPFS_MAGIC", None)  # temporary files may be in memory
    file = directory.stage(UPLOAD)
    file.reserve(1 << 20)
    status = (tmp_path / ".staging" / UPLOAD).stat()
    file.close()
    assert status.st_size == 0
    assert status.st_blocks * 512 >= 1 << 20


def test_a_full_disk_is_known_before_the_transfer(directory):
    file = directory.stage(UPLOAD)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC) + "|" + os.strerror(errno.EFBIG)):
        file.reserve(1 << 60)
    file.close()


def test_in_memory_nothing_is_touched_before_the_transfer_but_a_lack_of_room_is_known():
    with tempfile.TemporaryDirectory(dir="/dev/shm") as root:
        directory = staging.Directory(root)
        directory.prepare()
        file = directory.stage(UPLOAD)
        file.reserve(1 << 20)
        status = Path(root, ".staging", UPLOAD).stat()
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            file.reserve(1 << 60)
        file.close()
    assert (status.st_size, status.st_blocks) == (0, 0)


def test_discard_removes_a_half_written_file(directory, tmp_path):
    file = directory.stage(UPLOAD)
    file.update(memoryview(b"half"))
    directory.discard(IMAGE, UPLOAD)
    file.close()
    directory.discard(IMAGE, UPLOAD)
    assert _names(tmp_path / ".staging") == []


def test_discard_removes_the_final_name_that_the_upload_made(directory, tmp_path):
    _publish(directory)
    directory.discard(IMAGE, UPLOAD)
    assert _names(tmp_path) == []
    assert _names(tmp_path / ".staging") == []


def test_a_fenced_upload_cannot_be_published(directory, tmp_path):
    file = directory.stage(UPLOAD)
    file.finish()
    directory.discard(IMAGE, UPLOAD)
    with pytest.raises(FileNotFoundError):
        file.publish(directory.final(IMAGE))
    file.close()
    assert _names(tmp_path) == []


def test_discard_leaves_a_later_uploads_file(directory, tmp_path):
    """A process that slept past its lease wakes up when another upload has taken the name."""
    file = directory.stage(UPLOAD)
    file.finish()
    _publish(directory, LATER, data=b"later")
    directory.discard(IMAGE, UPLOAD)
    file.close()
    assert (tmp_path / IMAGE).read_bytes() == b"later"


def test_a_janitor_that_slept_removes_only_its_own(directory, tmp_path, monkeypatch):
    """Stopped after it has seen that the name is to go, it finds a later upload's file there."""
    _publish(directory)
    real = os.rename

    def rename(source, target):
        if target.endswith(".suspect"):
            monkeypatch.setattr(os, "rename", real)
            directory.discard(IMAGE, UPLOAD)
            _publish(directory, LATER, data=b"later")
        real(source, target)

    monkeypatch.setattr(os, "rename", rename)
    directory.discard(IMAGE, UPLOAD)
    assert (tmp_path / IMAGE).read_bytes() == b"later"
    directory.release(LATER)
    assert _names(tmp_path / ".staging") == []


@pytest.mark.parametrize("published", [False, True])
@pytest.mark.parametrize("step", ["rename", "unlink", "link", "fsync"])
@pytest.mark.parametrize("count", [1, 2])
def test_discard_can_be_repeated_after_a_crash_anywhere(directory, tmp_path, monkeypatch, published, step, count):
    if published:
        _publish(directory)
    else:
        directory.stage(UPLOAD).close()
    real = getattr(os, step)
    left = [count]

    def crash(*args, **kwargs):
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(os, step, crash)
        try:
            directory.discard(IMAGE, UPLOAD)
        except KeyboardInterrupt:
            assert left == [0]
    directory.discard(IMAGE, UPLOAD)
    assert _names(tmp_path) == []
    assert _names(tmp_path / ".staging") == []


def test_a_stranger_that_was_moved_aside_comes_back_after_a_crash(directory, tmp_path):
    """Both names exist: the crash was between putting it back and dropping the other name."""
    _publish(directory)
    fenced = tmp_path / ".staging" / f"{UPLOAD}.fenced"
    (tmp_path / ".staging" / UPLOAD).rename(fenced)
    (tmp_path / IMAGE).unlink()
    os.link(fenced, tmp_path / OTHER)
    _publish(directory, LATER, data=b"later")
    os.link(tmp_path / IMAGE, str(fenced) + ".suspect")
    directory.discard(IMAGE, UPLOAD)
    assert (tmp_path / IMAGE).read_bytes() == b"later"
    directory.release(LATER)
    assert _names(tmp_path / ".staging") == []


def test_delete_takes_a_forgotten_staged_name_with_it(directory, tmp_path):
    _publish(directory)
    _publish(directory, LATER, OTHER)
    directory.delete(directory.final(IMAGE))
    assert _names(tmp_path) == [OTHER]
    assert _names(tmp_path / ".staging") == [LATER]
    with pytest.raises(FileNotFoundError):
        directory.delete(directory.final(IMAGE))


def test_delete_removes_a_link_and_not_what_it_points_to(directory, tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / IMAGE).symlink_to(victim)
    directory.delete(directory.final(IMAGE))
    assert victim.read_bytes() == b"precious"
    assert not (tmp_path / IMAGE).is_symlink()


def test_listing_and_setting_aside(directory, tmp_path):
    _publish(directory)
    (tmp_path / "subdirectory").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / IMAGE)
    (entry,) = directory.images()
    assert (entry.name, entry.links) == (IMAGE, 2)
    assert directory.holds(entry)
    (staged,) = directory.staged()
    assert staging.upload_of(staged) == UPLOAD
    assert not directory.holds(staged)
    directory.quarantine(entry)
    assert [item.name.split(".")[0] for item in (tmp_path / ".quarantine").iterdir()] == [IMAGE]
    assert list(directory.images()) == []


def test_urls_know_every_spelling(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "alias").symlink_to(tmp_path / "real")
    urls = staging.Directory(str(tmp_path / "alias")).urls(IMAGE)
    assert f"file://{tmp_path}/alias/{IMAGE}" in urls
    assert f"filesystem://{tmp_path}/real/{IMAGE}" in urls
