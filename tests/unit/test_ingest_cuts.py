"""The result of an ingest does not depend on cuts, order of cohorts, or steps."""

import json
import random
from pathlib import Path

import polars as pl
import pytest
from inprocess import ingest_here

import varhouse
from varhouse.errors import ConfigError
from varhouse.store.drop import drop_cohort

CONTIG = "c1"
GENOME = "ACGT" * 10 + "CACACACACACACACACACACACACACACACA" + "GGGTTTAAACCC" * 4 + "T" * 40


def _record(pos, ref, alt, gts, id_="."):
    return f"{CONTIG}\t{pos}\t{id_}\t{ref}\t{alt}\t50\tPASS\tX={pos}\tGT\t" + "\t".join(gts)


def _vcf(path: Path, records, samples):
    head = [
        "##fileformat=VCFv4.3",
        f"##contig=<ID={CONTIG},length={len(GENOME)}>",
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        "\t".join(
            ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples]
        ),
    ]
    path.write_text("\n".join([*head, *records]) + "\n")


def _random_records(rng, n_samples):
    """Records in repeats: many indels move left, over any cut; some become equal."""
    records = []
    gts = ["0/0", "0/1", "1|1", "./.", "./1", "."]
    for pos in range(2, len(GENOME) - 8):
        for _ in range(rng.choice([0, 1, 1, 2])):
            ref = GENOME[pos - 1 : pos - 1 + rng.choice([1, 1, 1, 3, 5])]
            kind = rng.random()
            if kind < 0.4:
                ref = ref[0]
                alt = rng.choice([b for b in "ACGT" if b != ref])
            elif kind < 0.7 and len(ref) > 2:
                alt = ref[:-2]
            else:
                alt = ref + GENOME[pos - 1 + len(ref) : pos + 1 + len(ref)]
            if rng.random() < 0.1:
                alt += "," + rng.choice([b for b in "ACGT" if b != ref[:1]]) + ref[1:]
            row = rng.choices(gts, [10, 3, 1, 1, 0.3, 0.2], k=n_samples)
            records.append(
                _record(pos, ref, alt, row, f"rs{pos}" if rng.random() < 0.3 else ".")
            )
    return records


@pytest.fixture
def fx_world(tmp_path):
    rng = random.Random(7)
    (tmp_path / "ref.fa").write_text(f">{CONTIG}\n{GENOME}\n")
    rows = ["cohort\tsample\tsex\tpopulation"]
    for name, n in (("a", 4), ("b", 3)):
        samples = [f"{name}{i}" for i in range(n)]
        _vcf(tmp_path / f"{name}.vcf", _random_records(rng, n), samples)
        rows += [
            f"{name}\t{s}\t{rng.choice(['male', 'female'])}\tP{i % 2}"
            for i, s in enumerate(samples)
        ]
    (tmp_path / "samples.tsv").write_text("\n".join(rows) + "\n")
    return tmp_path


def _config(folder, cohorts, name="config"):
    sheet = folder / f"{name}.tsv"
    sheet.write_text("cohort\tfiles\n" + "".join(f"{c}\t{c}.vcf\n" for c in cohorts))
    path = folder / f"{name}.yaml"
    path.write_text(
        json.dumps(
            {
                "assembly": {"name": "toy", "reference": "ref.fa"},
                "cohorts": sheet.name,
                "samples": "samples.tsv",
                "strata": ["population", "population+sex"],
            }
        )
    )
    return path


def test_cuts_change_nothing(fx_world):
    config = _config(fx_world, ["a", "b"])
    whole = ingest_here(fx_world / "whole", config)
    store = varhouse.open(fx_world / "whole")
    rejects = store.scan("rejects").collect()
    twice = rejects.filter(pl.col("reason") == "duplicate_allele")
    assert twice.height > 20, "the repeats must make equal alleles"
    carried = 0
    for size in (1, 2, 3, 7, 40):
        cut = ingest_here(fx_world / f"cut{size}", config, chunk_records=size)
        assert cut["digest"] == whole["digest"], size
        carried += sum(c["n_carried_duplicates"] for c in cut["cohorts"])
    assert carried > 20, "duplicates must cross the cuts"


def test_order_of_cohorts_and_steps_changes_nothing(fx_world):
    both = ingest_here(fx_world / "both", _config(fx_world, ["a", "b"]))
    other = ingest_here(fx_world / "other", _config(fx_world, ["b", "a"], "turned"))
    ingest_here(fx_world / "steps", _config(fx_world, ["b"], "first"))
    steps = ingest_here(fx_world / "steps", _config(fx_world, ["a"], "second"))
    assert both["digest"] == other["digest"] == steps["digest"]
    assert varhouse.open(fx_world / "steps").release == 3


def test_drop_and_replace_leave_no_trace(fx_world):
    config = _config(fx_world, ["a", "b"])
    ingest_here(fx_world / "store", config)
    only_b = ingest_here(fx_world / "only_b", _config(fx_world, ["b"], "b"))
    drop_cohort(fx_world / "store", "a")
    assert varhouse.open(fx_world / "store").digest() == only_b["digest"]
    # b with half of its records, against a fresh build of that.
    lines = (fx_world / "b.vcf").read_text().splitlines(keepends=True)
    head = [ln for ln in lines if ln.startswith("#")]
    body = [ln for ln in lines if not ln.startswith("#")]
    (fx_world / "b.vcf").write_text("".join(head + body[::2]))
    replaced = ingest_here(fx_world / "store", _config(fx_world, ["b"], "b"))
    fresh = ingest_here(fx_world / "fresh", _config(fx_world, ["b"], "b"))
    assert replaced["digest"] == fresh["digest"] != only_b["digest"]


def test_same_again_is_a_no_op_even_with_another_time_stamp(fx_world):
    config = _config(fx_world, ["a", "b"])
    first = ingest_here(fx_world / "store", config)
    (fx_world / "a.vcf").touch()
    again = ingest_here(fx_world / "store", config)
    assert again["up_to_date"]
    assert again["release"] == first["release"]


def test_another_reference_is_refused(fx_world):
    config = _config(fx_world, ["a"])
    ingest_here(fx_world / "store", config)
    (fx_world / "ref.fa").write_text(f">{CONTIG}\n{GENOME[:-1]}A\n")
    said = json.loads(config.read_text())
    said["assembly"]["name"] = "other"
    config.write_text(json.dumps(said))
    with pytest.raises(ConfigError, match="difference: contig c1") as told:
        ingest_here(fx_world / "store", config)
    assert told.value.exit_code == 2
    assert len(told.value.problems) == 2
    assert "the configuration of other" in told.value.problems[0]


def test_other_genes_annotate_everything_again(fx_world):
    """A changed gene model gives the store that a fresh build with it gives."""
    rows = ["##gff-version 3"]
    features = {
        "gene": "ID=gene:G;Name=TOY",
        "mRNA": "ID=transcript:T;Parent=gene:G",
        "exon": "Parent=transcript:T",
    }
    for kind, more in features.items():
        rows.append(f"{CONTIG}\tt\t{kind}\t11\t70\t.\t+\t.\t{more};biotype=lncRNA")
    (fx_world / "genes.gff3").write_text("\n".join(rows) + "\n")

    def config(name, cohorts, genes):
        path = _config(fx_world, cohorts, name)
        data = json.loads(path.read_text())
        data["genes"] = genes
        path.write_text(json.dumps(data))
        return path

    (fx_world / "genes2.gff3").write_text("\n".join(rows).replace("\t70\t", "\t99\t") + "\n")
    ingest_here(fx_world / "store", config("one", ["a", "b"], "genes.gff3"))
    # At the same time b loses half of its records: alleles go that b alone had.
    lines = (fx_world / "b.vcf").read_text().splitlines(keepends=True)
    body = [ln for ln in lines if not ln.startswith("#")]
    (fx_world / "b.vcf").write_text("".join(lines[: -len(body)] + body[::2]))
    again = ingest_here(fx_world / "store", config("two", ["a", "b"], "genes2.gff3"))
    assert again["annotated_again"]
    fresh = ingest_here(fx_world / "fresh", config("two", ["a", "b"], "genes2.gff3"))
    assert again["digest"] == fresh["digest"]
