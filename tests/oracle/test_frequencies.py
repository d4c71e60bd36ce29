"""Frequencies and what is made of them against other programs' answers (shared oracles).

bcftools +fill-tags, plink2 and hail have other rules in places; what is compared, and what
not, stands with each test. gnomAD's faf99 of releases 2.1.1 and 3.0 is a copy of its faf95 and
no oracle. AFQuery's answers: test_groups_afquery. Of hail's files those are used that have
GQ, DP and AD or that hail's tests have numbers for; the others are about splitting fields,
Mendelian errors and sexes, which nothing here does.
"""

import gzip
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from varhouse.onefile.frequencies import frequencies
from varhouse.tables.formulas import filtering_frequency, hardy_weinberg

ROOT = Path(__file__).parent.parent.parent
KEY_ID = pl.format("{}:{}:{}:{}", "contig", "pos", "ref", "alt").alias("ID")


def near(found, wanted, relative: float) -> bool:
    return bool(np.all(np.abs(found - wanted) <= relative * np.abs(wanted)))


def longs(frame: pl.DataFrame, *names: str) -> list[np.ndarray]:
    return [frame[n].cast(pl.Int64).to_numpy() for n in names]


def plink(path: Path) -> pl.DataFrame:
    return pl.read_csv(
        path, separator="\t", schema_overrides={"#CHROM": pl.String, "ALT_CTS": pl.String}
    )


def test_hardy_weinberg_of_sgkit(oracles_dir: Path) -> None:
    rows = pl.read_csv(oracles_dir / "frequencies/sgkit/test_hwe/sim_01.csv")
    assert rows.height == 200
    het, one, two = longs(rows, "n_het", "n_hom_1", "n_hom_2")
    for hom in (one, two):
        assert near(hardy_weinberg(het, hom, het + one + two)[0], rows["p"].to_numpy(), 1e-13)


@pytest.mark.parametrize(("name", "which", "column"), [("freq", 0, "P"), ("midp", 1, "MIDP")])
def test_hardy_weinberg_of_plink2(oracles_dir: Path, name: str, which: int, column: str):
    rows = plink(oracles_dir / f"relatedness/plink2-uwgac/{name}.hardy.gz")
    assert rows.height == 25_689
    het, one, two = longs(rows, "HET_A1_CT", "HOM_A1_CT", "TWO_AX_CT")
    found = hardy_weinberg(het, one, het + one + two)[which]
    # Six digits are written; the least is 1.6e-262.
    assert near(found, rows[column].cast(pl.Float64).to_numpy(), 5.1e-6)


def test_hardy_weinberg_of_hail() -> None:
    counts = [np.array(x) for x in ([500, 200], [250, 85], [1000, 322])]
    assert near(hardy_weinberg(*counts)[1], np.array([0.9747844, 1.1337210e-06]), 5e-8)


def test_filtering_frequencies_of_gnomad(data_dir: Path) -> None:
    folder = data_dir / "annotation/gnomad-hail"
    copies, numbers, wanted = [], [], []
    for path in sorted(folder.glob("sample.gnomad.*.vcf.gz")):
        with gzip.open(path, "rt") as lines:
            for line in lines:
                if line.startswith("#"):
                    continue
                info = dict(
                    cell.split("=", 1)
                    for cell in line.split("\t")[7].split(";")
                    if "=" in cell
                )
                for key, value in info.items():
                    found = re.fullmatch(r"faf95(.*)", key)
                    group = found.group(1).replace("_adj", "") if found else None
                    if group is None or f"AC{group}" not in info or float(value) == 0:
                        continue
                    copies.append(int(info[f"AC{group}"]))
                    numbers.append(int(info[f"AN{group}"]))
                    wanted.append(float(value))
    assert len(wanted) == 103
    found = filtering_frequency(np.array(copies), np.array(numbers), 0.95)
    # gnomAD searches in steps of 1e-6.
    assert np.abs(found - np.array(wanted)).max() <= 1.1e-6


@pytest.fixture(scope="module")
def fx_uwgac(data_dir: Path, oracles_dir: Path, tmp_path_factory: pytest.TempPathFactory):
    """Frequencies of chromosomes 22 and X of 1,126 people, by sex; plink2's folder."""
    folder = data_dir / "cohorts/uwgac-1kg-genomewide"
    truth = oracles_dir / "relatedness/plink2-uwgac"
    files = [folder / f"1KG_phase3_subset_chr{c}.vcf.gz" for c in ("22", "X")]
    with gzip.open(files[0], "rt") as lines:
        names = next(x for x in lines if x.startswith("#CHROM")).split()[9:]
    people = pl.read_csv(truth / "sex-pop.txt", separator="\t").filter(
        pl.col("#IID").is_in(names)
    )
    sheet = tmp_path_factory.mktemp("uwgac") / "samples.tsv"
    sex = pl.col("SEX").replace_strict({1: "male", 2: "female"}, default="unknown")
    people.select(pl.lit("u").alias("cohort"), sample="#IID", sex=sex).write_csv(
        sheet, separator="\t"
    )
    par = ROOT / "resources/GRCh37.par.bed"
    frames = [
        frequencies(f, samples=sheet, strata=["sex"], par=par).frame.with_columns(KEY_ID)
        for f in files
    ]
    return pl.concat(frames), truth


def test_counts_of_plink2(fx_uwgac) -> None:
    rows, truth = fx_uwgac
    whole = rows.filter(pl.col("stratum") == "all")
    both = whole.join(plink(truth / "freq.acount.gz"), on="ID").join(
        plink(truth / "freq.gcount.gz"), on="ID"
    )
    single = both.filter(~pl.col("ALT_CTS").str.contains(",")).cast({"ALT_CTS": pl.Int32})
    assert single.height > 2_100
    assert single.select(
        (pl.col("ac") == pl.col("ALT_CTS")).all(), (pl.col("an") == pl.col("OBS_CT")).all()
    ).row(0) == (True, True)
    # On X men count among the haploid there; the others are compared by sex below.
    plain = single.filter(pl.col("contig") == "22")
    assert (plain["n_het"] == plain["HET_REF_ALT_CTS"].cast(pl.Int32)).all()
    assert (plain["n_hom_alt"] == plain["TWO_ALT_GENO_CTS"].cast(pl.Int32)).all()
    assert (plain["n_missing"] == plain["MISSING_CT"]).all()
    on_x = single.filter(pl.col("HAP_ALT_CTS").cast(pl.Int32) > 0)
    assert on_x.height > 300
    assert (on_x["n_hemi"] == on_x["HAP_ALT_CTS"].cast(pl.Int32)).all()


def test_tests_of_plink2_from_the_file(fx_uwgac) -> None:
    """Diploid people alone decide: on X women, as in plink2's count of them."""
    rows, truth = fx_uwgac
    hardy = plink(truth / "freq.hardy.gz").join(
        plink(truth / "midp.hardy.gz").select("ID", "A1", "MIDP"), on=["ID", "A1"]
    )
    once = hardy.filter(pl.col("ID").is_unique())
    both = rows.filter((pl.col("stratum") == "all") & (pl.col("contig") == "22")).join(
        once, on="ID"
    )
    both = both.filter(~pl.col("AX").str.contains(","))
    assert both.height > 1_000
    for ours, theirs in (("hwe_p", "P"), ("hwe_midp", "MIDP")):
        assert near(both[ours].to_numpy(), both[theirs].cast(pl.Float64).to_numpy(), 5.1e-6)
    on_x = plink(truth / "freq.hardy.x.gz").filter(pl.col("ID").is_unique())
    both = rows.filter((pl.col("stratum") == "all") & (pl.col("contig") == "X")).join(
        on_x.filter(~pl.col("AX").str.contains(",")), on="ID"
    )
    assert both.height > 900
    het, one, two = longs(both, "FEMALE_HET_A1_CT", "FEMALE_HOM_A1_CT", "FEMALE_TWO_AX_CT")
    plain, mid = hardy_weinberg(het, one, het + one + two)
    assert near(both["hwe_p"].to_numpy(), plain, 1e-13)
    assert near(both["hwe_midp"].to_numpy(), mid, 1e-13)


TAGS = {"AC": "ac", "AC_Het": "n_het", "AC_Hemi": "n_hemi"}


@pytest.mark.parametrize("name", ["hwe", "hemi"])
def test_tags_of_bcftools(oracles_dir: Path, tmp_path: Path, name: str) -> None:
    """bcftools' AC_Hemi has half-missing calls too, ours those of one copy: not compared."""
    folder = oracles_dir / "frequencies/bcftools-fill-tags/test"
    golden = folder / ("fill-tags-hwe.out" if name == "hwe" else "fill-tags-hemi.1.out")
    head = [x for x in golden.read_text().splitlines() if x.startswith("#")]
    n = 0
    for line in golden.read_text().splitlines():
        if line.startswith("#"):
            continue
        # The golden has one allele in many records: each is a file of its own here.
        (tmp_path / "one.vcf").write_text("\n".join([*head, line]) + "\n")
        cells = line.split("\t")
        info = dict(c.split("=") for c in cells[7].split(";") if "=" in c)
        rows = frequencies(tmp_path / "one.vcf").frame
        for i, alt in enumerate(cells[4].split(",")):
            row = rows.filter(pl.col("alt") == alt).row(0, named=True)
            assert row["an"] == int(info["AN"])
            half = any(re.fullmatch(r"(\./\d|\d/\.)", gt) for gt in cells[9:])
            for tag, ours in TAGS.items():
                if tag in info and not (half and tag == "AC_Hemi"):
                    assert row[ours] == int(info[tag].split(",")[i]), (tag, line)
            if "AC_Hom" in info:
                assert 2 * row["n_hom_alt"] == int(info["AC_Hom"].split(",")[i])
            # Nobody diploid: 1 there, unknown here.
            if "HWE" in info and row["hwe_p"] is not None:
                assert row["hwe_p"] == pytest.approx(
                    float(info["HWE"].split(",")[i]), rel=5e-6
                )
                n += 1
    assert n == {"hwe": 5, "hemi": 0}[name]


@pytest.mark.parametrize(
    ("name", "n"),
    [
        (
            "opencga-1000g/10k.chr22.phase3_shapeit2_mvncall_integrated_v5.20130502.genotypes",
            9_500,
        ),
        ("debian-variantannotation/hapmap_exome_chr22", 900),
    ],
)
def test_counts_that_files_give_themselves(data_dir: Path, name: str, n: int) -> None:
    path = data_dir / "cohorts" / f"{name}.vcf.gz"
    told = {}
    with gzip.open(path, "rt") as lines:
        for line in lines:
            cells = line.split("\t", 8)
            # Splitting may move alleles of several: their keys are no longer the file's.
            if line.startswith("#") or "," in cells[4]:
                continue
            info = dict(c.split("=", 1) for c in cells[7].split(";") if "=" in c)
            key = (cells[0], int(cells[1]), cells[3], cells[4])
            told.setdefault(key, (int(info["AC"]), int(info["AN"]), float(info["AF"])))
    rows = frequencies(path).frame.select("contig", "pos", "ref", "alt", "ac", "an", "af")
    compared = 0
    for *key, ac, an, af in rows.iter_rows():
        if tuple(key) in told:
            wanted = told[tuple(key)]
            assert (ac, an) == wanted[:2], key
            assert af == pytest.approx(wanted[2], abs=5.1e-3), key
            compared += 1
    assert compared > n


HAIL_MIDP = {
    # Of HWE_test.vcf by position, as hail's own test has it (`test_hardy_weinberg_test`).
    1: 0.5, 2: 0.5, 3: 0.21428571428571427, 4: 0.6571428571428573, 5: 0.5,
    # Nobody called: 0.5 there, unknown here.
    6: None,
}  # fmt: skip


def test_hardy_weinberg_of_hails_file(oracles_dir: Path) -> None:
    rows = frequencies(oracles_dir / "frequencies/hail/HWE_test.vcf").frame
    found = dict(rows.filter(pl.col("pos") <= 6).select("pos", "hwe_midp").iter_rows())
    assert found == {
        pos: None if p is None else pytest.approx(p, rel=1e-13) for pos, p in HAIL_MIDP.items()
    }


def is_adj(gt: str, gq: str, dp: str, ad: str) -> bool:
    """Say what gnomAD's `get_adj_expr` says of a genotype; what is missing is not adj."""
    if "." in gt or "." in (gq, dp) or int(gq) < 20:
        return False
    alleles = [int(a) for a in re.split(r"[/|]", gt)]
    if int(dp) < (5 if len(alleles) == 1 else 10):
        return False
    if len(set(alleles)) == 1:
        return True
    depths = [int(x) for x in ad.split(",")]
    return all(depths[a] / int(dp) >= 0.2 for a in alleles if a > 0)


def trimmed(pos: str, ref: str, alt: str) -> tuple[int, str, str]:
    """Take away what REF and one ALT of several have in common, the end first."""
    at = int(pos)
    while len(ref) > 1 and len(alt) > 1 and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while len(ref) > 1 and len(alt) > 1 and ref[0] == alt[0]:
        at, ref, alt = at + 1, ref[1:], alt[1:]
    return at, ref, alt


@pytest.mark.parametrize(
    ("name", "alleles", "called"),
    [("sample.vcf.gz", 346, 58_962), ("split_test.vcf", 8, 12), ("haploid.vcf", 3, 9),
     ("ab_test.vcf", 4, 8), ("HWE_test.vcf", 6, 38), ("mendel.vcf", 30, 624)],
)  # fmt: skip
def test_high_quality_of_hails_files(
    oracles_dir: Path, tmp_path: Path, name: str, alleles: int, called: int
) -> None:
    """Files of hail's tests, each call asked alone; AC and AN also as a file has them."""
    path = oracles_dir / "frequencies/hail" / name
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt") as lines:
        text = lines.read()
    records = [x.split("\t") for x in text.splitlines() if not x.startswith("#")]
    # Some have no ##contig lines.
    contigs = "".join(f"##contig=<ID={c}>\n" for c in sorted({r[0] for r in records}))
    first = text.index("\n") + 1
    (tmp_path / "own.vcf").write_text(
        text if "##contig" in text else text[:first] + contigs + text[first:]
    )
    wanted = {}
    for cells in records:
        info = dict(c.split("=", 1) for c in cells[7].split(";") if "=" in c)
        keys = cells[8].split(":")
        calls = [dict(zip(keys, c.split(":"), strict=False)) for c in cells[9:]]
        good = [
            c["GT"]
            for c in calls
            if is_adj(*(c.get(k, ".") for k in ("GT", "GQ", "DP", "AD")))
        ]
        copies = [a for gt in good for a in re.split(r"[/|]", gt)]
        for i, alt in enumerate(cells[4].split(",")):
            told = (int(info["AC"].split(",")[i]), int(info["AN"])) if "AC" in info else None
            key = (cells[0], *trimmed(cells[1], cells[3], alt))
            wanted[key] = (told, copies.count(str(i + 1)), len(copies), len(good))
    rows = frequencies(tmp_path / "own.vcf").frame
    for row in rows.iter_rows(named=True):
        told, *counts = wanted[row["contig"], row["pos"], row["ref"], row["alt"]]
        passed = row["n_samples_adj"] - row["n_missing_adj"]
        assert [row["ac_adj"], row["an_adj"], passed] == counts, row
        assert told is None or (row["ac"], row["an"]) == told
    assert (rows.height, rows["an_adj"].sum()) == (alleles, called)
