"""The real workflow under Snakemake: done, done again, killed, locked, refused."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import pytest
import yaml
from inprocess import ingest_here
from kills import run_steps

import varhouse
from varhouse.cli import main
from varhouse.errors import StoreError
from varhouse.files import whole_folder
from varhouse.ingest import driver
from varhouse.ingest.driver import Options, ingest
from varhouse.ingest.setup import sizing
from varhouse.store.lifecycle import log_releases

VARHOUSE = [sys.executable, "-m", "varhouse"]


def _ingest(folder, *more, **options):
    return subprocess.run(
        [
            *VARHOUSE,
            "ingest",
            str(folder / "store"),
            "--config",
            str(folder / "config.yaml"),
            "--cores",
            "2",
            *more,
        ],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def _ingest_in_here(capsys, folder, *more):
    """Run the command in this process, and its steps as Snakemake would, without it."""
    capsys.readouterr()
    given = ["ingest", str(folder / "store"), "--config", str(folder / "config.yaml"), *more]
    with mock.patch.object(driver, "run_snakemake", run_steps):
        code = main(given)
    out, err = capsys.readouterr()
    return subprocess.CompletedProcess(given, code, out, err)


def test_workflow_makes_the_same_store_as_the_steps_in_one_process(fx_toy, tmp_path, capsys):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = _ingest(fx_toy, "--json")
    assert done.returncode == 0, done.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    account = json.loads(done.stdout)
    here = ingest_here(tmp_path / "here", fx_toy / "config.yaml")
    assert account["digest"] == here["digest"]
    store = varhouse.open(fx_toy / "store")
    # The account's CPU is what the system says of the command and all that it started.
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    costs = {s["stage"]: s["cpu_s"] for s in account["stages"]}
    assert sum(costs.values()) == pytest.approx(spent, rel=0.1)
    assert {"genes", "intake", "commit", "start", "snakemake", "command"} <= set(costs)
    # What the release says was known when it was made: nearly all of it.
    events = [r["event"] for r in log_releases(fx_toy / "store")]
    (event,) = [e for e in events if "cpu_s" in e]
    assert 0.7 * spent < event["cpu_s"] <= spent
    assert {"variants", "consequences", "totals", "genotypes"} <= set(store.tables)
    # Work folders are gone, and a second run starts nothing.
    assert not (fx_toy / "store" / "_staging").exists()
    again = _ingest_in_here(capsys, fx_toy)
    assert again.returncode == 0
    assert "nothing to do" in again.stdout
    assert varhouse.open(fx_toy / "store").release == store.release


def test_every_rule_of_a_large_ingest(fx_toy, tmp_path, monkeypatch):
    """One file is read by several jobs, a source compiled; cohorts and partitions apart."""
    monkeypatch.setattr(sizing, "SPLIT_BYTES", 0)
    monkeypatch.setattr(sizing, "BUNDLED_RECORDS", 0)
    with (fx_toy / "north.vcf").open("a") as f:
        # Larger than the other: it would keep a core busy alone.
        f.write((fx_toy / "north.vcf").read_text().splitlines()[-1] + "\n")
    (fx_toy / "known.vcf").write_text(
        '##fileformat=VCFv4.2\n##INFO=<ID=SIG,Number=1,Type=String,Description="s">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nc1\t5\t.\tA\tC\t.\t.\tSIG=bad\n"
    )
    config = yaml.safe_load((fx_toy / "config.yaml").read_text())
    config["sources"] = [{"name": "known", "path": "known.vcf", "kind": "allele"}]
    (fx_toy / "config.yaml").write_text(json.dumps(config))
    options = Options(cores=2, keep_work=True)
    _, account = ingest(fx_toy / "store", fx_toy / "config.yaml", options)
    (work,) = (fx_toy / "store" / "_staging").iterdir()
    logs = {p.relative_to(work / "logs").parts[0] for p in (work / "logs").rglob("*.log")}
    assert {name.removesuffix(".log") for name in logs} == {
        "genes",
        "source",
        "intake",
        "validate",
        "read",
        "plan",
        "cohort",
        "settle",
        "commit",
    }
    assert (
        account["digest"] == ingest_here(tmp_path / "here", fx_toy / "config.yaml")["digest"]
    )


@pytest.mark.parametrize("seconds", [4.0, 8.0])
def test_killed_run_leaves_the_old_release_and_is_taken_up_again(fx_toy, seconds):
    """Everything is killed -9, Snakemake and jobs too, as when a node goes down."""
    (fx_toy / "cohorts.tsv").write_text("cohort\tfiles\nnorth\tnorth.vcf\n")
    ingest_here(fx_toy / "store", fx_toy / "config.yaml")
    before = varhouse.open(fx_toy / "store")
    (fx_toy / "cohorts.tsv").write_text("cohort\tfiles\nnorth\tnorth.vcf\nsouth\tsouth.vcf\n")
    process = subprocess.Popen(
        [*VARHOUSE, "ingest", str(fx_toy / "store"), "--config", str(fx_toy / "config.yaml")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(seconds)
    killed = process.poll() is None
    if killed:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    now = varhouse.open(fx_toy / "store")
    if killed and now.release == before.release:
        assert now.digest() == before.digest()
    done = _ingest(fx_toy, "--json")
    assert done.returncode == 0, done.stderr
    whole = ingest_here(fx_toy / "whole", fx_toy / "config.yaml")
    assert varhouse.open(fx_toy / "store").digest() == whole["digest"]


def test_second_ingest_at_once_is_refused_by_name(fx_toy, capsys):
    ingest_here(fx_toy / "store", fx_toy / "config.yaml")
    (fx_toy / "north.vcf").write_text(
        "".join((fx_toy / "north.vcf").read_text().splitlines(keepends=True)[:-1])
    )
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path; "
            "from varhouse.store.lock import store_lock\n"
            "with store_lock(Path(sys.argv[1])):\n"
            "    print('held', flush=True); time.sleep(60)",
            str(fx_toy / "store"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout.readline() == "held\n"
        second = _ingest_in_here(capsys, fx_toy)
        assert second.returncode == 1
        assert f"process {holder.pid} of" in second.stderr
        assert "Traceback" not in second.stderr
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    # The dead holder's lock is taken over.
    assert _ingest_in_here(capsys, fx_toy).returncode == 0


def test_all_mistakes_of_a_configuration_are_told_at_once(fx_toy, capsys):
    config = yaml.safe_load((fx_toy / "config.yaml").read_text())
    config["genes"] = "nowhere.gff3"
    config["strata"] = ["populatoin"]
    (fx_toy / "config.yaml").write_text(json.dumps(config))
    (fx_toy / "cohorts.tsv").write_text(
        "cohort\tfiles\tproject\nnorth\tnorth.vcf\tPRJCA1\nnorth\tmissing.vcf\t\n"
    )
    with (fx_toy / "samples.tsv").open("a") as f:
        f.write("north\tnorht1\tfemale\tP\n")
    done = _ingest_in_here(capsys, fx_toy)
    assert done.returncode == 2
    for part in (
        "nowhere.gff3",
        "no column 'populatoin'; nearest: population",
        "'PRJCA1' is malformed",
        "cohort 'north' stands on 2 rows",
        "missing.vcf",
        "'norht1' is in the sheet",
        "nearest: north1",
    ):
        assert part in done.stderr, part
    assert not (fx_toy / "store").exists()


def test_unknown_key_is_refused_with_the_nearest(fx_toy, capsys):
    config = yaml.safe_load((fx_toy / "config.yaml").read_text())
    config["policy"] = {"unchecked_reff": "store"}
    (fx_toy / "config.yaml").write_text(json.dumps(config))
    done = _ingest_in_here(capsys, fx_toy)
    assert done.returncode == 2
    assert "unknown key 'policy.unchecked_reff'; nearest: unchecked_ref" in done.stderr


def _tree(folder):
    return {
        str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None
        for p in folder.rglob("*")
    }


def test_a_dry_run_leaves_nothing_behind(fx_toy, caplog):
    caplog.set_level("INFO", logger="varhouse.ingest")
    store, config = fx_toy / "store", fx_toy / "config.yaml"
    before = _tree(fx_toy)
    code, account = ingest(store, config, Options(dry_run=True))
    assert (code, account["dry_run"]) == (0, True)
    assert [c["cohort"] for c in account["cohorts"]] == ["north", "south"]
    assert _tree(fx_toy) == before
    assert not store.exists()
    ingest_here(store, config)
    # The work of an ingest that was killed is neither taken up nor cleared away.
    shutil.rmtree(store / "_staging")
    (store / "_staging" / "000003-00000000").mkdir(parents=True)
    south = fx_toy / "south.vcf"
    south.write_text("".join(south.read_text().splitlines(keepends=True)[:-1]))
    before = _tree(fx_toy)
    code, account = ingest(store, config, Options(dry_run=True))
    assert (code, [c["cohort"] for c in account["cohorts"]]) == (0, ["south"])
    assert _tree(fx_toy) == before
    assert "resuming" not in caplog.text


def test_too_little_disk_is_said_before_the_work(fx_toy, monkeypatch):
    free = shutil.disk_usage(fx_toy)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free)
    with pytest.raises(StoreError, match="GiB"):
        ingest(fx_toy / "store", fx_toy / "config.yaml", Options())
    assert not any((fx_toy / "store" / "_staging").glob("*/snakemake.log"))


def test_snakemake_alone_does_it_too(fx_toy):
    root = varhouse.__path__[0]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "snakemake",
            "--snakefile",
            f"{root}/data/Snakefile",
            "--configfile",
            str(fx_toy / "config.yaml"),
            "--config",
            "store=store",
            "--cores",
            "2",
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=fx_toy,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )
    assert done.returncode == 0, done.stderr
    here = ingest_here(fx_toy / "here", fx_toy / "config.yaml")
    assert varhouse.open(fx_toy / "store").digest() == here["digest"]


def test_what_a_killed_step_left_is_not_used(tmp_path):
    """A step writes beside its folder, which then takes the place of the old one."""
    folder = tmp_path / "alleles"
    folder.mkdir()
    (folder / "left.parquet").write_text("half")
    with pytest.raises(ZeroDivisionError), whole_folder(folder):
        1 / 0  # noqa: B018 - a step that dies
    assert [p.name for p in folder.iterdir()] == ["left.parquet"]
    with whole_folder(folder) as own:
        (own / "new.parquet").write_text("whole")
    assert [p.name for p in folder.iterdir()] == ["new.parquet"]


def test_what_is_held_back_is_told_once_and_the_code_says_so(fx_toy, capsys):
    """Exit 1, 3 and 0; a bad file makes one release that tells of it, not one a night."""
    good = (fx_toy / "south.vcf").read_text()
    lines = good.splitlines(keepends=True)
    (fx_toy / "south.vcf").write_text("".join([*lines[:-2], lines[-1], lines[-2]]))
    (fx_toy / "cohorts.tsv").write_text("cohort\tfiles\nsouth\tsouth.vcf\n")
    first = _ingest_in_here(capsys, fx_toy, "--json")
    assert (first.returncode, json.loads(first.stdout)["release"]) == (1, None)
    again = _ingest_in_here(capsys, fx_toy)
    assert again.returncode == 1
    assert "still held south  south.vcf" in again.stdout
    assert "VH-B-002" in again.stdout
    assert varhouse.open(fx_toy / "store").release == 2
    (fx_toy / "cohorts.tsv").write_text("cohort\tfiles\nnorth\tnorth.vcf\nsouth\tsouth.vcf\n")
    both = _ingest(fx_toy)
    assert both.returncode == 3, both.stderr
    assert "still held south" in both.stdout
    last = _ingest_in_here(capsys, fx_toy)
    assert last.returncode == 3, last.stderr
    store = varhouse.open(fx_toy / "store")
    assert store.release == 3
    held = store.scan("held_back").select("cohort", "verdict").collect().rows()
    assert held == [("south", "invalid")]
    (fx_toy / "south.vcf").write_text(good)
    done = _ingest_in_here(capsys, fx_toy, "--json")
    assert done.returncode == 0, done.stderr
    here = ingest_here(fx_toy / "here", fx_toy / "config.yaml")
    assert json.loads(done.stdout)["digest"] == here["digest"]
    assert varhouse.open(fx_toy / "store").scan("held_back").collect().height == 0


def test_lifted_cohort_by_the_command(fx_toy, capsys):
    """An assembly whose c1 begins with 100 bases more takes the cohort of the other."""
    old, new = fx_toy / "old.fa", fx_toy / "ref.fa"
    old.write_text(new.read_text())
    c1, c2 = (ln for ln in old.read_text().splitlines() if ln[0] != ">")
    new.write_text(f">c1\n{'ACGT' * 25}{c1}\n>c2\n{c2}\n")
    (fx_toy / "o.chain").write_text(
        "chain 9 c1 2000 + 0 2000 c1 2100 + 100 2100 1\n2000\n\n"
        "chain 9 c2 2000 + 0 2000 c2 2000 + 0 2000 2\n2000\n\n"
    )
    (fx_toy / "cohorts.tsv").write_text(
        "cohort\tfiles\tassembly\tchain\tsource_reference\n"
        "north\tnorth.vcf\told\to.chain\told.fa\n"
    )
    done = _ingest_in_here(capsys, fx_toy, "--json")
    assert done.returncode == 0, done.stderr
    account = json.loads(done.stdout)
    assert account["cohorts"][0]["lift"]["lifted"] == 400
    here = ingest_here(fx_toy / "here", fx_toy / "config.yaml")
    assert account["digest"] == here["digest"]
    lifted = varhouse.open(fx_toy / "store").scan("lifted").collect()
    shift = (lifted["pos"] - lifted["source_pos"]).to_list()
    assert sorted(set(shift)) == [0, 100]
    assert lifted.height == 400


def test_gene_model_and_source_are_swapped_by_the_command(fx_toy, capsys):
    """A gene on c2 and a source that knows c1: calls and the other contigs stay."""
    ingest_here(fx_toy / "store", fx_toy / "config.yaml")
    old = varhouse.open(fx_toy / "store")
    genes = fx_toy / "genes.gff3"
    more = [ln.replace("c1\t", "c2\t") for ln in genes.read_text().splitlines()[1:]]
    more = "\n".join(more).replace("G1", "G2").replace("T1", "T2").replace("TOY1", "TOY2")
    genes.write_text(genes.read_text() + more + "\n")
    contig, pos, ref, alt = old.variants("c1").select(old.key[:4]).first().collect().row(0)
    (fx_toy / "known.vcf").write_text(
        '##fileformat=VCFv4.2\n##INFO=<ID=SIG,Number=1,Type=String,Description="s">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        f"{contig}\t{pos}\t.\t{ref}\t{alt}\t.\t.\tSIG=bad\n"
    )
    config = yaml.safe_load((fx_toy / "config.yaml").read_text())
    config["sources"] = [{"name": "known", "path": "known.vcf", "kind": "allele"}]
    (fx_toy / "config.yaml").write_text(json.dumps(config))
    done = _ingest_in_here(capsys, fx_toy, "--json")
    assert done.returncode == 0, done.stderr
    account = json.loads(done.stdout)
    assert account["renewed"] == {"consequences": ["c2"], "annotations_known": ["c1"]}
    assert "totals" not in {s["stage"] for s in account["stages"]}
    new = varhouse.open(fx_toy / "store")
    for table in ("variants", "genotypes", "sites", "frequencies", "totals"):
        assert new.paths(table) == old.paths(table)
    assert new.paths("consequences", part="c1") == old.paths("consequences", part="c1")
    here = ingest_here(fx_toy / "here", fx_toy / "config.yaml")
    assert account["digest"] == here["digest"]
    assert "nothing to do" in _ingest_in_here(capsys, fx_toy).stdout
    # The compiled gene model of before is not kept.
    folders = (p for p in (fx_toy / "store/_cache").iterdir() if p.is_dir())
    kept = sorted(p.name.split("-")[0] for p in folders)
    assert kept == ["genes", "reference", "source"]
