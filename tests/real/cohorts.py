"""Configurations over the real files, written by the tests that use them."""

import contextlib
import csv
import gzip
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from kills import run_steps

from varhouse.cli import main
from varhouse.ingest import driver

CHR20 = "cohorts/eva-pipeline/vcf/genotyped.vcf.gz"
CHR20_REFERENCE = "reference/GRCh37-chr20-first-252kb/chr20.250k.fa.gz"
CHR20_GENES = "reference/GRCh37-chr20-first-252kb/gencode.v19.annotation.chr20.250k.gtf"
CHR1_REFERENCE = "reference/GRCh37-chr1-first-9.88Mb/chr1_10MB.fasta.gz"
CHR1_GENES = "reference/GRCh37-chr1-Ensembl75-head/Homo_sapiens.GRCh37.75.trun100.gtf"
PHASE1 = "cohorts/snpeff/examples/1kg.head_chr1.vcf.gz"
PHASE3 = (
    "cohorts/opencga-1000g/1k.chr1.phase3_shapeit2_mvncall_integrated_v5.20130502"
    ".genotypes.vcf.gz"
)
GATK = "cohorts/gatk-1kg-10samples/joint_calling.chr1_1M.1kg_samples.10samples.noINFO.vcf"
TRIO = "trio/slivar/ashk-trio.vcf.gz"
PANEL = "cohorts/panel/integrated_call_samples_v3.20130502.ALL.panel"
PED = "cohorts/opencga-1000g/20130606_g1k.ped"
GI_NAME = "gi|224384749|gb|CM000682.1|"


@dataclass
class People:
    """Sex and population of a sample, by name."""

    of: dict[str, dict[str, str]] = field(default_factory=dict)


def read_panel(data: Path) -> dict[str, dict[str, str]]:
    """The 2,504 people of 1000 Genomes phase 3."""
    rows = [ln.split() for ln in (data / PANEL).read_text().splitlines()[1:]]
    return {r[0]: {"population": r[1], "superpopulation": r[2], "sex": r[3]} for r in rows}


def read_ped(data: Path) -> dict[str, dict[str, str]]:
    """The 3,501 people of the pedigree file."""
    sex = {"1": "male", "2": "female"}
    with (data / PED).open() as f:
        return {
            r["Individual ID"]: {
                "population": r["Population"],
                "superpopulation": "",
                "sex": sex.get(r["Gender"], "unknown"),
            }
            for r in csv.DictReader(f, delimiter="\t")
        }


def sample_names(path: Path) -> list[str]:
    """Sample names of a VCF, read by the plainest means."""
    opener = gzip.open if path.name.endswith(".gz") else open
    with opener(path, "rt") as f:
        for line in f:
            if line.startswith("#CHROM"):
                return line.rstrip("\n").split("\t")[9:]
    return []


def write_aliases(path: Path, data: Path, *, gi: bool = False) -> None:
    """GRCh37 with the names that the files here use."""
    rows = ["contig\talias\taccession\tlength\trefget"]
    for line in (data / "assemblies/GRCh37.tsv").read_text().splitlines()[1:]:
        contig, name, _, genbank, refseq, length, refget = line.split("\t")
        more = f",{GI_NAME}" if gi and contig == "chr20" else ""
        rows.append(f"{contig}\t{name},{genbank}{more}\t{refseq}\t{length}\t{refget}")
    path.write_text("\n".join(rows) + "\n")


def write_config(
    folder: Path,
    data: Path,
    cohorts: dict[str, Sequence[Path | str]],
    people: dict[str, dict[str, str]],
    *,
    reference: str,
    genes: str | None = None,
    strata: Sequence[str] = ("population",),
    policy: dict[str, object] | None = None,
    names: dict[str, list[str]] | None = None,
) -> Path:
    """Write config.yaml, the sheets and the aliases into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_aliases(folder / "aliases.tsv", data, gi=True)
    cohort_rows, sample_rows = (
        ["cohort\tfiles"],
        ["cohort\tsample\tsex\tpopulation\tsuperpopulation"],
    )
    for cohort, files in cohorts.items():
        cohort_rows.append(f"{cohort}\t{','.join(map(str, files))}")
        found = (names or {}).get(cohort)
        if found is None:
            found = [s for f in files for s in sample_names(Path(f))]
        for sample in dict.fromkeys(found):
            who = people.get(sample, {})
            sample_rows.append(
                f"{cohort}\t{sample}\t{who.get('sex', 'unknown')}\t"
                f"{who.get('population', '')}\t{who.get('superpopulation', '')}"
            )
    (folder / "cohorts.tsv").write_text("\n".join(cohort_rows) + "\n")
    (folder / "samples.tsv").write_text("\n".join(sample_rows) + "\n")
    config = {
        "assembly": {
            "name": "GRCh37",
            "reference": str(data / reference),
            "aliases": "aliases.tsv",
        },
        "genes": str(data / genes) if genes else None,
        "cohorts": "cohorts.tsv",
        "samples": "samples.tsv",
        "strata": list(strata),
        "policy": policy or {},
    }
    # JSON is YAML.
    (folder / "config.yaml").write_text(json.dumps(config))
    return folder / "config.yaml"


def run_ingest(store: Path, config: Path, *more: str) -> tuple[int, dict, str]:
    """Run `varhouse ingest`, its jobs in this process; give exit code, account and stderr."""
    words = ["ingest", str(store), "--config", str(config), "--cores", "2", "--json", *more]
    with (
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as told,
        mock.patch.object(driver, "run_snakemake", run_steps),
    ):
        code = main(words)
    return code, json.loads(out.getvalue() or "{}"), told.getvalue()
