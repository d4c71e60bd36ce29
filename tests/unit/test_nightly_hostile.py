"""Texts in a manifest or a sheet that would become rows, paths or errors of something else."""

import os
import shutil
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import polars as pl
import pytest
import yaml
from nights import Nights, faults, outcomes

from varhouse.errors import ConfigError, StoreError
from varhouse.ingest.setup.sheets import METADATA
from varhouse.nightly import inbox as inbox_module
from varhouse.nightly.account import load_account
from varhouse.nightly.delivery import Found, read_people
from varhouse.nightly.gates import Gates
from varhouse.nightly.inbox import DEEPEST, list_inbox, look
from varhouse.nightly.sheets import write_sheet
from varhouse.nightly.sums import KnownSums

NOW = datetime(2026, 11, 1, 2, tzinfo=UTC)

HELD = {
    "tab": "x\ty",
    "line end": "x\nhospital-a\t/any/path/private.vcf\ty",
    "carriage return": "x\ry",
    "line separator": "x\u2028y",
    "next line": "x\u0085y",
    "surrogate": "x\ud800",
    "zero": "x\0y",
    "escape": "x\x1b[2Jy",
    "turned round": "x\u202ey",
    "without end": "x" * 20_000,
}
"""Values that no key may have."""

HARMLESS = {
    "formula": "=1+1",
    "dash": "-x",
    "at": "@list",
    "quotes": '"x',
    "quoted": '"x"',
    "ideographic blank": "中国　北京",
    "many": "x" * 300,
    "number sign": "##x",
}
"""Values that a column of metadata may have: they arrive as they are."""

TEXT_KEYS = [k for k in METADATA if k not in ("project", "permit_valid_until")]


def _look(nights: Nights) -> Found:
    (entry,) = list_inbox(nights.inbox)
    return look(entry, "READY", KnownSums(None), NOW)


def _said(nights: Nights, said: dict[Any, Any]) -> Found:
    """Look at a delivery whose manifest says something else."""
    folder = nights.inbox / "x"
    if not folder.exists():
        nights.deliver("x", "a", files={"a.vcf": "1"}, samples=None)
    manifest = {"cohort": "a", "date": "2026-10-01", **said}
    (folder / "delivery.yaml").write_text(yaml.safe_dump(manifest))
    return _look(nights)


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    return Nights(tmp_path_factory.mktemp("hostile"))


@pytest.mark.parametrize(
    "key", ["cohort", "date", "mode", "samples", "assembly", "note", *METADATA]
)
def test_no_key_of_a_manifest_takes_a_hostile_text(inbox: Nights, key: str) -> None:
    for name, text in HELD.items():
        if key == "note" and name in ("tab", "line end"):
            # A note of several lines is what people write; nothing reads it.
            assert _said(inbox, {key: text}).delivery is not None
            continue
        found = _said(inbox, {key: text})
        assert found.delivery is None, (key, name)
        reasons = " ".join(r.text for r in found.reasons)
        assert key in reasons, (key, name, reasons)
        # Whatever is said of it can be written, and is one line.
        said = " ".join([reasons, *map(str, found.said.values())])
        assert said.encode()
        assert said.isprintable(), (key, name)
        assert len(reasons) < 3000


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({1: 2, "b.vcf": 3}, "sizes: 1 is no name of a file"),
        ({"x\ny": 2}, "sizes"),
        ({"\ud800": 2}, "sizes"),
        ({None: 2}, "sizes: None is no name of a file"),
        ({"a.vcf": True}, "True is not of type 'integer'"),
        ({"a.vcf": float("inf")}, "inf is not of type 'integer'"),
    ],
)
def test_sizes_of_what_is_no_name(inbox: Nights, sizes: object, said: str) -> None:
    found = _said(inbox, {"sizes": sizes})
    assert found.delivery is None
    assert any(said in r.text for r in found.reasons), found.reasons


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"cohort": "c" * 101}, "is too long"),
        ({"cohort": "中" * 40}, "is not of letters"),
        ({"date": "0001-01-01T00:00:00+01:00"}, "is no date"),
        ({"date": "9999-12-31T23:59:59-01:00"}, "is no date"),
        ({"province": 10**4000}, "province"),
        ({1: 2}, "key 1"),
        ({"x\ny": 2}, "key"),
    ],
    ids=lambda v: str(v)[:40],
)
def test_values_out_of_any_range(inbox: Nights, given: dict[Any, Any], said: str) -> None:
    found = _said(inbox, given)
    assert found.delivery is None
    assert any(said in r.text for r in found.reasons), found.reasons


def test_what_only_looks_odd_is_taken_as_it_is(inbox: Nights) -> None:
    for key in TEXT_KEYS:
        for name, text in HARMLESS.items():
            delivery = _said(inbox, {key: text}).delivery
            assert delivery is not None, (key, name)
            assert delivery.metadata[key] == text


@pytest.mark.parametrize("place", ["header", "cell", "sample"])
def test_no_sheet_of_a_delivery_takes_a_hostile_text(tmp_path: Path, place: str) -> None:
    """Headers and cells: in quotes a CSV holds any of them."""
    sheet = tmp_path / "people.csv"
    for name, text in HELD.items():
        if name in ("surrogate", "without end", "turned round"):
            continue
        said = {"header": "organ", "cell": "liver", "sample": "a1", place: text}
        for encoding in ("utf-8", "utf-16"):
            rows = f'"sample","{said["header"]}"\n"{said["sample"]}","{said["cell"]}"\n'
            sheet.write_bytes(rows.encode(encoding))
            _, problems = read_people(sheet, "a")
            assert problems, (place, name, encoding)
            assert all(p.isprintable() for p in problems), problems


@pytest.mark.parametrize("end", ["\t", "\n", "\r"])
def test_the_sheets_of_a_night_are_never_written_with_another_cell(
    tmp_path: Path, end: str
) -> None:
    for frame in (pl.DataFrame({"a": [f"x{end}y"]}), pl.DataFrame({f"x{end}y": ["a"]})):
        with pytest.raises(ConfigError, match="a tab or a line end"):
            write_sheet(tmp_path / "sheet.tsv", frame)
    assert not (tmp_path / "sheet.tsv").exists()


def test_a_night_holds_them_and_takes_the_others(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    (tmp_path / "private.vcf").write_text("secret\n")
    row = f"x\ngood\t{tmp_path}/private.vcf\ty"
    nights.deliver("row", "a", platform=row)
    nights.deliver("row of a sheet", "h", files={
        "a.vcf": "1", "people.csv": f'sample,"organ\n{row}"\na1,x\n'
    }, samples="people.csv")  # fmt: skip
    nights.deliver("early", "b", date="0001-01-01T00:00:00+01:00")
    nights.deliver("sizes", "c", sizes={1: 2, "b.vcf": 3})
    nights.deliver("long", "d" * 300)
    nights.deliver("surrogate", "e", platform="\ud800")
    nights.deliver("date", "f", date="2026\ud800")
    deep = nights.deliver("deep", "g")
    for n in range(DEEPEST + 1):
        deep /= str(n)
        deep.mkdir()
    nights.deliver("good", "good", people=["g1"], platform="=1+1")
    night = nights.run()
    assert {n for n, o in outcomes(night).items() if o != "held"} == {"good"}
    assert nights.people() == {"good": ["g1"]}
    (reason,) = faults(night)["delivery:deep"].reasons
    assert reason.startswith("0/1/2/3/4/5/6/7/8: more than 8 folders deep; fix: ")
    sheet = (nights.folder / "sheets" / "cohorts.tsv").read_text()
    assert [x.split("\t")[0] for x in sheet.splitlines()] == ["cohort", "good"]
    assert "private" not in sheet


def test_what_nobody_thought_of_holds_one_delivery(tmp_path: Path) -> None:
    """Neither looking at a delivery nor deciding about one ends the night."""
    nights = Nights(tmp_path)
    nights.deliver("looked at", "a")
    nights.deliver("decided", "b")
    nights.deliver("good", "c")
    real_look, real_sort = inbox_module._look_inside, Gates._sort_cohort

    def look_inside(found: Found, *more: object) -> None:
        if found.name == "looked at":
            raise ZeroDivisionError("a file of a1")
        real_look(found, *more)  # type: ignore[arg-type]

    def sort(self: Gates, cohort: str, pairs: object) -> None:
        if cohort == "b":
            raise LookupError("a file of b1")
        real_sort(self, cohort, pairs)  # type: ignore[arg-type]

    with (
        mock.patch.object(inbox_module, "_look_inside", look_inside),
        mock.patch.object(Gates, "_sort_cohort", sort),
    ):
        night = nights.run()
    found = faults(night)
    assert nights.people() == {"c": ["c1", "c2"]}
    for name, kind in (("looked at", "ZeroDivisionError"), ("decided", "LookupError")):
        fault = found[f"delivery:{name}"]
        assert kind in fault.reasons[0]
        assert (fault.kind, "a file of" in " ".join(fault.public)) == ("delivery", False)
    # A full disk is no fault of a delivery.
    with (
        mock.patch.object(Gates, "_sort_cohort", side_effect=OSError(28, "No space left")),
        pytest.raises(OSError, match="No space"),
    ):
        nights.run()


def test_what_is_listed_of_a_folder_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Links, odd names and empty folders count as files do."""
    monkeypatch.setattr(inbox_module, "MOST_FILES", 20)
    nights = Nights(tmp_path)
    for make in (
        lambda p: p.symlink_to("/"),
        lambda p: p.with_name(p.name + " ").touch(),
        os.mkfifo,
        lambda p: p.mkdir(),
        lambda p: p.with_name(f"._{p.name}").touch(),
    ):
        folder = nights.deliver("x", "a", files={"a.vcf": "1"}, samples=None)
        for n in range(40):
            make(folder / str(n))
        reasons = [r.text for r in _look(nights).reasons]
        assert "more than 20 files and folders" in reasons, reasons
        assert len(reasons) < 15
        shutil.rmtree(folder)


@pytest.mark.parametrize("name", ["x.held.txt", "bad.held.txt"])
def test_what_stands_in_place_of_a_notice_is_neither_read_nor_waited_for(
    name: str, tmp_path: Path
) -> None:
    nights = Nights(tmp_path)
    (nights.deliver("bad", "a") / "calls.vcf").write_text("cut")
    file = nights.inbox / name
    os.mkfifo(file)
    done = threading.Event()
    night = threading.Thread(target=lambda: (nights.run(), done.set()), daemon=True)
    night.start()
    night.join(30)
    if not done.is_set():
        # Let the thread that waits go.
        os.close(os.open(file, os.O_WRONLY | os.O_NONBLOCK))
    assert done.is_set()
    assert file.is_fifo()
    # One that looks like ours, and is no text.
    file.unlink()
    file.write_bytes(b"varhouse holds this delivery back: \xff\xfe")
    nights.run()
    assert file.exists() == (name == "bad.held.txt")
    file.unlink(missing_ok=True)
    file.symlink_to(tmp_path / "ref.fa")
    nights.run()
    assert file.is_symlink()


@pytest.mark.parametrize(
    "content", ["{", "[]", "{}", '{"files": null}', b"\xff", None], ids=str
)
def test_a_damaged_record_fails_the_night_and_the_account_says_so(
    content: str | bytes | None, tmp_path: Path
) -> None:
    nights = Nights(tmp_path)
    nights.deliver("x", "a")
    nights.deliver("y", "b")
    nights.run()
    digest = nights.digest()
    (file,) = (nights.folder / "deliveries" / "a").iterdir()
    whole = file.read_bytes()
    file.unlink()
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    nights.deliver("z", "c")
    for options in ({}, {"close": ["x"]}):
        with pytest.raises(StoreError, match=file.name):
            nights.run(**options)
        night = load_account(nights.folder)
        assert night is not None
        assert (night.exit_code, faults(night)["night"].kind) == (1, "failed")
        assert file.name in (night.error or "")
    with pytest.raises(StoreError, match=file.name):
        nights.run(dry_run=True)
    assert (nights.names(), nights.digest()) == (["z"], digest)
    if content is None:
        file.rmdir()
    file.write_bytes(whole)
    assert outcomes(nights.run())["z"] == "in"
