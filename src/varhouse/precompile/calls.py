"""What is done once so that all code is compiled: each kind of work, on small files."""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

import varhouse
from varhouse.errors import VarhouseError
from varhouse.export import export_cohort
from varhouse.ingest.byhand import prepare_by_hand
from varhouse.ingest.jobs.steps import run_step
from varhouse.people.samepairs import SameSettings, find_pairs
from varhouse.people.settings import PeopleSettings, SiteSettings
from varhouse.people.sketchkernel import close_pairs
from varhouse.people.update import update_people
from varhouse.precompile.inputs import SAMPLES, write_inputs
from varhouse.precompile.reads import call_reads, can_call
from varhouse.verify.whole import verify
from varhouse.withdrawal.cut import cut_file

Call = tuple[str, Callable[[], object]]


def list_calls(folder: Path, part: str) -> Iterator[Call]:
    """Give what is to be done, with a name for each; inputs are written into `folder`.

    Parameters
    ----------
    part
        "calls" for what becomes of genotypes in a store, "files" for sites, and commands on
        one file; "all" for both. Each takes about half of the time. They begin with
        different work, for where both need a function one waits for the other.
    """
    config = write_inputs(folder)
    if part in ("calls", "all"):
        yield from _list_calls(folder, config)
    if part in ("files", "all"):
        yield from _list_sites(folder, config)
        yield from _list_commands(folder)
        if can_call():
            yield "reads", lambda: call_reads(folder)


def _list_calls(folder: Path, config: Path) -> Iterator[Call]:
    """Give what is done with genotypes that go through a store."""
    cohorts = ("plain", "full", "sites", "gvcf")

    def groups() -> None:
        store = varhouse.open(folder / "store")
        people = varhouse.choose_people(store, "n_het >= 0")
        store.group_frequencies(people, columns=["ac", "hwe_p", "faf95"])
        varhouse.annotate_frequencies(
            folder / "sites.vcf", folder / "af.vcf.gz", store=store, people=people
        )

    def ask() -> None:
        store = varhouse.open(folder / "store")
        store.calls(fields=True).collect()
        store.carriers()
        for cohort in cohorts[:2]:
            store.dosage(cohort=cohort)
            store.alleles(cohort=cohort)

    yield "ingest", lambda: _ingest(folder, config, "store", cohorts[:2])
    # It finds alleles in the store, and adds to its totals.
    yield "a further ingest", lambda: _ingest(folder, config, "store", cohorts)
    yield "export", lambda: _export(folder, "store", ("plain", "full", "gvcf"))
    yield "genotypes", ask
    yield "groups", groups
    yield "read_vcf", lambda: _read(folder / "full-back.bcf")
    yield "people", lambda: _people(folder, config)
    yield "store withdraw", lambda: _withdraw(folder)
    yield "store verify", lambda: verify(folder / "store")


def _list_sites(folder: Path, config: Path) -> Iterator[Call]:
    """Give what is done with sites that go through a store."""
    yield "annotate", lambda: _annotate(folder)
    yield "ingest of sites", lambda: _ingest(folder, config, "sites-store", ("sites",))
    yield "export of sites", lambda: _export(folder, "sites-store", ("sites",))
    yield "read_vcf of sites", lambda: _read(folder / "sites-back.bcf")


def _list_commands(folder: Path) -> Iterator[Call]:
    """Give what reads files and writes files."""
    reference = folder / "ref.fa"

    def file(name: str) -> Path:
        return folder / name

    def check() -> None:
        for name in ("plain", "full", "sites", "faults", "gvcf"):
            varhouse.validate(file(f"{name}.vcf"), reference=reference)

    def read() -> None:
        for name in ("full", "faults", "sites"):
            _read(file(f"{name}.vcf"))
        _drain(varhouse.read_vcf(file("full.vcf"), formats=["GT"], check=True))

    def fix() -> None:
        for name in ("plain", "full", "faults"):
            varhouse.repair(
                file(f"{name}.vcf"),
                file(f"{name}-fixed.vcf"),
                reference=reference,
                swap_ref_alt=True,
            )

    def normalise() -> None:
        for name in ("plain", "full", "sites"):
            for ending in (".vcf", ".parquet"):
                varhouse.normalise(
                    file(f"{name}.vcf"), file(f"{name}-n{ending}"), reference=reference
                )

    def lift() -> None:
        for name in ("plain.vcf", "sites.vcf"):
            varhouse.liftover(
                file(name),
                file(f"lifted-{name}"),
                chain=file("same.chain"),
                target_reference=reference,
                source_reference=reference,
            )

    def count() -> None:
        for given in (reference, None):
            varhouse.frequencies(file("plain.vcf"), file("f.parquet"), reference=given)

    yield "normalise", normalise
    yield "liftover", lift
    yield "validate --fix", fix
    yield "read_vcf of text", read
    yield "validate", check
    yield "frequencies", count


def _withdraw(folder: Path) -> None:
    for name in ("plain", "full"):
        file = folder / f"{name}.vcf"
        cut_file(file, folder / f"{name}-without.vcf", SAMPLES[:1])


def _ingest(folder: Path, config: Path, store: str, cohorts: Sequence[str]) -> None:
    head, *rows = (folder / "cohorts.tsv").read_text().splitlines()
    some = [row for row in rows if row.split("\t")[0] in cohorts]
    sheet = f"{store}-{len(some)}.tsv"
    (folder / sheet).write_text("\n".join([head, *some, ""]))
    asked = {**json.loads(config.read_text()), "cohorts": sheet, "store": store}
    run_json = prepare_by_hand(asked, [str(config)])
    output = run_json.parent / "jobs" / "whole.json"
    run_step(
        argparse.Namespace(run_step="whole", run_json=run_json, output=output, alone=False)
    )


def _people(folder: Path, config: Path) -> None:
    """Say of people all that is said of them; two cohorts are the same people."""
    cohorts = ("plain", "kin", "again")
    _ingest(folder, config, "people-store", cohorts)
    sites = SiteSettings(spacing=0, call_rate=0.5)
    update_people(folder / "people-store", cohorts, PeopleSettings(sites=sites))
    loose = SameSettings(sites=sites, least_sites=1, stretch=100, least_stretches=1)
    find_pairs(varhouse.open(folder / "people-store"), None, loose)
    sketches = np.zeros((3, 4), np.uint64)
    close_pairs(sketches, sketches, 2, 9, 9, -1, np.empty((9, 3), np.int64))


def _export(folder: Path, store: str, cohorts: Sequence[str]) -> None:
    opened = varhouse.open(folder / store)
    for cohort in cohorts:
        for ending in ("vcf", "bcf"):
            export_cohort(opened, cohort, folder / f"{cohort}-back.{ending}")


def _annotate(folder: Path) -> None:
    for out, as_vep, terms in (("a.vcf", False, "so"), ("a.parquet", True, "vep115")):
        varhouse.annotate(
            folder / "sites.vcf",
            folder / out,
            genes=folder / "genes.gff3",
            reference=folder / "ref.fa",
            hgvs_as_vep=as_vep,
            terms=terms,
        )


def _read(file: Path) -> None:
    for lists in (False, True):
        # What faults.vcf holds ends a reading.
        _drain(varhouse.read_vcf(file, formats=_formats(file.name), lists=lists))


def _formats(name: str) -> list[str] | None:
    return (
        None if name.startswith("sites") else ["GT", "AD", "DP", "PL", "GL", "FT", "PS", "HQ"]
    )


def _drain(reader: object) -> None:
    try:
        for _ in reader:  # type: ignore[attr-defined]
            pass
    except VarhouseError:
        pass
