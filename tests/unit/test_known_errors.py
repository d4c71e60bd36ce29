"""Errors that others published in their frequencies, as cases of ours.

Hemizygotes shown as the men's called alleles (gnomad-browser 642), hemizygotes counted in the
pseudo-autosomal regions and on autosomes (683), half a count for a man's heterozygote on X
(plink-ng 341), called alleles lost where a data set holds another allele only (gnomad_methods
674).
"""

from pathlib import Path

import polars as pl
from builders import make_fasta
from inprocess import ingest_here

import varhouse
from varhouse.onefile.frequencies import frequencies

HEAD = """##fileformat=VCFv4.3
##contig=<ID=1>
##contig=<ID=X>
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Quality">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Depths">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t"""


def write(
    path: Path, people: list[str], records: list[tuple[str, int, str, list[str]]]
) -> Path:
    good = ":40:30:15,15"
    rows = [
        f"{contig}\t{pos}\t.\tA\t{alt}\t.\tPASS\t.\tGT:GQ:DP:AD\t"
        + "\t".join(gt + good for gt in gts)
        for contig, pos, alt, gts in records
    ]
    path.write_text(HEAD + "\t".join(people) + "\n" + "\n".join(rows) + "\n")
    return path


def counted(folder: Path, records: list[tuple[str, int, str, list[str]]]) -> pl.DataFrame:
    """Count two men and a woman; X is pseudo-autosomal up to base 20."""
    path = write(folder / "a.vcf", ["m1", "m2", "w"], records)
    sheet, par = folder / "samples.tsv", folder / "par.bed"
    sheet.write_text("cohort\tsample\tsex\na\tm1\tmale\na\tm2\tmale\na\tw\tfemale\n")
    par.write_text("X\t0\t20\n")
    return frequencies(path, samples=sheet, par=par).frame


def test_hemizygotes_are_men_with_the_allele(tmp_path: Path) -> None:
    rows = counted(tmp_path, [("X", 33, "C", ["1", "0", "0/1"])])
    assert rows.select("n_hemi", "an", "ac").row(0) == (1, 4, 2)
    assert rows.select("n_hemi_adj", "an_adj", "ac_adj").row(0) == (1, 4, 2)


def test_nobody_is_hemizygous_in_the_par_or_on_an_autosome(tmp_path: Path) -> None:
    records = [("1", 9, "C", ["1/1", "0/1", "1/1"]), ("X", 9, "C", ["1/1", "0/1", "1/1"])]
    for row in counted(tmp_path, records).iter_rows(named=True):
        for end in ("", "_adj"):
            found = tuple(row[f"{n}{end}"] for n in ("n_hemi", "n_hom_alt", "n_het", "an"))
            assert found == (0, 2, 1, 6)
        assert row["n_not_diploid"] == 0


def test_a_mans_heterozygote_on_x_is_no_half(tmp_path: Path) -> None:
    rows = counted(tmp_path, [("X", 33, "C", ["0/1", "1/1", "0/0"])])
    assert rows.select("ac", "an", "n_het", "n_het_not_diploid").row(0) == (3, 6, 1, 1)
    adj = ("ac_adj", "an_adj", "n_het_adj", "n_hemi_adj", "n_missing_adj")
    assert rows.select(adj).row(0) == (1, 3, 0, 1, 1)
    # The woman alone is tested.
    assert rows["hwe_p"].to_list() == [1.0]


def test_called_alleles_are_not_lost_with_another_allele(tmp_path: Path) -> None:
    make_fasta(tmp_path / "ref.fa", {"1": "A" * 40})
    write(tmp_path / "a.vcf", ["a1"], [("1", 9, "C", ["0/1"])])
    write(tmp_path / "b.vcf", ["b1", "b2"], [("1", 9, "G", ["0/1", "0/0"])])
    (tmp_path / "cohorts.tsv").write_text("cohort\tfiles\na\ta.vcf\nb\tb.vcf\n")
    (tmp_path / "samples.tsv").write_text(
        "cohort\tsample\tsex\na\ta1\tfemale\nb\tb1\tfemale\nb\tb2\tfemale\n"
    )
    (tmp_path / "config.yaml").write_text(
        "assembly: {name: t, reference: ref.fa}\ncohorts: cohorts.tsv\nsamples: samples.tsv\n"
    )
    ingest_here(tmp_path / "store", tmp_path / "config.yaml")
    rows = varhouse.open(tmp_path / "store").scan("totals").collect()
    assert (
        rows.select("an", "an_adj", "n_samples", "n_samples_adj", "n_cohorts").rows()
        == [(6, 6, 3, 3, 2)] * 2
    )
