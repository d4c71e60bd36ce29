"""What is done once so that all code is compiled: each kind of work, on small files."""

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import varhouse
from varhouse.errors import VarhouseError
from varhouse.export import export_cohort
from varhouse.ingest.driver import prepare_by_hand
from varhouse.ingest.jobs.steps import run_step
from varhouse.precompile.inputs import write_inputs

Call = tuple[str, Callable[[], object]]


def list_calls(folder: Path) -> Iterator[Call]:
    """Give what is to be done, with a name for each; inputs are written into `folder`."""
    config = write_inputs(folder)
    reference = folder / "ref.fa"

    def file(name: str) -> Path:
        return folder / name

    def ingest(cohorts: int) -> None:
        # The second one finds alleles in the store, and adds to its totals.
        sheet = file("cohorts.tsv").read_text().splitlines()[: cohorts + 1]
        file("some.tsv").write_text("\n".join([*sheet, ""]))
        asked = {**json.loads(config.read_text()), "cohorts": "some.tsv", "store": "store"}
        run_json = prepare_by_hand(asked, [str(config)])
        output = run_json.parent / "jobs" / "whole.json"
        run_step(
            argparse.Namespace(run_step="whole", run_json=run_json, output=output, alone=False)
        )

    def check() -> None:
        for name in ("plain", "full", "sites", "faults", "gvcf"):
            varhouse.validate(file(f"{name}.vcf"), reference=reference)

    def read() -> None:
        for name in ("full.vcf", "faults.vcf", "sites.vcf", "full-back.bcf", "sites-back.bcf"):
            for lists in (False, True):
                reader = varhouse.read_vcf(file(name), formats=_formats(name), lists=lists)
                # What faults.vcf holds ends a reading.
                _drain(reader)
        _drain(varhouse.read_vcf(file("full.vcf"), formats=["GT"], check=True))

    def lift() -> None:
        for name in ("plain.vcf", "sites.vcf"):
            varhouse.liftover(
                file(name),
                file(f"lifted-{name}"),
                chain=file("same.chain"),
                target_reference=reference,
                source_reference=reference,
            )

    def annotate() -> None:
        for out, as_vep, terms in (("a.vcf", False, "so"), ("a.parquet", True, "vep115")):
            varhouse.annotate(
                file("sites.vcf"),
                file(out),
                genes=file("genes.gff3"),
                reference=reference,
                hgvs_as_vep=as_vep,
                terms=terms,
            )

    def export() -> None:
        store = varhouse.open(folder / "store")
        for cohort in ("plain", "full", "sites", "gvcf"):
            for ending in ("vcf", "bcf"):
                export_cohort(store, cohort, file(f"{cohort}-back.{ending}"))

    def ask() -> None:
        store = varhouse.open(folder / "store")
        store.calls(fields=True).collect()
        store.carriers()
        for cohort in ("plain", "full"):
            store.dosage(cohort=cohort)
            store.alleles(cohort=cohort)

    def groups() -> None:
        store = varhouse.open(folder / "store")
        people = varhouse.choose_people(store, "n_het >= 0")
        store.group_frequencies(people, columns=["ac", "hwe_p", "faf95"])
        varhouse.annotate_frequencies(
            file("sites.vcf"), file("af.vcf.gz"), store=store, people=people
        )

    yield "ingest", lambda: ingest(2)
    yield "a further ingest", lambda: ingest(4)
    yield "validate", check
    yield "export", export
    yield "genotypes", ask
    yield "groups", groups
    yield "read_vcf", read
    yield (
        "validate --fix",
        lambda: [
            varhouse.repair(
                file(f"{n}.vcf"),
                file(f"{n}-fixed.vcf"),
                reference=reference,
                swap_ref_alt=True,
            )
            for n in ("plain", "full", "faults")
        ],
    )
    yield (
        "normalise",
        lambda: [
            varhouse.normalise(file(f"{n}.vcf"), file(f"{n}-n{e}"), reference=reference)
            for n in ("plain", "full", "sites")
            for e in (".vcf", ".parquet")
        ],
    )
    yield "liftover", lift
    yield "annotate", annotate
    yield (
        "frequencies",
        lambda: [
            varhouse.frequencies(file("plain.vcf"), file("f.parquet"), reference=given)
            for given in (reference, None)
        ],
    )


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
