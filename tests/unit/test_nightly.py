"""Nights: what becomes of each kind of delivery, and what a second night does."""

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from gvcf_people import People
from kills import run_steps
from nights import BASES, Nights, delivered, faults, outcomes, vcf_text

from varhouse.cli import main
from varhouse.errors import ConfigError, StoreError, UsageError
from varhouse.files import read_json
from varhouse.ingest import driver
from varhouse.nightly import night as night_module
from varhouse.nightly import take as take_module
from varhouse.nightly.account import load_account
from varhouse.nightly.night import OtherNightError
from varhouse.nightly.nightlog import read_log
from varhouse.store import layout
from varhouse.store.lock import file_lock


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return Nights(tmp_path / "centre")


def wrong_assembly(nights: Nights, people: list[str]) -> str:
    """Make a VCF whose REFs are of another sequence."""
    return vcf_text(nights.root, people, bases={c: b[::-1] for c, b in BASES.items()})


def test_a_good_delivery_goes_in_and_a_second_night_does_nothing(nights: Nights) -> None:
    nights.deliver("first", "a", project="PRJCA000001")
    night = nights.run()
    assert (night.exit_code, night.base_release, night.release) == (0, None, 2)
    assert outcomes(night) == {"first": "in"}
    assert night.cohorts[0].n_people == 2
    assert nights.people() == {"a": ["a1", "a2"]}
    assert nights.names() == []
    assert night.notes == ["cohort 'a' is new"]
    digest = nights.digest()
    again = nights.run()
    assert (again.exit_code, again.release, again.deliveries) == (0, None, [])
    assert (nights.digest(), again.n_people) == (digest, 2)
    assert load_account(nights.folder) == again
    events = [line.event for line in read_log(nights.folder)]
    assert events == ["begin", "in", "night", "begin", "night"]


def test_a_good_one_goes_in_beside_a_bad_one_which_alarms_once(nights: Nights) -> None:
    nights.deliver("good", "a")
    bad = nights.deliver("bad", "b")
    (bad / "calls.vcf").write_text("cut")
    night = nights.run()
    assert (night.exit_code, outcomes(night)) == (3, {"good": "in", "bad": "held"})
    assert "calls.vcf: MD5 " in (nights.inbox / "bad.held.txt").read_text()
    assert faults(night)["delivery:bad"].public == ["sums of files differ"]
    # Known by now: no alarm, unless one is asked for.
    again = nights.run()
    fault = faults(again)["delivery:bad"]
    assert (again.exit_code, fault.new, fault.nights) == (0, False, 2)
    assert fault.since == night.started
    assert nights.run(strict=True).exit_code == 3
    # Corrected in place, it goes in, and the notice goes.
    shutil.rmtree(bad)
    nights.deliver("bad", "b")
    mended = nights.run()
    assert (mended.exit_code, outcomes(mended), mended.faults) == (0, {"bad": "in"}, [])
    assert nights.names() == []
    events = [(line.event, line.delivery) for line in read_log(nights.folder)]
    assert events.count(("fault", "bad")) == 1
    assert ("closed", "bad") in events


def test_what_the_ingest_holds_back_is_closed_by_a_corrected_one(nights: Nights) -> None:
    nights.deliver("old", "a", "2026-10-01")
    n_alleles = nights.run().n_alleles
    before = nights.calls("a")
    people = ["a1", "a2"]
    nights.deliver("new", "a", "2026-10-02", {"calls.vcf": wrong_assembly(nights, people)})
    night = nights.run()
    assert (night.exit_code, outcomes(night)) == (3, {"new": "held"})
    # A release tells of it; what it holds is as before.
    assert (night.release, night.recorded_in, night.n_alleles) == (None, 3, n_alleles)
    assert faults(night)["delivery:new"].kind == "ingest"
    # The store keeps the cohort as it was; the text tells the deliverer.
    assert nights.calls("a") == before
    assert nights.names() == ["new.held.txt"]
    again = nights.run()
    assert (again.exit_code, outcomes(again), again.release) == (0, {"new": "held"}, None)
    nights.deliver("new", "a", "2026-10-02", seed=1)
    mended = nights.run()
    assert mended.exit_code == 0
    assert sorted((d.outcome, d.name) for d in mended.deliveries) == [
        ("in", "new"), ("replaced", "new"), ("replaced", "old"),
    ]  # fmt: skip
    assert nights.calls("a") != before
    assert nights.names() == []


def test_what_is_held_goes_in_when_the_configuration_is_corrected(nights: Nights) -> None:
    nights.deliver("x", "a", files={"calls.vcf": vcf_text(nights.root, ["a1"])}, samples=None)
    night = nights.run()
    fault = faults(night)["delivery:x"]
    assert "1 sample(s) have no row in the sample sheet (a1)" in fault.reasons[0]
    assert fault.public == ["1 sample(s) have no row in the sample sheet"]
    text = nights.config.read_text()
    nights.config.write_text(text + "policy: {unlisted_samples: unknown}\n")
    night = nights.run()
    assert (night.exit_code, outcomes(night), night.faults) == (0, {"x": "in"}, [])


@pytest.mark.parametrize("how", ["same name", "files renamed", "later date"])
def test_delivered_again_unchanged_is_a_duplicate(how: str, nights: Nights) -> None:
    text = vcf_text(nights.root, ["a1", "a2"])
    nights.deliver("first", "a", files={"calls.vcf": text})
    nights.run()
    digest = nights.digest()
    name = "first" if how == "same name" else "second"
    file = "other.vcf" if how == "files renamed" else "calls.vcf"
    date = "2026-10-05" if how == "later date" else "2026-10-01"
    nights.deliver(name, "a", date, {file: text})
    night = nights.run()
    assert (night.exit_code, night.release, night.faults) == (0, None, [])
    (found,) = night.deliveries
    assert (found.name, found.outcome, found.of) == (name, "duplicate", "first")
    assert (nights.names(), nights.digest()) == ([], digest)
    # What is in is known to be as of the later date.
    nights.deliver("third", "a", "2026-10-03", seed=3)
    assert outcomes(nights.run())["third"] == ("held" if how == "later date" else "in")


def test_two_of_the_same_bytes_in_one_night(nights: Nights) -> None:
    nights.deliver("one", "a")
    nights.deliver("two", "a")
    night = nights.run()
    assert outcomes(night) == {"one": "in", "two": "duplicate"}
    assert delivered(night, "two").of == "one"


def test_an_older_delivery_does_not_take_the_place_of_a_newer_one(nights: Nights) -> None:
    nights.deliver("new", "a", "2026-10-05")
    nights.run()
    digest = nights.digest()
    late = nights.deliver("late", "a", "2026-10-04", seed=1)
    night = nights.run()
    fault = faults(night)["delivery:late"]
    assert (night.exit_code, fault.kind, nights.digest()) == (3, "late", digest)
    assert "'new' of 2026-10-05T00:00:00 is in already" in fault.reasons[0]
    # No new alarm when it is late behind another one.
    nights.deliver("newer", "a", "2026-10-05T12:00", seed=2)
    for _ in range(2):
        night = nights.run()
        assert (night.exit_code, faults(night)["delivery:late"].new) == (0, False)
    digest = nights.digest()
    manifest = late / "delivery.yaml"
    manifest.write_text(manifest.read_text().replace("2026-10-04", "2026-10-06"))
    night = nights.run()
    assert outcomes(night) == {"late": "in", "newer": "replaced"}
    assert nights.digest() != digest


def test_of_two_that_replace_the_later_date_counts(nights: Nights) -> None:
    nights.deliver("2", "a", "2026-10-01", seed=1)
    nights.deliver("1", "a", "2026-10-02", seed=2)
    night = nights.run()
    assert outcomes(night) == {"1": "in", "2": "replaced"}
    assert delivered(night, "2").of == "1"
    alone = Nights(nights.root / "alone")
    alone.deliver("1", "a", "2026-10-02", seed=2)
    alone.run()
    assert nights.digest() == alone.digest()


def test_two_of_one_date_are_held_as_nobody_knows_which_counts(nights: Nights) -> None:
    nights.deliver("1", "a", seed=1)
    nights.deliver("2", "a", seed=2)
    nights.deliver("3", "b")
    night = nights.run()
    assert outcomes(night) == {"1": "held", "2": "held", "3": "in"}
    shutil.rmtree(nights.inbox / "1")
    night = nights.run()
    assert (outcomes(night), night.faults) == ({"2": "in"}, [])


def test_a_cohort_of_the_configuration_is_nobodys_to_deliver(tmp_path: Path) -> None:
    nights = Nights(tmp_path, cohorts="cohorts.tsv", samples="samples.tsv")
    (tmp_path / "a.vcf").write_text(vcf_text(tmp_path, ["a1"]))
    (tmp_path / "cohorts.tsv").write_text("cohort\tfiles\na\ta.vcf\n")
    (tmp_path / "samples.tsv").write_text("cohort\tsample\tsex\na\ta1\tmale\n")
    nights.deliver("x", "a")
    nights.deliver("y", "b", people=["a1"])
    night = nights.run()
    assert outcomes(night) == {"x": "held", "y": "in"}
    assert nights.people() == {"a": ["a1"], "b": ["a1"]}
    assert "1 sample ids stand in both a and b: totals count them twice" in night.public_notes
    # A standing cohort that is held back is a fault of its own, once.
    (tmp_path / "a.vcf").write_text("##fileformat=VCFv4.2\nbroken\n")
    night = nights.run()
    assert [f.subject for f in night.new_faults()] == ["cohort:a"]
    assert nights.run().exit_code == 0


def test_a_cohort_grows_by_deliveries_as_by_one_build(tmp_path: Path) -> None:
    def centre(name: str) -> tuple[Nights, People]:
        nights = Nights(tmp_path / name)
        (tmp_path / name / "sources").mkdir()
        people = People(tmp_path / name / "sources")
        shutil.copy(people.folder / "ref.fa", nights.root / "ref.fa")
        return nights, people

    def give(nights: Nights, people: People, name: str, who: list[int], date: str,
             mode: str = "add", seed: int = 0) -> None:  # fmt: skip
        files = {}
        for k in who:
            path = people.folder / people.write(k, seed=seed)
            files[path.name] = path.read_text()
        rows = [f"P{k}" for k in who]
        nights.deliver(name, "c", date, files, people=rows, mode=mode)

    grown, people = centre("grown")
    give(grown, people, "first", [0, 1, 2], "2026-10-01", "replace")
    grown.run()
    give(grown, people, "add 3", [3], "2026-10-02")
    give(grown, people, "add 4, corrected 1", [4, 1], "2026-10-03", seed=1)
    night = grown.run()
    assert set(outcomes(night).values()) == {"in"}
    assert night.cohorts[0].n_people == 3
    # A bad one leaves the cohort as it was, and does not keep others out.
    bad = "##fileformat=VCFv4.2\n#CHROM\tPOS\n"
    grown.deliver("bad", "c", "2026-10-04", {"p5.g.vcf": bad}, people=["P5"], mode="add")
    give(grown, people, "add 6", [6], "2026-10-04")
    night = grown.run()
    assert outcomes(night) == {"bad": "held", "add 6": "accepted"}
    night = grown.run()
    assert outcomes(night) == {"bad": "held", "add 6": "in"}
    assert grown.people() == {"c": ["P0", "P1", "P2", "P3", "P4", "P6"]}
    give(grown, people, "not bad", [5], "2026-10-04")
    night = grown.run()
    assert sorted(outcomes(night).items()) == [("bad", "replaced"), ("not bad", "in")]
    # Late: an older state of a person does not replace the newer one.
    give(grown, people, "old 1", [1], "2026-10-01", seed=2)
    assert faults(grown.run())["delivery:old 1"].kind == "late"

    clean, people = centre("clean")
    give(clean, people, "most", [0, 2, 3, 5, 6], "2026-10-01", "replace")
    give(clean, people, "rest", [4, 1], "2026-10-03", seed=1)
    clean.run()
    assert clean.digest() == grown.digest()


def test_files_of_others_are_copied_and_nobody_writes_to_them(nights: Nights) -> None:
    folder = nights.deliver("x", "a")
    kept = nights.root / "second name.vcf"
    kept.hardlink_to(folder / "calls.vcf")
    night = nights.run()
    assert (outcomes(night), nights.names()) == ({"x": "in"}, [])
    kept.write_text("what the deliverer writes later")
    (data,) = (nights.folder / "data" / "a").iterdir()
    assert sorted(p.name for p in data.iterdir()) == ["calls.vcf", "samples.tsv"]
    again = nights.run()
    assert (again.exit_code, again.release) == (0, None)


@pytest.mark.parametrize("what", ["changed", "gone"])
def test_an_accepted_file_that_changes_leaves_the_cohort_as_it_is(
    what: str, nights: Nights
) -> None:
    nights.deliver("x", "a")
    nights.deliver("y", "b")
    nights.run()
    digest = nights.digest()
    (file,) = (nights.folder / "data" / "a").glob("*/calls.vcf")
    kept = file.read_bytes()
    file.unlink()
    if what == "changed":
        file.write_bytes(kept.replace(b"0/1", b"1/1"))
    night = nights.run()
    fault = faults(night)["cohort:a"]
    assert (night.exit_code, fault.kind, nights.digest()) == (3, "changed", digest)
    # Put back from a backup, with other times and another inode, it is the same file.
    file.unlink(missing_ok=True)
    file.write_bytes(kept)
    night = nights.run()
    assert (night.exit_code, night.faults, nights.digest()) == (0, [], digest)


def test_a_delivery_that_changes_on_the_way_is_held(nights: Nights) -> None:
    nights.deliver("x", "a")
    real = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if self.name == "x":
            with (self / "calls.vcf").open("a") as out:
                out.write("\n")
        return real(self, target)

    with mock.patch.object(Path, "rename", rename):
        night = nights.run()
    assert "calls.vcf: changed while it was moved" in faults(night)["delivery:x"].reasons[0]
    assert not nights.store.exists()
    nights.deliver("x", "a")
    night = nights.run()
    assert ("in" in outcomes(night).values(), night.faults) == (True, [])


# --- the whole night ---


def test_another_nightly_is_told_apart(nights: Nights) -> None:
    nights.deliver("x", "a")
    nights.folder.mkdir()
    with file_lock(nights.folder / "lock.json", "x"), pytest.raises(OtherNightError) as error:
        nights.run()
    assert error.value.exit_code == 75
    assert (nights.names(), list(nights.folder.iterdir())) == (["x"], [])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("nightly: {inbox: inbox}\n", "nightly: 'folder' is a required property"),
        ("nightly: {inbox: inbox, folder: n, keep: 1}\n", "unknown key 'nightly.keep'"),
        ("nightly: {inbox: nowhere, folder: n}\n", "nightly.inbox: no such folder"),
        ("nightly: {inbox: inbox, folder: inbox/n}\n", "lies in"),
        ("nightly: {inbox: inbox, folder: 'a,b'}\n", "holds a comma"),
        ("nightly: {inbox: inbox, folder: store/n}\n", "lies in"),
        ("", "nightly: say where deliveries lie"),
        *(
            (f"nightly: {{inbox: inbox, folder: n, {key}: {value}}}\n", f"nightly.{key}")
            for key, values in {
                "keep_days": (1000000, "1.0e+300", ".inf", ".nan", -1),
                "unfinished_days": (1000000, ".inf", ".nan", -1),
                "verify": (0, -1, 2.5, "many", "true"),
                "ready": (
                    "'.'",
                    "..",
                    "'a/b'",
                    "delivery.yaml",
                    "MD5SUMS",
                    "sha256sum.txt",
                    '"a\\eb"',
                    '"\\ud800"',
                    "'a b'",
                    "x" * 101,
                    ".DS_Store",
                ),
            }.items()
            for value in values
        ),
        (
            "nightly: {inbox: inbox, folder: n, chains: {GRCh37: {chain: x.chain}}}\n",
            "nightly.chains.GRCh37.chain: no such file",
        ),
    ],
)
def test_mistakes_of_the_configuration(change: str, said: str, nights: Nights) -> None:
    text = "assembly: {name: toy, reference: ref.fa}\nstore: store\n"
    nights.config.write_text(text + change)
    with pytest.raises(ConfigError, match=said.replace("(", r"\(")):
        nights.run()
    assert not nights.folder.exists()


def test_a_night_that_fails_says_so_and_forgets_nothing(nights: Nights) -> None:
    nights.deliver("x", "a")
    (nights.deliver("bad", "b") / "calls.vcf").write_text("cut")
    nights.run()
    text = nights.config.read_text()
    nights.config.write_text(text.replace("ref.fa", "nothing.fa"))
    nights.deliver("y", "c")
    with pytest.raises(ConfigError):
        nights.run()
    night = load_account(nights.folder)
    assert night is not None
    assert night.exit_code == 2
    assert "no such file" in (night.error or "")
    assert [(f.subject, f.new) for f in night.faults] == [
        ("night", True), ("delivery:bad", False),
    ]  # fmt: skip
    nights.config.write_text(text)
    night = nights.run()
    assert (night.exit_code, outcomes(night)) == (0, {"bad": "held", "y": "in"})


def _no_room(free: int) -> Callable[[Any], Any]:
    def usage(_path: Any) -> Any:
        return shutil._ntuple_diskusage(10**12, 10**12 - free, free)  # type: ignore[attr-defined]

    return usage


def test_without_room_nothing_is_begun(nights: Nights) -> None:
    nights.deliver("x", "a")
    with (
        mock.patch.object(layout.shutil, "disk_usage", _no_room(1000)),
        pytest.raises(StoreError, match="GiB needed"),
    ):
        nights.run()
    assert nights.names() == ["x"]
    assert not nights.store.exists()
    night = load_account(nights.folder)
    assert night is not None
    assert (night.exit_code, night.faults[0].kind) == (1, "failed")
    assert outcomes(nights.run()) == {"x": "in"}


@pytest.mark.parametrize("where", ["copy", "record", "ingest"])
def test_a_full_disk_leaves_things_as_they_were(where: str, nights: Nights) -> None:
    nights.deliver("old", "b")
    nights.run()
    digest = nights.digest()
    nights.deliver("x", "a")
    full = OSError(errno.ENOSPC, "No space left on device")
    place = {
        "copy": (take_module, "_copy_file"),
        "record": (take_module.Ledger, "save"),
        "ingest": (night_module, "ingest"),
    }[where]
    with (
        mock.patch.object(take_module, "must_copy", return_value=True),
        mock.patch.object(*place, side_effect=full),
        pytest.raises(OSError, match="No space"),
    ):
        nights.run()
    assert nights.digest() == digest
    if where != "ingest":
        assert nights.names() == ["x"]
        assert not list((nights.folder / "data").glob("a/*"))
    assert outcomes(nights.run()) == {"x": "in"}


def test_held_deliveries_can_be_closed_and_old_data_go(tmp_path: Path) -> None:
    nights = Nights(tmp_path, {"keep_days": 2})
    bad = wrong_assembly(nights, ["a1", "a2"])
    nights.deliver("bad", "a", files={"calls.vcf": bad})
    nights.run()
    with pytest.raises(UsageError, match="open are: bad"):
        nights.run(close=["bat"])
    night = nights.run(close=["bad"])
    assert (outcomes(night), night.faults, nights.names()) == ({"bad": "closed"}, [], [])
    (data,) = (nights.folder / "data" / "a").iterdir()
    nights.run()
    assert data.is_dir()
    nights.run()
    assert not data.exists()
    assert list((nights.folder / "data" / "a").iterdir()) == []
    # Its record stays; the same again is looked at anew.
    nights.deliver("bad", "a", files={"calls.vcf": bad})
    assert outcomes(nights.run()) == {"bad": "held"}


def test_a_rehearsal_says_what_would_be_and_writes_nothing(nights: Nights) -> None:
    nights.deliver("x", "a")
    (nights.deliver("bad", "b") / "calls.vcf").write_text("cut")

    def files() -> list[tuple[str, bytes]]:
        every = (p for p in nights.root.rglob("*") if p.is_file() and "_cache" not in p.parts)
        return sorted((str(p), p.read_bytes()) for p in every)

    before = files()
    night = nights.run(dry_run=True)
    assert (outcomes(night), night.exit_code) == ({"x": "accepted", "bad": "held"}, 3)
    assert files() == before
    nights.run()
    nights.deliver("y", "a", "2026-10-03", seed=1)
    before = files()
    night = nights.run(dry_run=True)
    assert (outcomes(night), night.exit_code) == ({"y": "accepted", "bad": "held"}, 0)
    assert files() == before


def test_the_command(nights: Nights, capsys: pytest.CaptureFixture[str]) -> None:
    nights.deliver("x", "a")
    (nights.deliver("b\x1b[31m", "b") / "calls.vcf").write_text("cut")
    with mock.patch.object(driver, "run_snakemake", run_steps):
        assert main(["nightly", "--config", str(nights.config)]) == 3
        said = capsys.readouterr().out
        assert "in         x" in said
        assert "held back  b␣[31m" in said
        assert "\x1b" not in said
        assert main(["-q", "nightly", "--config", str(nights.config), "--json"]) == 0
    account = json.loads(capsys.readouterr().out)
    assert account == read_json(nights.folder / "account.json")
