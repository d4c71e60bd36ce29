"""Groups of people asked of a store against AFQuery's expected results (shared oracles).

AFQuery has a bit for a carrier, takes whoever has no record for reference, and a genotype of a
man on X or Y, or of anybody on MT, for one copy. Ours counts alleles that were called, and a
file without a record says nothing of its people. So AC is compared with the carriers where
AFQuery has one copy a person, else with `ac`; AN on the autosome, where it differs by two for
each person who was not assessed; and who is asked for, by sex, phenotype and capture kit.
"""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from builders import make_fasta
from inprocess import ingest_here

import varhouse
from varhouse.store.reader import Store

LENGTH = 5_000_001
ONE_COPY = {"chrX": {"male"}, "chrY": {"male"}, "chrM": {"female", "male"}}


def genome(records: list[list[str]]) -> dict[str, str]:
    """Make contigs that have the REF of the records, and N elsewhere."""
    out = {c: bytearray(b"N" * LENGTH) for c in ("chr1", "chrX", "chrY", "chrM")}
    for contig, pos, _, ref, *_ in records:
        out[contig][int(pos) - 1 : int(pos) - 1 + len(ref)] = ref.encode()
    return {c: bases.decode() for c, bases in out.items()}


@pytest.fixture(scope="module")
def fx_asked(oracles_dir: Path, tmp_path_factory: pytest.TempPathFactory):
    """A store of the ten people, their sheet, and where each kit looks."""
    data = oracles_dir / "frequencies/afquery/tests/data"
    folder = tmp_path_factory.mktemp("afquery")
    sheet = pl.read_csv(data / "manifest.tsv", separator="\t")
    names, records = [], []
    for name, path in sheet.select("sample_name", "vcf_path").iter_rows():
        shutil.copyfile(data / path, folder / f"{name}.vcf")
        names.append(name)
        lines = (data / path).read_text().splitlines()
        records += [x.split("\t") for x in lines if not x.startswith("#")]
    make_fasta(folder / "ref.fa", genome(records))
    (folder / "cohorts.tsv").write_text(
        "cohort\tfiles\na\t" + ",".join(f"{n}.vcf" for n in names) + "\n"
    )
    codes = sorted({c for text in sheet["phenotype_codes"] for c in text.split(",")})
    people = sheet.select(
        pl.lit("a").alias("cohort"),
        "sex",
        sample="sample_name",
        kit="tech_name",
        **{
            c.replace(".", "_"): pl.col("phenotype_codes").str.split(",").list.contains(c)
            for c in codes
        },
    )
    people.write_csv(folder / "samples.tsv", separator="\t")
    (folder / "config.yaml").write_text(
        "assembly: {name: toy, reference: ref.fa}\n"
        "cohorts: cohorts.tsv\nsamples: samples.tsv\nstrata: [sex]\n"
    )
    ingest_here(folder / "store", folder / "config.yaml")
    # The same people by their kits: AFQuery's wgs has no BED, which is one of the genome.
    shutil.copytree(data / "beds", folder / "beds")
    (folder / "kits.tsv").write_text(
        "kit\tbed\nwgs\tgenome\nwes_kit_a\tbeds/wes_kit_a.bed\nwes_kit_b\tbeds/wes_kit_b.bed\n"
    )
    said = (folder / "config.yaml").read_text()
    (folder / "kits.yaml").write_text(f"{said}callable: {{kits: kits.tsv}}\n")
    ingest_here(folder / "with-kits", folder / "kits.yaml")
    kits = {
        path.stem: [line.split("\t") for line in path.read_text().splitlines()]
        for path in (data / "beds").glob("*.bed")
    }
    return (
        varhouse.open(folder / "store"),
        sheet,
        kits,
        json.loads((data / "expected_results.json").read_text()),
    )


def test_groups_of_afquery(fx_asked: tuple[Store, pl.DataFrame, dict, list]) -> None:
    store, sheet, kits, expected = fx_asked
    assert len(expected) == 5
    compared_an = 0
    for wanted in expected:
        contig, pos = wanted["chrom"], wanted["pos"]
        here = ["wgs"] + [
            kit
            for kit, spans in kits.items()
            if any(c == contig and int(a) < pos <= int(b) for c, a, b in spans)
        ]
        (code,) = wanted["phenotype"]
        sexes = ["male", "female"] if wanted["sex"] == "both" else [wanted["sex"]]
        eligible = sheet.filter(
            pl.col("phenotype_codes").str.split(",").list.contains(code),
            pl.col("tech_name").is_in(here),
            pl.col("sex").is_in(sexes),
        )
        assert eligible.height == wanted["n_eligible"], wanted
        copies = called = assessed = carriers = 0
        for sex in sexes:
            group = f'{code.replace(".", "_")} == "true" and sex == "{sex}" and (' + (
                " or ".join(f'kit == "{k}"' for k in here) + ")"
            )
            found = store.group_frequencies(group, region=f"{contig}:{pos}")
            for row in found.iter_rows(named=True):
                assert (row["ref"], row["alt"]) == (wanted["ref"], wanted["alt"])
                mine = row["n_het"] + row["n_hom_alt"] + row["n_hemi"]
                carriers += mine
                copies += mine if sex in ONE_COPY.get(contig, ()) else row["ac"]
                called += row["an"]
                assessed += row["n_samples"]
        assert copies == wanted["AC"], wanted
        assert 0 < carriers <= assessed <= wanted["n_eligible"]
        if contig == "chr1":
            assert called + 2 * (wanted["n_eligible"] - assessed) == wanted["AN"], wanted
            compared_an += 1
    assert compared_an == 2


def test_an_by_capture_kit(fx_asked: tuple[Store, pl.DataFrame, dict, list]) -> None:
    """Who is assessed by his kit, and AN: AFQuery's figures but for how calls are written.

    AFQuery takes a man on X or Y, and anybody on MT, for one copy, whatever GT says; here a
    call counts as it is written, and one copy is only what is assumed without a record.
    """
    store, _, _, expected = fx_asked
    opened = varhouse.open(store.path.parent / "with-kits")
    asked = ("ac", "an", "n_samples", "n_het", "n_hom_alt", "n_hemi")
    for wanted in expected:
        contig = wanted["chrom"]
        (code,) = wanted["phenotype"]
        sexes = ["male", "female"] if wanted["sex"] == "both" else [wanted["sex"]]
        copies = called = assessed = 0
        for sex in sexes:
            group = f'{code.replace(".", "_")} == "true" and sex == "{sex}"'
            place = f"{contig}:{wanted['pos']}"
            rows = opened.group_frequencies(group, region=place, columns=asked)
            for row in rows.iter_rows(named=True):
                twice = row["n_het"] + row["n_hom_alt"]
                one = sex in ONE_COPY.get(contig, ())
                copies += twice + row["n_hemi"] if one else row["ac"]
                called += row["an"] - (twice if one else 0)
                # AFQuery takes women for eligible on Y, and counts none of their alleles.
                assessed += row["n_samples"]
        assert (copies, called) == (wanted["AC"], wanted["AN"]), wanted
        assert assessed == wanted["n_eligible"] - (contig == "chrY"), wanted
