"""A commit job that is killed and run again, as the shipped profiles do, anywhere in it."""

import contextlib
import hashlib
import json
import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from builders import make_fasta, make_gff, make_vcf
from inprocess import ingest_here, steps_here

import varhouse
from varhouse.ingest import finish
from varhouse.ingest.finish import commit_run
from varhouse.store import commit
from varhouse.store.verify import verify


class Killed(BaseException):
    """Stands for SIGKILL: nothing that catches an Exception may notice it."""


Snapshot = dict[str, tuple[int, str]]


def snapshot(store: Path) -> Snapshot:
    """Inode and digest of every file of a store but the lock, work folders and the cache."""
    found = {}
    for path in sorted(store.rglob("*")):
        place = path.relative_to(store)
        if path.is_file() and place.parts[0] not in ("_staging", "_cache"):
            if path.name in ("lock.json", "lock.guard"):
                continue
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(place)] = (path.stat().st_ino, digest)
    return found


@pytest.fixture
def fx_small(tmp_path: Path) -> Path:
    """A store with cohort a, and a configuration that brings cohort b, genes and a source."""
    rng = random.Random(5)
    contigs = {c: "".join(rng.choices("ACGT", k=900)) for c in ("c1", "c2")}
    make_fasta(tmp_path / "ref.fa", contigs)
    gene = {"contig": "c1", "start": 101, "end": 700, "strand": "+", "id": "G1", "name": "N1",
            "exons": [(101, 700)], "cds": [(131, 370)]}  # fmt: skip
    make_gff(tmp_path / "genes.gff3", [gene])
    sites = [(c, pos) for c in contigs for pos in sorted(rng.sample(range(50, 850), 20))]
    alts = {s: rng.choice([b for b in "ACGT" if b != contigs[s[0]][s[1] - 1]]) for s in sites}
    lines = [f"{c} {pos} . {contigs[c][pos - 1]} {alts[c, pos]} . PASS ." for c, pos in sites]
    for name in "ab":
        rows = [f"{row} GT {rng.choice(['0/1', '1/1'])} 0/0" for row in lines[name == "b" :]]
        make_vcf(tmp_path / f"{name}.vcf", rows, [f"{name}1", f"{name}2"])
    make_vcf(
        tmp_path / "known.vcf", [f"{row[:-1]}SCORE={i}" for i, row in enumerate(lines)],
        meta=['##INFO=<ID=SCORE,Number=1,Type=Integer,Description="x">'],
    )  # fmt: skip
    (tmp_path / "broken.vcf").write_text("no VCF\n")
    people = "".join(f"{c}\t{c}{i}\tfemale\n" for c in "ab" for i in (1, 2))
    (tmp_path / "samples.tsv").write_text("cohort\tsample\tsex\n" + people)
    config: dict[str, Any] = {
        "assembly": {"name": "toy", "reference": "ref.fa"},
        "cohorts": "cohorts.tsv", "samples": "samples.tsv",
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "cohorts.tsv").write_text("cohort\tfiles\na\ta.vcf\n")
    ingest_here(tmp_path / "store", tmp_path / "config.json")
    config["genes"] = "genes.gff3"
    config["sources"] = [{"name": "known", "path": "known.vcf", "kind": "allele"}]
    (tmp_path / "config.json").write_text(json.dumps(config))
    held = "cohort\tfiles\na\ta.vcf\nb\tb.vcf\nc\tbroken.vcf\n"
    (tmp_path / "cohorts.tsv").write_text(held)
    return tmp_path


def die_at(monkeypatch: pytest.MonkeyPatch, number: int, told: list[str]) -> None:
    """Die at the n-th point that the commit job reaches from now on."""
    left = [number]

    def reached(point: str) -> None:
        told.append(point)
        left[0] -= 1
        if left[0] < 0:
            raise Killed(point)

    monkeypatch.setattr(finish, "_reached", reached)
    monkeypatch.setattr(commit, "_reached", reached)


def test_commit_job_killed_at_every_step_and_run_again(
    fx_small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = fx_small / "store"
    made = steps_here(store, fx_small / "config.json")
    told: list[str] = []
    account: dict[str, Any] | None = None
    for number in range(200):
        before = snapshot(store)
        die_at(monkeypatch, number, told := [])
        with contextlib.suppress(Killed):
            account = commit_run(*made)
        after = snapshot(store)
        for name, was in before.items():
            # Of an ingest that has made no release yet, its catalogue alone is renewed.
            if not name.startswith("_store/files/") and "_last_checkpoint" not in name:
                assert after[name] == was, (told[-1], name)
        if number % 10 == 0 or told[-1] == "released":
            assert not verify(varhouse.open(store)), told[-1]
        if account is not None:
            break
        if told[-1] in ("released", "committed"):
            # What the retry of the job finds: it is done, and nothing at all is written.
            with monkeypatch.context() as patch:
                patch.setattr(finish, "write_shard", pytest.fail)
                again = commit_run(*made)
            assert snapshot(store) == after
            assert (again["release"], again["digest"]) == (3, varhouse.open(store).digest())
            break
    monkeypatch.undo()
    assert {"held back", "genes", "ingests", "catalogued", "released"} <= set(told)
    assert {"linked genes", "linked ingests", "committed genes"} <= set(told)
    whole = ingest_here(fx_small / "whole", fx_small / "config.json")
    assert varhouse.open(store).digest() == whole["digest"]
    assert varhouse.open(store).release == 3
    rows = varhouse.open(store).scan("ingests").collect()
    assert rows["ingest_id"].n_unique() == rows.height == 2


def test_run_again_after_it_was_committed_does_nothing(fx_small: Path) -> None:
    store = fx_small / "store"
    made = steps_here(store, fx_small / "config.json")
    first = commit_run(*made)
    before = snapshot(store)
    assert commit_run(*made) == first
    assert snapshot(store) == before
    assert not verify(varhouse.open(store))


def _half(path: Path) -> None:
    Path(path).write_bytes(b"PAR1 half a file")
    raise Killed


@pytest.mark.parametrize("number", range(5))
def test_killed_while_a_shard_is_written_again(
    fx_small: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """The files of before are links of those in the store: a retry must not open them."""
    store = fx_small / "store"
    made = steps_here(store, fx_small / "config.json")
    die_at(monkeypatch, 10_000, told := [])
    monkeypatch.setattr(commit, "write_release", lambda *_: (_ for _ in ()).throw(Killed()))
    with pytest.raises(Killed):
        commit_run(*made)
    monkeypatch.undo()
    assert told[-1].startswith("committed ")
    before = snapshot(store)
    left = [number]
    write = pl.DataFrame.write_parquet

    def some(self: pl.DataFrame, file: Any, **options: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            _half(file)
        write(self, file, **options)

    with monkeypatch.context() as patch:
        patch.setattr(pl.DataFrame, "write_parquet", some)
        try:
            commit_run(*made)
        except Killed:
            after = snapshot(store)
            assert {n: after[n] for n in before} == before
    assert commit_run(*made)["release"] == 3
    assert not verify(varhouse.open(store))
