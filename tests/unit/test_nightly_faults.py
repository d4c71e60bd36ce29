"""What is held back of deliveries for their own faults: each is named, none is followed."""

import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import pytest
from nights import Nights, faults, outcomes, vcf_text

from varhouse.nightly import inbox as inbox_module
from varhouse.nightly.inbox import list_inbox, look
from varhouse.nightly.manifest import read_date
from varhouse.nightly.sums import KnownSums, read_lists

NOW = datetime(2026, 11, 1, 2, tzinfo=UTC)


def _rewrite(name: str, text: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / name).write_text(text)

    return spoil


def _append(name: str, text: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        with (folder / name).open("a") as out:
            out.write(text)

    return spoil


def _cut(folder: Path) -> None:
    data = (folder / "calls.vcf").read_bytes()
    (folder / "calls.vcf").write_bytes(data[: len(data) // 2])


def _link(folder: Path) -> None:
    (folder / "calls.vcf").rename(folder.parents[1] / "elsewhere.vcf")
    (folder / "calls.vcf").symlink_to(folder.parents[1] / "elsewhere.vcf")


def _link_folder(folder: Path) -> None:
    (folder / "sub").symlink_to("/")


def _fifo(folder: Path) -> None:
    os.mkfifo(folder / "pipe")


def _named(name: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / name).write_text("x")

    return spoil


def _outside(folder: Path) -> None:
    (folder.parents[1] / "outside.vcf").write_text("x\n")
    with (folder / "md5sum.txt").open("a") as out:
        out.write("401b30e3b8b5d629635a5c613cdb7919  ../../outside.vcf\n")


SPOILS: dict[str, tuple[Callable[[Path], None], str]] = {
    "cut": (_cut, "calls.vcf: MD5 "),
    "missing": (lambda f: (f / "calls.vcf").unlink(), "calls.vcf: has a sum, and is not"),
    "extra": (_named("more.vcf"), "more.vcf: has no sum"),
    "rsync": (_named(".calls.vcf.Xa81bc"), ".calls.vcf.Xa81bc: has no sum"),
    "link": (_link, "calls.vcf: a link"),
    "link to a folder": (_link_folder, "sub: a link"),
    "pipe": (_fifo, "pipe: neither a file nor a folder"),
    "line end in a name": (_named("a\nb.vcf"), "the name cannot be written into a sheet"),
    "blank at an end": (_named("a.vcf "), "the name cannot be written into a sheet"),
    "no text": (
        lambda f: Path(os.fsdecode(os.fsencode(f) + b"/\xd6\xd0.vcf")).write_text("x"),
        "the name cannot be written into a sheet",
    ),
    "no manifest": (lambda f: (f / "delivery.yaml").unlink(), "no delivery.yaml"),
    "manifest is a folder": (
        lambda f: ((f / "delivery.yaml").unlink(), (f / "delivery.yaml").mkdir()),
        "delivery.yaml: not a file",
    ),
    "manifest of lists": (_rewrite("delivery.yaml", "- a\n"), "is not of type 'object'"),
    "no YAML": (_rewrite("delivery.yaml", "cohort: [a\n"), "not YAML"),
    "key twice": (_append("delivery.yaml", "cohort: b\n"), "stands twice"),
    "unknown key": (_append("delivery.yaml", "cohrt: b\n"), "key 'cohrt'; nearest: cohort"),
    "huge manifest": (_append("delivery.yaml", "#" * (1 << 20)), "more than 1,048,576 bytes"),
    "no list": (lambda f: (f / "md5sum.txt").unlink(), "no sums: none of md5sum.txt"),
    "malformed list": (_rewrite("md5sum.txt", "hello\n"), "md5sum.txt:1: 'hello' is no line"),
    "leads out": (_outside, "'../../outside.vcf' leads out of the delivery"),
}  # fmt: skip

SAID: dict[str, tuple[dict[str, object], str]] = {
    "no date": ({"date": None}, "'date' is a required property"),
    "no such date": ({"date": "2026-02-30"}, "date '2026-02-30' is no date"),
    "future": ({"date": "2062-10-01"}, "lies in the future"),
    "bad name": ({"cohort": "a b"}, "cohort 'a b' is not of letters"),
    "taken name": ({"cohort": "all"}, "all cohorts together are called so"),
    "number": ({"cohort": 2026}, "cohort: 2026 is not of type 'string'"),
    "mode": ({"mode": "append"}, "'append' is not one of ['replace', 'add']"),
    "project": ({"project": "PRJCX1"}, "project accession 'PRJCX1' is malformed"),
    "size": ({"sizes": {"calls.vcf": 7}}, "bytes, 7 in delivery.yaml"),
    "size of nothing": ({"sizes": {"b.vcf": 7}}, "sizes: b.vcf: no such file"),
    "sheet not there": ({"samples": "people.tsv"}, "'people.tsv' is not among the files"),
    "sheet outside": ({"samples": "../../ref.fa"}, "'../../ref.fa' is not among the files"),
    "other assembly": ({"assembly": "GRCh37"}, "assembly 'GRCh37', the store has 'toy'"),
    "no calls": ({"files": {"readme.txt": "x"}}, "no file of calls"),
    "empty file": ({"files": {"calls.vcf": ""}}, "calls.vcf: an empty file"),
    "two of one name": ({"files": {"1/a.vcf": "x", "2/a.vcf": "y"}}, "a.vcf: files of this"),
    "sex": ({"files": {"c.vcf": "x", "samples.tsv": "sample\tsex\na1\tX\n"}}, "samples.tsv:2"),
    "people of others": (
        {"files": {"c.vcf": "x", "samples.tsv": "cohort\tsample\nb\tb1\n"}},
        "samples.tsv:2: cohort 'b', the delivery is of 'a'",
    ),
    "nobody has them": (
        {"people": ["a1", "a2"], "extra_row": "a3\tmale\n"},
        "sample 'a3' is in the sheet (line 4) but not in calls.vcf",
    ),
}  # fmt: skip


def test_each_fault_is_named_and_the_others_go_in(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    wanted = {}
    for name, (spoil, said) in SPOILS.items():
        spoil(nights.deliver(name, "a"))
        wanted[name] = said
    for name, (given, said) in SAID.items():
        given = {"cohort": "a", **given}
        row = given.pop("extra_row", "")
        folder = nights.deliver(name, **given)
        if row:
            with (folder / "samples.tsv").open("a") as out:
                out.write(row)
            nights.sum(folder, ["calls.vcf", "samples.tsv"])
        wanted[name] = said
    odd = nights.deliver("odd", "a")
    odd.rename(nights.inbox / "odd\nname")
    (nights.inbox / "a link").symlink_to(nights.root)
    wanted |= {"odd␣name": "in the name of the folder", "a link": "a link, no folder"}
    text = vcf_text(nights.root, ["good1"])
    nights.deliver("甲 乙", "good", files={"甲 乙 (1).vcf": text}, people=["good1"])
    night = nights.run()
    found = faults(night)
    for name, said in wanted.items():
        fault = found.pop(f"delivery:{name}")
        assert said in "\n".join(fault.reasons), name
        # What anybody may read names neither files nor people.
        assert not any(w in " ".join(fault.public) for w in ("calls.vcf", "a3", "/")), (
            fault.public
        )
    assert found == {}
    assert {n for n, o in outcomes(night).items() if o != "held"} == {"甲 乙"}
    assert (night.exit_code, nights.people()) == (3, {"good": ["good1"]})
    assert not (nights.folder / "data" / "a").exists()
    # Nothing of what led out was touched.
    assert (tmp_path / "outside.vcf").read_text() == "x\n"
    assert (tmp_path / "elsewhere.vcf").exists()
    assert nights.run().exit_code == 0


def test_all_mistakes_of_a_delivery_are_told_at_once(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    folder = nights.deliver(
        "x", "a", date="soon", mode="append", files={"a.vcf": "1", "b.vcf": "2"}
    )
    (folder / "a.vcf").write_text("3")
    (folder / "b.vcf").unlink()
    (folder / "c.vcf").write_text("4")
    reasons = faults(nights.run())["delivery:x"].reasons
    for said in ("'append'", "'soon'", "a.vcf: MD5", "b.vcf: has a sum", "c.vcf: has no sum"):
        assert any(said in r for r in reasons), (said, reasons)


def test_many_mistakes_of_a_kind_are_counted(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    folder = nights.deliver("x", "a", files={"a.vcf": "1"})
    for n in range(30):
        (folder / f"{n:02}.vcf").write_text("x")
    reasons = faults(nights.run())["delivery:x"].reasons
    assert len(reasons) == 11
    assert reasons[-1] == "... and 20 more like it"


def test_a_delivery_without_a_mark_waits_and_is_a_fault_in_the_end(tmp_path: Path) -> None:
    nights = Nights(tmp_path, {"unfinished_days": 2})
    nights.deliver("late", "a", ready=False)
    (nights.inbox / "READY").touch()
    assert [outcomes(nights.run())["late"] for _ in range(2)] == ["waiting"] * 2
    night = nights.run()
    fault = faults(night)["delivery:late"]
    assert (night.exit_code, fault.kind) == (3, "unfinished")
    again = nights.run()
    assert (again.exit_code, faults(again)["delivery:late"].since) == (0, night.started)
    (nights.inbox / "late" / "READY").touch()
    assert (nights.run().exit_code, nights.names()) == (0, ["READY"])


def test_who_may_not_read_a_delivery_says_so(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    nights.deliver("locked", "a")
    real = os.scandir

    def scandir(path: object = ".") -> object:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)  # type: ignore[call-overload]

    with mock.patch.object(inbox_module.os, "scandir", scandir):
        night = nights.run()
    assert any(
        r.startswith(".: cannot be read (Permission denied)")
        for r in faults(night)["delivery:locked"].reasons
    )


def test_a_file_that_changes_while_it_is_summed_is_held(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    folder = nights.deliver("x", "a")
    known = KnownSums(None)
    real = inbox_module.KnownSums._read

    def read(self: KnownSums, path: Path, before: list[int]) -> object:
        if path.name == "calls.vcf":
            with path.open("a") as out:
                out.write("\n")
        return real(self, path, before)

    with mock.patch.object(KnownSums, "_read", read):
        (entry,) = list_inbox(nights.inbox)
        found = look(entry, "READY", known, NOW)
    assert found.delivery is None
    assert [r.text.split(";")[0] for r in found.reasons] == [
        "calls.vcf: changed while it was read"
    ]
    assert folder.is_dir()


# --- lists of sums ---

NAMES = ["a.vcf", "甲.vcf", "with blank.vcf", "back\\slash.vcf", "line\nend.vcf", "sub/b.vcf"]


@pytest.mark.skipif(shutil.which("md5sum") is None, reason="needs md5sum")
@pytest.mark.parametrize(
    "command",
    [
        ["md5sum"],
        ["md5sum", "--binary"],
        ["md5sum", "--tag"],
        ["sha256sum"],
        ["sha256sum", "--tag"],
    ],
    ids=" ".join,
)
def test_lists_are_read_as_the_tools_write_them(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in NAMES:
        (tmp_path / name).write_text(name)
    for given in (NAMES, [f"./{n}" for n in NAMES]):
        run = subprocess.run([*command, *given], cwd=tmp_path, capture_output=True, check=True)
        file = "md5sum.txt" if command[0] == "md5sum" else "SHA256SUMS"
        for ends in (b"\n", b"\r\n"):
            (tmp_path / file).write_bytes(b"\xef\xbb\xbf" + run.stdout.replace(b"\n", ends))
            sums = read_lists(tmp_path, [file])
            assert sums.problems == []
            known = KnownSums(None)
            kind = command[0].removesuffix("sum")
            assert sums.said == {
                n: {kind: getattr(known.sum(tmp_path / n), kind)} for n in NAMES
            }


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("d41d8cd98f00b204e9800998ecf8427e a.vcf", "is no line of md5sum"),
        ("d41d8cd98f00b204e9800998ecf8427  a.vcf", "31 digits for 'a.vcf', a md5 has 32"),
        ("D41D8CD98F00B204E9800998ECF8427E  /etc/passwd", "leads out"),
        ("d41d8cd98f00b204e9800998ecf8427e  a/../../b", "leads out"),
        ("d41d8cd98f00b204e9800998ecf8427e  b.vcf\n" + "0" * 32 + "  b.vcf", "stands twice"),
    ],
)
def test_what_is_wrong_in_a_list_is_said(line: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "md5sum.txt").write_text(f"{line}\n")
    (problem,) = read_lists(tmp_path, ["md5sum.txt"]).problems
    assert said in problem


def test_sums_are_remembered_while_a_file_stays_as_it_is(tmp_path: Path) -> None:
    file, cache = tmp_path / "a.vcf", tmp_path / "sums.json"
    file.write_bytes(b"x" * 1000)
    old = 1_600_000_000
    os.utime(file, (old, old))
    with mock.patch("varhouse.nightly.sums.RACY_NS", -(10**18)):
        first = KnownSums(cache)
        made = first.sum(file)
        first.save()
    again = KnownSums(cache)
    assert (again.sum(file), first.read_bytes, again.read_bytes) == (made, 1000, 0)
    # Another content under the same size and time: the time of the entry tells.
    file.write_bytes(b"y" * 1000)
    os.utime(file, (old, old))
    assert KnownSums(cache).sum(file) != made
    cache.write_text("{")
    assert KnownSums(cache).sum(file).sha256 != made.sha256


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2026-11-28", "2026-11-28T00:00:00"),
        ("2026-11-28 15:00", "2026-11-28T15:00:00"),
        ("2026-11-28T23:00:00+08:00", "2026-11-28T15:00:00"),
        ("20261128", "2026-11-28T00:00:00"),
        ("28.11.2026", None),
        ("2026-13-01", None),
        ("", None),
    ],
)
def test_dates(text: str, date: str | None) -> None:
    assert read_date(text) == date
