"""`varhouse call` in one process: what is done again after a change, and what is not."""

import gzip
import importlib.util
import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from callsteps import Steps, call_here, make_reads
from kills import run_steps

from varhouse.calling import driver, sizing
from varhouse.calling.costs import CallCosts
from varhouse.calling.onego import call_and_ingest
from varhouse.calling.places import WORK
from varhouse.calling.run import load_call_run
from varhouse.calling.steps import CallJob, link_or_copy
from varhouse.cli import main
from varhouse.errors import ConfigError, InUseError, UsageError, VarhouseError
from varhouse.ingest import driver as ingest_driver
from varhouse.ingest.driver import Options
from varhouse.ingest.setup.config import read_config
from varhouse.store.lock import file_lock
from varhouse.store.reader import open_store

pytest.importorskip("pybwa", reason="needs the extra reads")


@pytest.fixture(scope="module")
def fx_called(tmp_path_factory):
    """Two people who were called once; gives the folder. Tests work in copies of it."""
    folder = tmp_path_factory.mktemp("reads")
    code, account = call_here(make_reads(folder), keep_work=False)
    assert code == 0
    assert [p["state"] for p in account["people"]] == ["called", "called"]
    return folder


@pytest.fixture
def fx_copy(fx_called, tmp_path):
    """A copy at another place, of which only the sheets had to be written again."""
    folder = tmp_path / "copy"
    shutil.copytree(fx_called, folder, symlinks=True)
    ran, states, _ = _again(folder)
    assert ran == ["reads_batch"]
    assert set(states.values()) == {"unchanged"}
    return folder


def _again(folder: Path, **options):
    runner = Steps()
    _, account = call_here(folder / "config.yaml", runner, **options)
    return runner.rules(), {p["sample"]: p["state"] for p in account["people"]}, account


def _edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def _calls(folder: Path, name: str, place: str = "calls") -> list[str]:
    path = folder / place / "gvcf" / "north" / f"{name}.g.vcf.gz"
    return [x for x in gzip.open(path, "rt") if not x.startswith("##")]


def test_results_are_whole_and_ready_for_an_ingest(fx_called) -> None:
    calls = fx_called / "calls"
    for name in ("ann", "bob"):
        assert len(_calls(fx_called, name)) > 50
        told = json.loads((calls / "qc" / "north" / f"{name}.json").read_text())
        assert told["figures"]["mean_coverage"] > 5
        assert (calls / "bam" / "north" / f"{name}.bam.bai").exists()
    sheet = pl.read_csv(calls / "samples.tsv", separator="\t")
    assert sheet.rows() == [("north", "ann", "female", "P"), ("north", "bob", "male", "P")]
    assert (calls / "report.html").exists()
    assert (calls / "qc.tsv").exists()
    # Nothing that was needed only on the way is left.
    for kind in ("lanes", "regions", "finished"):
        left = [f for f in (calls / WORK / kind).rglob("*") if f.suffix != ".json"]
        assert left == []
    assert (calls.stat().st_mode & 0o777) == 0o700


def test_copies_follow_the_sex_of_the_sheet(fx_called) -> None:
    def genotypes(name: str, contig: str) -> set[int]:
        rows = (x.split("\t") for x in _calls(fx_called, name)[1:])
        return {
            len(r[9].split(":")[0].replace("|", "/").split("/"))
            for r in rows
            if r[0] == contig
        }

    assert genotypes("bob", "chrX") == {1}
    assert genotypes("bob", "chrY") == {1}
    assert genotypes("ann", "chrX") == {2}
    assert genotypes("ann", "chrY") == set()
    assert genotypes("ann", "chrM") == {1}
    assert genotypes("bob", "chr1") == {2}


def test_a_second_run_does_nothing(fx_copy) -> None:
    ran, states, account = _again(fx_copy)
    assert ran == []
    assert set(states.values()) == {"unchanged"}
    assert account["up_to_date"]


def test_a_corrected_sex_calls_that_person_alone_from_kept_alignments(fx_copy) -> None:
    _edit(fx_copy / "reads.tsv", "ann\tfemale", "ann\tunknown")
    before = (fx_copy / "calls" / "bam" / "north" / "ann.bam").stat().st_ino
    ran, states, account = _again(fx_copy)
    assert ran == ["reads_person", "reads_batch"]
    assert states == {"ann": "called", "bob": "unchanged"}
    # Her alignments were not made again.
    assert (fx_copy / "calls" / "bam" / "north" / "ann.bam").stat().st_ino == before
    assert {s["stage"] for s in account["stages"]} >= {"call", "gvcf"}
    assert not {s["stage"] for s in account["stages"]} & {"align", "finish"}


def test_other_settings_do_again_what_depends_on_them(fx_copy) -> None:
    config = json.loads((fx_copy / "config.yaml").read_text())
    config["calling"] = {"filters": {"depth": 6}}
    (fx_copy / "config.yaml").write_text(json.dumps(config))
    _, states, account = _again(fx_copy)
    assert set(states.values()) == {"called"}
    assert not {s["stage"] for s in account["stages"]} & {"align", "finish"}
    config["calling"]["trim"] = "none"
    (fx_copy / "config.yaml").write_text(json.dumps(config))
    _, states, account = _again(fx_copy)
    assert {"align", "finish", "call"} <= {s["stage"] for s in account["stages"]}


def test_a_lane_less_aligns_nothing_of_others(fx_copy) -> None:
    rows = (fx_copy / "reads.tsv").read_text().splitlines()
    (fx_copy / "reads.tsv").write_text("\n".join(rows[:-1]) + "\n")
    _, states, _account = _again(fx_copy)
    assert states == {"ann": "unchanged", "bob": "called"}


def test_moved_files_are_the_same_files(fx_copy) -> None:
    (fx_copy / "ann0").rename(fx_copy / "elsewhere")
    _edit(fx_copy / "reads.tsv", "ann0/", "elsewhere/")
    ran, states, _ = _again(fx_copy)
    assert set(states.values()) == {"unchanged"}
    # Only the sheet says something else.
    assert ran == ["reads_batch"]


def _set(folder: Path, **keys) -> None:
    config = json.loads((folder / "config.yaml").read_text())
    (folder / "config.yaml").write_text(json.dumps({**config, **keys}))


def _qc(folder: Path, name: str, place: str = "calls"):
    return json.loads((folder / place / "qc" / "north" / f"{name}.json").read_text())


def test_sheets_follow_when_people_come_back(fx_copy) -> None:
    both = (fx_copy / "reads.tsv").read_text()
    sheets = ["samples.tsv", "qc.tsv", "lists/north.txt", "restart/gvcfs.tsv"]
    told = {name: (fx_copy / "calls" / name).read_text() for name in sheets}
    (fx_copy / "reads.tsv").write_text("\n".join(both.splitlines()[:2]) + "\n")
    assert _again(fx_copy)[0] == ["reads_batch"]
    assert "bob" not in (fx_copy / "calls" / "lists" / "north.txt").read_text()
    (fx_copy / "reads.tsv").write_text(both)
    assert _again(fx_copy)[0] == ["reads_batch"]
    assert told == {name: (fx_copy / "calls" / name).read_text() for name in sheets}
    assert _again(fx_copy)[2]["up_to_date"]


@pytest.mark.parametrize("name", ["cohorts.tsv", "lists/north.txt", "report.html", "qc.tsv"])
def test_sheets_that_were_removed_are_written_again(fx_copy, name: str) -> None:
    before = (fx_copy / "calls" / name).read_bytes()
    (fx_copy / "calls" / name).unlink()
    assert _again(fx_copy)[0] == ["reads_batch"]
    assert name == "report.html" or (fx_copy / "calls" / name).read_bytes() == before


def test_settings_that_come_back_are_obeyed(fx_copy) -> None:
    """PAR, another PAR, the first again: each time the calls are of the one that is said."""
    made = []
    for end in (2_000, 6_000, 2_000):
        (fx_copy / "par.bed").write_text(f"# until {end}\nchrX\t0\t{end}\nchrY\t0\t{end}\n")
        _set(fx_copy, assembly={"name": "toy", "par": "par.bed"})
        assert _again(fx_copy)[1] == {"ann": "called", "bob": "called"}
        made.append(_calls(fx_copy, "bob"))
    assert made[0] == made[2] != made[1]
    # A word more about it is no other PAR.
    (fx_copy / "par.bed").write_text("# as before\nchrX\t0\t2000\nchrY\t0\t2000\n")
    assert _again(fx_copy)[1] == {"ann": "unchanged", "bob": "unchanged"}


def test_names_of_x_and_y_that_are_told_later_are_obeyed(fx_copy) -> None:
    text = (fx_copy / "ref.fa").read_text()
    for k, name in enumerate(("chr1", "chrX", "chrY", "chrM")):
        text = text.replace(f">{name}", f">s{k}")
    (fx_copy / "other.fa").write_text(text)
    _edit(fx_copy / "reads.tsv", "bob\tmale", "bob\tunknown")
    _set(fx_copy, reference="other.fa", calling={"folder": "other"})
    _again(fx_copy)
    assert _qc(fx_copy, "bob", "other")["called_as"] == "unknown"
    (fx_copy / "names.tsv").write_text(
        "contig\talias\nchr1\ts0\nchrX\ts1\nchrY\ts2\nchrM\ts3\n"
    )
    _set(fx_copy, assembly={"name": "toy", "aliases": "names.tsv"})
    _, states, account = _again(fx_copy)
    assert states == {"ann": "called", "bob": "called"}
    # Reads are aligned to the same bases.
    assert not {s["stage"] for s in account["stages"]} & {"align", "finish"}
    assert _qc(fx_copy, "bob", "other")["called_as"] == "male"
    genotypes = {x.split("\t")[9][:3] for x in _calls(fx_copy, "bob", "other")
                 if x.startswith("s1\t")}  # fmt: skip
    assert all("/" not in g for g in genotypes)


def test_jobs_that_made_something_else_are_no_success(fx_copy) -> None:
    class Idle(Steps):
        def __call__(self, work: Path, token: str, *, run: str = "run.json", **_) -> None:
            pass

    _set(fx_copy, calling={"filters": {"depth": 7}})
    with pytest.raises(VarhouseError, match="north/ann, north/bob are not of the reads"):
        call_here(fx_copy / "config.yaml", Idle())


def test_alignments_of_other_reads_are_not_kept(fx_copy) -> None:
    _set(fx_copy, calling={"keep": "none"})
    restart = fx_copy / "calls" / "restart" / "alignments.tsv"
    assert _again(fx_copy)[1] == {"ann": "unchanged", "bob": "unchanged"}
    assert not restart.exists()
    rows = (fx_copy / "reads.tsv").read_text().splitlines()
    (fx_copy / "reads.tsv").write_text("\n".join(rows[:-1]) + "\n")
    assert _again(fx_copy)[1] == {"ann": "unchanged", "bob": "called"}
    assert sorted(f.name for f in (fx_copy / "calls" / "bam" / "north").iterdir()) == [
        "ann.bam", "ann.bam.bai",
    ]  # fmt: skip
    _set(fx_copy, calling={"keep": "bam"})
    assert _again(fx_copy)[1]["bob"] == "called"
    assert _qc(fx_copy, "bob")["alignment_bytes"] == (
        fx_copy / "calls" / "bam" / "north" / "bob.bam"
    ).stat().st_size  # fmt: skip
    sheet = pl.read_csv(restart, separator="\t")
    assert sheet.columns == ["cohort", "sample", "sex", "population", "bam"]
    assert sheet["population"].to_list() == ["P", "P"]


def test_alignments_of_a_killed_run_are_not_taken_for_those_of_the_calls(fx_copy) -> None:
    class Killed(Steps):
        def __call__(self, work: Path, token: str, *, run: str = "run.json", **_) -> None:
            loaded = load_call_run(work / run)
            job = CallJob(loaded, "reads_person/x", 1, CallCosts(0.0))
            job.finish(loaded.todo[0])
            raise VarhouseError("killed")

    both = (fx_copy / "reads.tsv").read_text()
    bam = fx_copy / "calls" / "bam" / "north" / "bob.bam"
    before = bam.stat().st_size
    (fx_copy / "reads.tsv").write_text("\n".join(both.splitlines()[:-1]) + "\n")
    with pytest.raises(VarhouseError, match="killed"):
        call_here(fx_copy / "config.yaml", Killed())
    assert bam.stat().st_size != before
    (fx_copy / "reads.tsv").write_text(both)
    assert _again(fx_copy)[1] == {"ann": "unchanged", "bob": "called"}
    assert bam.stat().st_size == before
    # Files of variants that nothing uses decide nothing.
    (fx_copy / "known.vcf").touch()
    _set(fx_copy, calling={"known_sites": ["known.vcf"]})
    assert _again(fx_copy)[1] == {"ann": "unchanged", "bob": "unchanged"}


def test_alignments_that_an_earlier_run_left_are_kept_when_they_are_asked_for(fx_copy) -> None:
    class Killed(Steps):
        def __call__(self, work: Path, token: str, *, run: str = "run.json", **_) -> None:
            loaded = load_call_run(work / run)
            for person in loaded.todo:
                CallJob(loaded, "reads_person/x", 1, CallCosts(0.0)).finish(person)
            raise VarhouseError("killed")

    shutil.rmtree(fx_copy / "calls")
    _set(fx_copy, calling={"keep": "none"})
    with pytest.raises(VarhouseError, match="killed"):
        call_here(fx_copy / "config.yaml", Killed())
    bam = fx_copy / "calls" / "bam" / "north" / "bob.bam"
    assert not bam.exists()
    _set(fx_copy, calling={"keep": "bam"})
    assert set(_again(fx_copy)[1].values()) == {"called"}
    assert _qc(fx_copy, "bob")["alignment_bytes"] == bam.stat().st_size


def test_a_sex_that_some_contigs_did_not_show_is_told_by_all(fx_copy) -> None:
    _edit(fx_copy / "reads.tsv", "bob\tmale", "bob\tunknown")
    _set(fx_copy, calling={"contigs": ["chrX", "chrY", "chrM"]})
    _again(fx_copy)
    assert _qc(fx_copy, "bob")["figures"]["sex_by_reads"] is None
    _set(fx_copy, calling={})
    _again(fx_copy)
    assert _qc(fx_copy, "bob")["figures"]["sex_by_reads"] == "male"


def test_a_link_to_the_target_does_not_take_its_place(tmp_path) -> None:
    target, link = tmp_path / "kept.bam", tmp_path / "made.bam"
    target.write_text("reads")
    link.symlink_to(target)
    link_or_copy(link, target)
    assert not target.is_symlink()
    assert target.read_text() == "reads"


def test_what_programs_say_is_kept(fx_called) -> None:
    logs = sorted((fx_called / "calls" / WORK / "logs" / "programs").rglob("*.log"))
    assert len(logs) == 2
    assert all("mpileup" in log.read_text() for log in logs)


def test_removed_results_are_made_again(fx_copy) -> None:
    (fx_copy / "calls" / "gvcf" / "north" / "bob.g.vcf.gz.tbi").unlink()
    ran, states, _ = _again(fx_copy)
    assert states == {"ann": "unchanged", "bob": "called"}
    assert ran == ["reads_person", "reads_batch"]


@pytest.mark.parametrize("start", ["alignments", "gvcfs"])
def test_restart_gives_the_same_calls(fx_copy, start: str) -> None:
    config = {
        "assembly": "toy", "reference": "ref.fa", "reads": f"calls/restart/{start}.tsv",
        "calling": {"folder": "again"},
    }  # fmt: skip
    (fx_copy / "again.yaml").write_text(json.dumps(config))
    runner = Steps()
    _, account = call_here(fx_copy / "again.yaml", runner)
    names = ["gvcf", "gvcf"] if start == "gvcfs" else ["called", "called"]
    assert [p["state"] for p in account["people"]] == names
    if start == "alignments":
        for name in ("ann", "bob"):
            assert _calls(fx_copy, name, "again") == _calls(fx_copy, name)
            tools = _qc(fx_copy, name, "again")["tools"]
            assert [t["step"] for t in tools][:2] == ["trim", "align"]
            assert tools[1]["name"] == "pybwa mem"
        return
    listed = (fx_copy / "again" / "lists" / "north.txt").read_text().split()
    assert listed == [
        str(fx_copy / "calls" / "gvcf" / "north" / f"{n}.g.vcf.gz") for n in ("ann", "bob")
    ]


def test_shares_of_jobs_give_the_same_file(fx_copy, monkeypatch) -> None:
    monkeypatch.setattr(sizing, "WHOLE_SECONDS", 0.0)
    monkeypatch.setattr(sizing, "JOB_SECONDS", 1e-4)
    monkeypatch.setattr(sizing, "WHOLE_CONTIG", 1_000)
    monkeypatch.setattr(sizing, "SPAN_BASES", 5_000)
    config = json.loads((fx_copy / "config.yaml").read_text())
    config["calling"] = {"folder": "shares"}
    (fx_copy / "config.yaml").write_text(json.dumps(config))
    ran, _, _ = _again(fx_copy)
    assert ran.count("reads_align") == 3
    assert ran.count("reads_finish") == 2
    assert ran.count("reads_call") > 4
    for name in ("ann", "bob"):
        assert _calls(fx_copy, name, "shares") == _calls(fx_copy, name)


def test_large_files_are_read_by_jobs_before_all_others(fx_copy, monkeypatch) -> None:
    monkeypatch.setattr(driver, "CHECK_BYTES", 0)
    shutil.rmtree(fx_copy / "calls")
    ran, states, _ = _again(fx_copy)
    assert ran[0] == "reads_check"
    assert set(states.values()) == {"called"}


def test_all_that_is_wrong_with_reads_is_told_before_any_work(fx_copy) -> None:
    shutil.rmtree(fx_copy / "calls")
    one, two = fx_copy / "ann0" / "reads_R1.fastq.gz", fx_copy / "bob0" / "reads_R2.fastq.gz"
    one.write_bytes(one.read_bytes()[:-40])
    two.write_bytes(two.read_bytes()[:3000])
    runner = Steps()
    with pytest.raises(ConfigError) as error:
        call_here(fx_copy / "config.yaml", runner)
    assert runner.ran == []
    assert any(one.name in p and "ann0" in p for p in error.value.problems)
    assert any(two.name in p and "bob0" in p for p in error.value.problems)
    assert not (fx_copy / "calls" / "gvcf").exists()


def test_a_second_command_in_the_folder_is_refused(fx_copy) -> None:
    with (
        file_lock(fx_copy / "calls" / WORK / "lock.json", "held"),
        pytest.raises(InUseError, match="is being worked in by process"),
    ):
        call_here(fx_copy / "config.yaml")


def test_a_full_disk_is_foreseen(fx_copy, monkeypatch) -> None:
    shutil.rmtree(fx_copy / "calls")
    usage = shutil.disk_usage(fx_copy)._replace(free=10)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    runner = Steps()
    with pytest.raises(VarhouseError, match="MiB of disk at most") as error:
        call_here(fx_copy / "config.yaml", runner)
    assert "keep: none" in str(error.value)
    assert runner.ran == []


def test_missing_packages_are_told_before_any_work(fx_copy, monkeypatch) -> None:
    shutil.rmtree(fx_copy / "calls")
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *a: None if name == "pybwa" else find(name, *a),
    )
    with pytest.raises(UsageError, match="missing: pybwa") as error:
        call_here(fx_copy / "config.yaml")
    assert "pip install" in str(error.value)


def test_a_dry_run_writes_nothing(fx_copy) -> None:
    shutil.rmtree(fx_copy / "calls")
    _, account = call_here(fx_copy / "config.yaml", dry_run=True)
    assert [p["state"] for p in account["people"]] == ["to call", "to call"]
    assert not (fx_copy / "calls").exists()


def test_ingest_calls_first_and_is_idempotent(fx_copy, monkeypatch) -> None:
    monkeypatch.setattr(driver, "run_snakemake", Steps())
    monkeypatch.setattr(ingest_driver, "run_snakemake", run_steps)
    store = fx_copy / "store"
    code, account = call_and_ingest(store, fx_copy / "config.yaml", Options())
    assert (code, account["release"]) == (0, 2)
    code, account = call_and_ingest(store, fx_copy / "config.yaml", Options())
    assert code == 0
    assert account["up_to_date"]
    assert account["calling"]["up_to_date"]
    frame = open_store(store).scan("samples").collect()
    assert frame.sort("sample")["sample"].to_list() == ["ann", "bob"]


def test_mistakes_of_the_configuration_are_told_at_once(fx_copy, capsys) -> None:
    config = {
        "assembly": "toy", "reference": "nowhere.fa", "reads": "reads.tsv", "genes": "no.gff3",
        "calling": {"trim": "scissors", "filters": {"depht": 3}, "base_quality": "recalibrate",
                    "tools": {"bwaa": {"module": "x"}}},
    }  # fmt: skip
    (fx_copy / "config.yaml").write_text(json.dumps(config))
    assert main(["call", "--config", str(fx_copy / "config.yaml")]) == 2
    said = capsys.readouterr().err
    for text in ("nowhere.fa", "no.gff3", "scissors", "depht", "known_sites", "bwaa"):
        assert text in said, text


def test_a_configuration_with_reads_is_no_nightly_one(fx_copy) -> None:
    with pytest.raises(ConfigError, match="varhouse call --config"):
        read_config(fx_copy / "config.yaml")
