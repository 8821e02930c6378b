"""What others have put where compiled code is kept is never read, run, waited for or fought over."""

import os
import stat
import time
import warnings
from contextlib import contextmanager

import pytest

from thalweg.engine.on_disk import cache, folder

pytestmark = pytest.mark.skipif(not hasattr(os, "getuid"), reason="files have no owners")
OTHER = 12345


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("THALWEG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(folder, "_told", set())
    return tmp_path / "cache"


@contextmanager
def as_user(user, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(os, "getuid", lambda: user)
        yield


def kept(place):
    """Keep something, and find its file."""
    cache.remembered("a key", lambda: b"made")
    return next(path for path in place.rglob("*") if path.is_file())


def moved_behind_a_link(file):
    """A file that is whole and ours, somewhere else."""
    file.rename(file.with_name("elsewhere"))
    file.symlink_to("elsewhere")


def in_place_of(make):
    def plant(file):
        file.unlink()
        make(file)

    return plant


PLANTED = {
    "a link": moved_behind_a_link,
    "a link to nothing": in_place_of(lambda file: file.symlink_to("nowhere")),
    "a link to what has no end": in_place_of(lambda file: file.symlink_to("/dev/zero")),
    "a pipe": in_place_of(os.mkfifo),
    "a directory": in_place_of(os.mkdir),
    "a file that all may write": lambda file: file.chmod(0o666),
    "a file that the group may write": lambda file: file.chmod(0o620),
    "a file without an end": lambda file: os.truncate(file, 1 << 40),
}


@pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED)
def test_what_is_no_plain_file_of_ours_is_not_read(plant, place):
    plant(kept(place))
    assert cache.remembered("a key", lambda: b"made anew") == b"made anew"


def test_the_file_that_was_opened_is_the_one_that_is_asked(place, monkeypatch):
    """Exchanged between opening and asking, the name leads elsewhere, and nobody looks at it again."""
    file, fstat = kept(place), os.fstat

    def exchanged(descriptor):
        if stat.S_ISREG(fstat(descriptor).st_mode) and file.exists():
            file.unlink()
        return fstat(descriptor)

    monkeypatch.setattr(os, "fstat", exchanged)
    assert cache.remembered("a key", pytest.fail) == b"made"


def test_a_file_of_another_user_is_not_read(place, monkeypatch):
    file, fstat = kept(place), os.fstat

    def foreign(descriptor):
        found = fstat(descriptor)
        return os.stat_result([*found[:4], OTHER, *found[5:]]) if stat.S_ISREG(found.st_mode) else found

    monkeypatch.setattr(os, "fstat", foreign)
    assert file.exists()
    assert cache.remembered("a key", lambda: b"made anew") == b"made anew"


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_of_a_directory_that_others_write_to_nothing_is_believed_and_one_warning_says_so(mode, place):
    file = kept(place)
    place.chmod(mode)
    with pytest.warns(RuntimeWarning, match=r"as other users can write to it: set THALWEG_CACHE to a directory of"):
        assert cache.remembered("a key", lambda: b"our own") == b"our own"
    assert cache.remembered("a key", pytest.fail) == b"our own"
    assert file.read_bytes().endswith(b"made")


def test_a_directory_of_another_user(place, monkeypatch):
    kept(place)
    with (
        as_user(OTHER, monkeypatch),
        pytest.warns(RuntimeWarning, match=r"it belongs to another user|it is not this user's own"),
    ):
        assert cache.remembered("a key", lambda: b"our own") == b"our own"


def test_a_folder_that_somebody_else_has_made_for_us(place):
    place.mkdir()
    place.chmod(0o1777)
    (place / f"thalweg-{os.getuid()}").symlink_to(place.parent)
    with pytest.warns(RuntimeWarning, match="it is not this user's own"):
        assert cache.remembered("a key", lambda: b"made") == b"made"
    assert cache.remembered("a key", lambda: b"made anew") == b"made anew"
    assert [path.name for path in place.parent.iterdir()] == ["cache"]


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can become two users")
@pytest.mark.parametrize("mode", [0o1777, 0o777])
def test_two_users_of_one_directory_do_not_fight(mode, place, monkeypatch):
    """The first one's second process finds all that it has made, whatever the second one did between."""
    place.mkdir()
    place.chmod(mode)
    for path in place.parents[:-1]:
        if path.stat().st_uid == os.getuid():
            path.chmod(path.stat().st_mode | 0o055)
    for user, finds in [(OTHER, False), (OTHER + 1, False), (OTHER, True), (OTHER + 1, True)]:
        assert made_by(user) == (not finds)


def made_by(user):
    """Let a process of a user's ask for something; tell if it had to be made."""
    child = os.fork()
    if not child:
        warnings.simplefilter("ignore")
        os.setgid(user)
        os.setuid(user)
        made = []
        found = cache.remembered("a key", lambda: made.append(user) or str(user).encode())
        os._exit(len(made) if found == str(user).encode() else 2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_what_a_killed_process_has_left_is_removed(place):
    kept(place)
    for name, age in ((".new-old", 2 * folder.ABANDONED_AFTER), (".new-fresh", 0)):
        (place / name).write_text("half")
        os.utime(place / name, (time.time() - age,) * 2)
    cache.remembered("another", lambda: b"made too")
    assert [path.name for path in place.glob(".*")] == [".new-fresh"]


def test_an_interrupted_write_leaves_nothing(place, monkeypatch):
    def interrupted(*arguments, **keywords):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cache.remembered("a key", lambda: b"made")
    assert not list(place.iterdir())


def test_a_tilde_is_the_users_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("THALWEG_CACHE", "~/cache")
    cache.remembered("a key", lambda: b"made")
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_where_directories_cannot_be_opened_their_path_has_to_do(place, monkeypatch):
    """As on Windows, where files have no owners either."""
    monkeypatch.delattr(os, "getuid")
    file = kept(place)
    assert cache.remembered("a key", pytest.fail) == b"made"
    file.write_bytes(b"damaged")
    assert cache.remembered("a key", lambda: b"made anew") == b"made anew"
