"""Files and folders appear whole under their names, or not at all."""

import errno
import os
import re
import threading

import pytest

from varhouse.files import (
    new_file,
    put,
    remove_abandoned,
    unfinished_name,
    whole_folder,
    write_text,
)


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("old")
    inode = path.stat().st_ino

    def die(own):
        own.write_text("half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), new_file(path) as own:
        die(own)
    assert path.read_text() == "old"
    with path.open() as held:
        write_text(path, "new")
        # Who has the old file open still reads it: it is another file.
        assert held.read() == "old"
    assert path.read_text() == "new"
    assert path.stat().st_ino != inode
    assert [p.name for p in tmp_path.iterdir()] == ["out.txt"]


@pytest.mark.parametrize("how", ["new_file", "put"])
def test_what_is_no_file_is_written_and_stays(tmp_path, how):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    said = []
    reader = threading.Thread(target=lambda: said.append(pipe.read_bytes()))
    reader.start()
    if how == "put":
        (tmp_path / "made").write_bytes(b"rows")
        put(tmp_path / "made", pipe)
    else:
        with new_file(pipe) as own:
            own.write_bytes(b"rows")
    reader.join(10)
    assert said == [b"rows"]
    assert pipe.is_fifo()
    assert [p.name for p in tmp_path.iterdir()] == ["pipe"]


@pytest.mark.parametrize("same_device", [True, False])
def test_put_gives_a_whole_file_its_place(tmp_path, monkeypatch, same_device):
    (tmp_path / "made").write_text("new")
    (tmp_path / "out").write_text("old")
    if not same_device:
        rename = type(tmp_path).rename

        def only_here(self, target):
            if self.name == "made":
                raise OSError(errno.EXDEV, "another file system")
            return rename(self, target)

        monkeypatch.setattr(type(tmp_path), "rename", only_here)
    put(tmp_path / "made", tmp_path / "out")
    assert (tmp_path / "out").read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_folder_takes_the_place_of_the_old_one(tmp_path):
    folder = tmp_path / "part"
    folder.mkdir()
    (folder / "left").write_text("half")
    with whole_folder(folder) as own:
        (own / "new").write_text("whole")
    assert [p.name for p in folder.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_that_fails_leaves_nothing_and_the_old_one_stays(tmp_path):
    folder = tmp_path / "part"
    folder.mkdir()
    (folder / "old").write_text("whole")

    def die(own):
        (own / "new").write_text("half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), whole_folder(folder) as own:
        die(own)
    assert [p.name for p in folder.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [folder]


def test_what_dead_processes_left_goes_and_what_is_being_made_stays(tmp_path):
    (tmp_path / "step").mkdir()
    mine = unfinished_name(tmp_path / "step" / "part")
    # Process 1 never began at the moment 1.
    dead = mine.with_name(re.sub(rf"\.{os.getpid()}-\d*-", ".1-1-", mine.name))
    for folder in (mine, dead):
        folder.mkdir()
        (folder / "shard").write_text("half")
    (tmp_path / "step" / "whole").mkdir()
    remove_abandoned(tmp_path)
    assert sorted(tmp_path.glob("step/*")) == sorted([mine, tmp_path / "step" / "whole"])


def test_a_folder_that_another_process_made_meanwhile_stays(tmp_path) -> None:
    """Its readers have it open; without its last file it is not whole, and is replaced."""
    for last, stays in (("last", True), ("other", False)):
        folder = tmp_path / last / "part"
        with whole_folder(folder, "last") as mine:
            (mine / "last").write_text("mine")
            folder.mkdir()
            (folder / last).write_text("theirs")
        assert (folder / "last").read_text() == ("theirs" if stays else "mine")
        assert [p.name for p in folder.parent.iterdir()] == ["part"]
