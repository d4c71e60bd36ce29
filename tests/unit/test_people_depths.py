"""Depth, quality and contamination of people against a slow count of the files' text."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from builders import key, make_fasta, make_store
from inprocess import ingest_here

import varhouse
from varhouse.errors import StoreError, UsageError
from varhouse.people import depths
from varhouse.people.depths import read_depths, source_frequencies
from varhouse.store.reader import Store

PEOPLE = [f"p{i}" for i in range(25)]
GTS = ["0/0", "0|1", "1/1", "1|1", "1/1", "./.", "1/.", ".", "1", "2/2", "0/1/1", "1/1/1"]
FORMATS = ["GT:GQ:DP:AD", "GT:AD:DP:GQ", "GT:AD:GQ", "GT:DP", "GT", "DP:GQ"]
HEAD = """##fileformat=VCFv4.3
##contig=<ID=chr1,length=4000>
##contig=<ID=chrX,length=4000>
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=GQ,Number=1,Type={quality},Description="Quality">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">
##FORMAT=<ID=AD,Number=R,Type={reads},Description="Depths">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t"""
ALTS = [("A", "C"), ("A", "C,G"), ("AC", "A"), ("A", "C,<NON_REF>"), ("A", "<NON_REF>,C")]


def draw(rng: np.random.Generator, n: int, quality: str, contig: str, people: int) -> list:
    """Draw records as cells of lines."""

    def number(low: int, top: int, end: str = "") -> str:
        return "." if rng.random() < 0.05 else f"{rng.integers(low, top)}{end}"

    end = ".5" if quality == "Float" else ""
    out = []
    for k in range(n):
        form = FORMATS[int(rng.choice(6, p=[0.5, 0.2, 0.1, 0.1, 0.05, 0.05]))]
        ref, alt = ALTS[int(rng.choice(5, p=[0.6, 0.1, 0.1, 0.1, 0.1]))]
        alleles = 2 + alt.count(",")
        cells = []
        for _ in range(people):
            gt = GTS[int(rng.integers(len(GTS)))]
            said = {
                "GT": gt.replace("2", str(min(2, alleles - 1))),
                "GQ": number(0, 60, end),
                "DP": number(5, 120),
                "AD": ",".join(number(0, 40) for _ in range(alleles)),
            }
            if rng.random() < 0.1:
                # Nothing; and what is no plain number is none.
                said["AD"] = str(rng.choice([".", "03,20" + ",1" * (alleles - 2)]))
            kept = form.split(":")[: None if rng.random() < 0.9 else 2]
            cells.append(":".join(said[f] for f in kept))
        out.append([contig, str(4 * k + 1), ref, alt, form, *cells])
    return out


def value(text: str | None) -> float | None:
    return None if text in (None, ".") else float(text)


def slow(lines: list, people: int, ref_af: dict) -> list[list]:
    """Read the lines cell by cell: (DP, GQ, shares over the frequency) of each person."""
    out: list[list] = [[[], [], []] for _ in range(people)]
    for contig, pos, ref, alt, form, *cells in lines:
        keys = form.split(":")
        if "GT" not in keys or contig != "chr1":
            continue
        alts = alt.split(",")
        real = [i for i, a in enumerate(alts, 1) if a != "<NON_REF>"]
        snv = len(real) == 1 and len(ref) == 1
        f = ref_af.get((contig, int(pos), ref, alts[real[0] - 1]), 0) if snv else 0
        for who, cell in enumerate(cells):
            said = dict(zip(keys, cell.split(":"), strict=False))
            copies = said["GT"].replace("|", "/").split("/")
            if "." in copies:
                continue
            dp, gq = value(said.get("DP")), value(said.get("GQ"))
            out[who][0] += [dp] * (dp is not None)
            out[who][1] += [gq] * (gq is not None)
            if not 0.05 < f < 0.95 or copies != [str(real[0])] * 2:
                continue
            ad = [value(x) for x in said.get("AD", ".").split(",")]
            if said.get("AD", ".").startswith("03"):
                continue
            if len(ad) < 2 or ad[0] is None or ad[real[0]] is None:
                continue
            depth = dp if "DP" in keys else sum(x or 0 for x in ad)
            if depth is None or not 10 <= depth <= 100 or gq is None or gq < 20:
                continue
            if ad[0] + ad[real[0]]:
                out[who][2].append(ad[0] / (ad[0] + ad[real[0]]) / f)
    return out


def write(path: Path, lines: list, names: list[str], quality: str, reads: str) -> None:
    head = HEAD.format(quality=quality, reads=reads) + "\t".join(names)
    rows = [
        "\t".join([contig, pos, ".", ref, alt, ".", "PASS", ".", form, *cells])
        for contig, pos, ref, alt, form, *cells in lines
    ]
    path.write_text("\n".join([head, *rows]) + "\n")


def ingest(folder: Path, cohorts: dict[str, str]) -> Store:
    unit = "ACGT" + "ACGA"
    make_fasta(folder / "ref.fa", {"chr1": unit * 500, "chrX": unit * 500})
    sheet = ["cohort\tfiles", *(f"{c}\t{f}" for c, f in cohorts.items())]
    (folder / "cohorts.tsv").write_text("\n".join(sheet) + "\n")
    (folder / "c.yaml").write_text(
        "assembly: {name: t, reference: ref.fa}\ncohorts: cohorts.tsv\n"
        "policy: {unlisted_samples: unknown}\n"
    )
    account = ingest_here(folder / "store", folder / "c.yaml", chunk_records=40)
    assert not account.get("held_back"), account
    return varhouse.open(folder / "store")


def mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def own_frequencies(store: Store, cohort: str) -> pl.DataFrame:
    rows = store.scan("frequencies", cohort=cohort).filter(pl.col("stratum_by") == "all")
    return rows.select("contig", "pos", "ref", "alt", "extent", "af").collect()


def by_key(rows: pl.DataFrame) -> dict:
    return {(c, p, r, a): 1 - af for c, p, r, a, _, af in rows.rows() if af is not None}


def assert_is(found: pl.DataFrame, wanted: list[list]) -> None:
    assert found["ordinal"].to_list() == list(range(len(wanted)))
    for name, at in (("dp_mean", 0), ("gq_mean", 1), ("contamination", 2)):
        assert found[name].to_list() == pytest.approx([mean(w[at]) for w in wanted]), name
    assert found["n_contamination"].to_list() == [len(w[2]) for w in wanted]


@pytest.fixture(scope="module", params=["Integer", "Float"])
def fx_text(request, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, dict]:
    """Cohorts `a` of one file, `b` of three (two of the same people), `few` of two people."""
    folder = tmp_path_factory.mktemp("depths")
    rng = np.random.default_rng(7)
    quality = request.param

    def lines(contig: str, people: int) -> list:
        return draw(rng, 150, quality, contig, people)

    whole = [*lines("chr1", 25), *lines("chrX", 25)]
    write(folder / "a.vcf", whole, PEOPLE, quality, "Integer")
    parts = [lines("chr1", 15), lines("chr1", 10)[17:], lines("chrX", 15)]
    names = [PEOPLE[:15], PEOPLE[15:], PEOPLE[14::-1]]
    for k, (part, who) in enumerate(zip(parts, names, strict=True)):
        write(folder / f"b{k}.vcf", part, who, quality, "Integer")
    few = lines("chr1", 2)
    write(folder / "few.vcf", few, PEOPLE[:2], quality, "Integer")
    store = ingest(folder, {"a": "a.vcf", "b": "b0.vcf,b1.vcf,b2.vcf", "few": "few.vcf"})
    return store, {"a": [(whole, PEOPLE)], "b": list(zip(parts, names, strict=True)),
                   "few": [(few, PEOPLE[:2])]}  # fmt: skip


def slow_cohort(store: Store, cohort: str, files: list, ref_af: dict) -> list[list]:
    people = store.scan("samples", cohort=cohort).sort("ordinal").collect()["sample"].to_list()
    wanted: list[list] = [[[], [], []] for _ in people]
    for lines, names in files:
        for name, own in zip(names, slow(lines, len(names), ref_af), strict=True):
            for kind, more in zip(wanted[people.index(name)], own, strict=True):
                kind += more
    return wanted


@pytest.mark.parametrize("cohort", ["a", "b"])
def test_figures_are_those_of_the_text(fx_text, cohort: str) -> None:
    store, texts = fx_text
    ref_af = by_key(own_frequencies(store, cohort))
    wanted = slow_cohort(store, cohort, texts[cohort], ref_af)
    assert_is(read_depths(store, cohort), wanted)
    assert min(len(kind) for person in wanted for kind in person) > 2


def test_windows_of_any_size_give_the_same(fx_text, monkeypatch) -> None:
    store, _ = fx_text
    whole = read_depths(store, "b")
    monkeypatch.setattr(depths, "_CELLS", 1)
    cut = read_depths(store, "b")
    assert cut.drop("contamination").equals(whole.drop("contamination"))
    assert cut["contamination"].to_list() == pytest.approx(whole["contamination"].to_list())


def test_frequencies_of_a_source(fx_text) -> None:
    store, texts = fx_text
    rng = np.random.default_rng(3)
    source = own_frequencies(store, "few")
    af = pl.Series("af", rng.random(source.height), pl.Float32)
    source = source.with_columns(af).with_columns(
        af=pl.when(pl.int_range(pl.len()) % 7 > 0).then("af")
    )
    wanted = slow_cohort(store, "few", texts["few"], by_key(source))
    assert_is(read_depths(store, "few", source), wanted)
    # Of an allele that stands twice the first that is known counts.
    twice = pl.concat([source, source.with_columns(af=1 - pl.col("af"))])
    assert_is(read_depths(store, "few", twice.lazy()), wanted)
    assert sum(len(person[2]) for person in wanted) > 10


def test_frequencies_of_a_source_of_the_store(tmp_path: Path) -> None:
    rows = [{**key("chr1-1-A-C"), "AF": 0.2, "AC": 3}, {**key("chr1-9-A-G"), "AF": None}]
    known = {"source_version": "1", "licence": "free"}
    source = pl.DataFrame(
        [{**r, **known} for r in rows],
        schema_overrides={"pos": pl.Int32, "AF": pl.Float32, "AC": pl.Int32},
    )
    path = make_store(tmp_path / "s", {"annotations_gnomad": source})
    store = varhouse.open(path)
    found = source_frequencies(store, "gnomad.AF").collect()
    assert found.columns == ["contig", "pos", "ref", "alt", "extent", "af"]
    assert found["af"].to_list() == pytest.approx([0.2, None])
    for field in ("gnomad.AC", "gnomad", "gnomad.af"):
        with pytest.raises(UsageError, match="of gnomad there are AF"):
            source_frequencies(store, field)
    with pytest.raises(StoreError):
        source_frequencies(store, "other.AF")


def test_reference_blocks_are_no_genotypes(tmp_path: Path) -> None:
    """Three gVCFs of one person each: blocks and variants lie in the same blocks of fields."""
    rng = np.random.default_rng(2)
    wanted = []
    for who in range(3):
        lines = []
        for k in range(120):
            d, gq = int(rng.integers(12, 60)), int(rng.integers(10, 99))
            at = ["chr1", str(4 * k + 1), "A"]
            if rng.random() < 0.6:
                lines.append([*at, "<NON_REF>", "GT:DP:GQ", f"0/0:{d}:{gq}"])
            else:
                r, gt = int(rng.integers(0, 5)), ("0/1", "1/1")[int(rng.integers(2))]
                cell = f"{gt}:{r},{d - r},0:{d}:{gq}"
                lines.append([*at, "C,<NON_REF>", "GT:AD:DP:GQ", cell])
        write(tmp_path / f"{who}.vcf", lines, [PEOPLE[who]], "Integer", "Integer")
        text = (tmp_path / f"{who}.vcf").read_text()
        end = '##INFO=<ID=END,Number=1,Type=Integer,Description="x">\n#CHROM'
        rows = [
            row.replace("PASS\t.", f"PASS\tEND={int(row.split()[1]) + 3}")
            if "\t<NON_REF>\t" in row else row
            for row in text.replace("#CHROM", end, 1).splitlines()
        ]  # fmt: skip
        (tmp_path / f"{who}.vcf").write_text("\n".join(rows) + "\n")
        variants = [line for line in lines if line[3] != "<NON_REF>"]
        af = {("chr1", 4 * k + 1, "A", "C"): 0.4 for k in range(120)}
        wanted += slow(variants, 1, af)
    store = ingest(tmp_path, {"g": "0.vcf,1.vcf,2.vcf"})
    assert store.scan("blocks").collect().height > 150
    source = own_frequencies(store, "g").with_columns(af=pl.lit(0.6))
    assert_is(read_depths(store, "g", source), wanted)
    assert min(len(person[2]) for person in wanted) > 5


def test_few_people_say_nothing_of_strangers(fx_text) -> None:
    store, _ = fx_text
    found = read_depths(store, "few")
    assert found["contamination"].to_list() == [None, None]
    assert found["n_contamination"].to_list() == [0, 0]
    assert found["dp_mean"].null_count() == 0


def test_without_such_fields(tmp_path: Path) -> None:
    lines = draw(np.random.default_rng(1), 40, "Integer", "chr1", 25)
    bare = [[*r[:4], "GT", *(c.split(":")[0] for c in r[5:])] for r in lines if "GT" in r[4]]
    write(tmp_path / "bare.vcf", bare, PEOPLE, "Integer", "Integer")
    # AD as text is no count of reads; people of no file, and files of no people.
    write(tmp_path / "text.vcf", lines, PEOPLE, "Integer", "String")
    sites = [[c, p, r, a] for c, p, r, a, *_ in lines]
    head = HEAD.format(quality="Integer", reads="Integer").removesuffix("\tFORMAT\t")
    rows = ["\t".join([c, p, ".", r, a, ".", "PASS", "AC=1;AN=2"]) for c, p, r, a in sites
            if "," not in a]  # fmt: skip
    (tmp_path / "sites.vcf").write_text("\n".join([head, *rows]) + "\n")
    store = ingest(tmp_path, {"bare": "bare.vcf", "text": "text.vcf", "sites": "sites.vcf"})
    found = read_depths(store, "bare")
    assert found.schema == pl.Schema(depths.SCHEMA)
    assert found.height == 25
    assert found.select("dp_mean", "gq_mean", "contamination").null_count().row(0) == (25,) * 3
    assert found["n_contamination"].sum() == 0
    text = read_depths(store, "text")
    assert text["contamination"].null_count() == 25
    assert text["dp_mean"].null_count() == 0
    none = read_depths(store, "sites")
    assert none.height == 0
    assert none.schema == pl.Schema(depths.SCHEMA)


def test_strangers_reads_are_found(tmp_path: Path) -> None:
    """Mix reads of another person into each fourth's: genotypes are called from the mix."""
    rng = np.random.default_rng(11)
    n, people = 900, 40
    share = np.tile([0.0, 0.01, 0.02, 0.05], 10)
    af = rng.uniform(0.1, 0.9, n)
    copies = (rng.random((n, people, 2)) < af[:, None, None]).sum(2)
    stranger = (rng.random((n, people, 2)) < af[:, None, None]).sum(2)
    expected = (1 - share) * copies / 2 + share * stranger / 2
    expected = expected * (1 - 1e-4) + (1 - expected) * 1e-4
    depth = rng.poisson(40, (n, people))
    alt = rng.binomial(depth, expected)
    # The most likely genotype, with one read of a hundred wrong.
    log = np.stack(
        [alt * np.log(p) + (depth - alt) * np.log(1 - p) for p in (0.01, 0.5, 0.99)]
    )
    gt = log.argmax(0)
    second = np.sort(log, 0)
    gq = np.minimum((second[2] - second[1]) / np.log(10) * 10, 99).astype(int)
    spelt = np.array(["0/0", "0/1", "1/1"])
    lines = [
        ["chr1", str(4 * k + 1), "A", "C", "GT:AD:DP:GQ",
         *(f"{spelt[gt[k, s]]}:{depth[k, s] - alt[k, s]},{alt[k, s]}:{depth[k, s]}:{gq[k, s]}"
           for s in range(people))]
        for k in range(n)
    ]  # fmt: skip
    names = [f"p{i}" for i in range(people)]
    write(tmp_path / "mixed.vcf", lines, names, "Integer", "Integer")
    found = read_depths(ingest(tmp_path, {"mixed": "mixed.vcf"}), "mixed")
    wrong = found["contamination"].to_numpy() - share
    means = [found["contamination"].to_numpy()[k::4].mean() for k in range(4)]
    # Reads that are wrong look like strangers' too: 1e-4 / f_ref, four times as much here.
    assert means == pytest.approx([0.0004, 0.0104, 0.0204, 0.0504], abs=0.003)
    assert np.abs(wrong).max() < 0.015
    assert found["n_contamination"].min() > 150
