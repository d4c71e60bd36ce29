"""Symbolic alleles of a store against a slow reader of its own: counts, export, query.

The reader knows nothing of the package: it reads lines, finds each event's place by trying all
of them on the sequence, and counts copies in a dictionary.
"""

import json
import random
import re
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from builders import names_of
from inprocess import ingest_here
from verifying import verify

import varhouse
from varhouse.export.cohort import export_cohort
from varhouse.query import Answer, Question, find_keys
from varhouse.query.vcf import VcfWriter
from varhouse.store.drop import drop_cohort

RNG = random.Random(5)
GENOME = {
    "c1": "ACAC" * 15 + "".join(RNG.choices("ACGT", k=60)) + "T" * 30 + "GAT" * 20,
    "c2": "".join(RNG.choices("ACGT", k=150)),
}
ALIASES = {"c1": "c1", "c2": "c2", "1": "c1", "2": "c2"}
HEAD = """##fileformat=VCFv4.3
##contig=<ID=c1,length=210>
##contig=<ID=c2,length=150>
##INFO=<ID=END,Number=1,Type=Integer,Description="x">
##INFO=<ID=SVLEN,Number=A,Type=Integer,Description="x">
##INFO=<ID=CN,Number=A,Type=Float,Description="x">
##FORMAT=<ID=GT,Number=1,Type=String,Description="x">
"""

# --- the slow reader ---


def leftmost(bases: str, pos: int, size: int) -> int:
    """First place (1-based base before) where taking `size` bases out leaves the same."""
    rest = bases[:pos] + bases[pos + size :]
    places = (p for p in range(1, pos + 1) if bases[:p] + bases[p + size :] == rest)
    return next(places, pos)


def slow_key(contig: str, pos: int, ref: str, alt: str, info: dict, k: int, n: int) -> str:
    """Write the key of ALT k (0-based) of n as text."""
    bases = GENOME[contig]
    mate = re.fullmatch(r"(\w*)([\[\]])(.+):(\d+)[\[\]](\w*)", alt)
    if mate:
        before, mark, other, at, after = mate.groups()
        alt = f"{before.upper()}{mark}{ALIASES[other]}:{at}{mark}{after.upper()}"
        return f"{contig}-{pos}-{ref}-{alt}"
    if not alt.startswith("<"):
        return f"{contig}-{pos}-{ref}-{alt}"
    lengths = info.get("SVLEN", "").split(",")
    length = abs(int(lengths[k])) if len(lengths) == n and lengths[k] not in ("", ".") else 0
    if not length and "END" in info and not alt.startswith("<INS"):
        length = int(info["END"]) - pos
    extent = str(length or ".")
    if alt == "<CNV>" and info.get("CN", ".") != ".":
        extent += f"/CN={float(info['CN']):g}"
    if length and alt.startswith(("<DEL", "<DUP")):
        pos = leftmost(bases, pos, length)
        ref = bases[pos - 1]
    return f"{contig}-{pos}-{ref}-{alt}-{extent}"


def slow_records(text: str):
    """Give (sample names, keys of the ALTs, genotypes) of each line."""
    samples: list[str] = []
    for line in text.splitlines():
        cells = line.split("\t")
        if line.startswith("#CHROM"):
            samples = cells[9:]
        if line.startswith("#"):
            continue
        chrom, pos, _, ref, alts, _, _, said = cells[:8]
        info = dict(e.split("=", 1) for e in said.split(";") if "=" in e)
        alts = alts.split(",")
        keys = [
            slow_key(ALIASES[chrom], int(pos), ref, a, info, k, len(alts))
            for k, a in enumerate(alts)
        ]
        yield samples, keys, [re.split(r"[/|]", g) for g in cells[9:]]


def slow_counts(texts: list[str]) -> Counter[str]:
    """Count copies of each allele in files of different people; the first of equals stays."""
    total: Counter[str] = Counter()
    for text in texts:
        mine: dict[str, int] = {}
        for _, keys, calls in slow_records(text):
            copies = Counter(a for call in calls for a in call)
            for k, key in enumerate(keys, 1):
                mine.setdefault(key, copies[str(k)])
        total.update(mine)
        for key in mine:
            total.setdefault(key, 0)
    return total


# --- generated files ---


def event(rng: random.Random, contig: str, pos: int) -> tuple[str, str]:
    """Give ALT and INFO of a structural allele, written in one of several ways."""
    size = rng.choice([1, 2, 3, 4, 6, 9, 12])
    kind = rng.choice(["DEL", "DEL", "DUP", "DUP:TANDEM", "INV", "INS", "CNV"])
    sign = "-" if kind == "DEL" or rng.random() < 0.3 else ""
    end, length = f"END={pos + size}", f"SVLEN={sign}{size}"
    if kind == "INS":
        return "<INS>", rng.choice([length, f"END={pos};{length}", "X=1"])
    said = rng.choice([end, length, f"{end};{length}", f"{length};{end}"])
    if kind == "CNV":
        said += rng.choice(["", ";CN=3", ";CN=3.0", ";CN=0.5"])
    return f"<{kind}>", said


def make_lines(rng: random.Random, n_samples: int) -> list[str]:
    lines = []
    for contig, bases in GENOME.items():
        for pos in range(2, len(bases) - 13):
            for _ in range(rng.choice([0, 0, 1, 2])):
                ref = bases[pos - 1]
                draw = rng.random()
                if draw < 0.65:
                    alt, info = event(rng, contig, pos)
                elif draw < 0.8:
                    sizes = rng.sample([1, 2, 3, 5, 8], 2)
                    alt = f"<DEL>,{rng.choice(['<DEL>', '<DUP>'])}"
                    info = f"END={pos + max(sizes)};SVLEN=-{sizes[0]},{sizes[1]}"
                elif draw < 0.9:
                    mate = f"{rng.choice(['c2', '2', '1'])}:{rng.choice([5, 6])}"
                    alt = rng.choice([f"{ref}[{mate}[", f"]{mate}]{ref.lower()}"])
                    info = "X=1"
                else:
                    alt, info = rng.choice([b for b in "ACGT" if b != ref]), "X=2"
                top = alt.count(",") + 1
                calls = [
                    f"{rng.randint(0, top)}/{rng.randint(0, top)}" for _ in range(n_samples)
                ]
                lines.append(
                    "\t".join(
                        [contig, str(pos), ".", ref, alt, ".", "PASS", info, "GT", *calls]
                    )
                )
    return lines


def write_vcf(path: Path, lines: list[str], samples: list[str]) -> str:
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
    text = HEAD + "\t".join([*columns, *samples]) + "\n" + "\n".join(lines) + "\n"
    path.write_text(text)
    return text


def config(folder: Path, cohorts: dict[str, list[str]], name: str) -> Path:
    rows = "".join(f"{c}\t{','.join(files)}\n" for c, files in cohorts.items())
    (folder / f"{name}.tsv").write_text("cohort\tfiles\n" + rows)
    path = folder / f"{name}.yaml"
    assembly = {"name": "toy", "reference": "ref.fa", "aliases": "aliases.tsv"}
    policy = {"unlisted_samples": "unknown"}
    path.write_text(
        json.dumps({"assembly": assembly, "cohorts": f"{name}.tsv", "policy": policy})
    )
    return path


FILES = {"a": ["a.vcf"], "b": ["b1.vcf", "b2.vcf"]}


@pytest.fixture(scope="module")
def fx_sv(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[str]]]:
    """Give a folder with two cohorts and a store of them, and the texts of the files."""
    folder = tmp_path_factory.mktemp("sv")
    rng = random.Random(11)
    (folder / "ref.fa").write_text("".join(f">{c}\n{b}\n" for c, b in GENOME.items()))
    (folder / "aliases.tsv").write_text("contig\talias\nc1\t1\nc2\t2\n")
    texts: dict[str, list[str]] = {}
    shared = make_lines(rng, 3)
    for cohort, files in FILES.items():
        for k, file in enumerate(files):
            lines = make_lines(rng, 3) if k == 0 else shared
            if cohort == "b" and k == 0:
                # Half of the other file's records, with other calls, in the order of POS.
                lines = sorted(
                    [*lines, *shared[::2]],
                    key=lambda ln: (ln.split("\t")[0], int(ln.split("\t")[1])),
                )
            names = [f"{file[:-4]}s{i}" for i in range(3)]
            texts.setdefault(cohort, []).append(write_vcf(folder / file, lines, names))
    ingest_here(folder / "store", config(folder, FILES, "config"))
    return folder, texts


def test_counts_are_those_of_the_slow_reader(fx_sv: tuple[Path, dict[str, list[str]]]) -> None:
    folder, texts = fx_sv
    store = varhouse.open(folder / "store")
    total: Counter[str] = Counter()
    for cohort, own in texts.items():
        wanted = slow_counts(own)
        rows = store.scan("frequencies", cohort=cohort).filter(stratum_by="all").collect()
        found = dict(zip(names_of(rows), rows["ac"].to_list(), strict=True))
        assert found == dict(wanted)
        total.update(wanted)
    assert len(total) > 300
    rows = store.scan("totals").filter(stratum_by="all").collect()
    found = dict(zip(names_of(rows), rows["ac"].to_list(), strict=True))
    assert found == {k: total[k] for k in found}
    assert set(names_of(store.scan("variants").collect())) == set(found)
    assert verify(store) == []


def test_cuts_order_drop_and_replace_change_nothing(
    fx_sv: tuple[Path, dict[str, list[str]]], tmp_path: Path
) -> None:
    folder, texts = fx_sv
    whole = varhouse.open(folder / "store").digest()
    for size in (7, 60):
        again = tmp_path / f"cut{size}"
        ingest_here(again, config(folder, FILES, "config"), chunk_records=size)
        assert varhouse.open(again).digest() == whole, size
    turned = config(folder, dict(reversed(FILES.items())), "turned")
    ingest_here(tmp_path / "turned", turned)
    assert varhouse.open(tmp_path / "turned").digest() == whole
    ingest_here(tmp_path / "only", config(folder, {"b": FILES["b"]}, "only"))
    drop_cohort(tmp_path / "turned", "a")
    assert (
        varhouse.open(tmp_path / "turned").digest()
        == varhouse.open(tmp_path / "only").digest()
    )
    # Replaced by half of its lines, against a fresh build of these.
    lines = [ln for ln in texts["a"][0].splitlines() if not ln.startswith("#")]
    write_vcf(folder / "a2.vcf", lines[::2], ["as0", "as1", "as2"])
    half = config(folder, {"a": ["a2.vcf"], "b": FILES["b"]}, "half")
    ingest_here(tmp_path / "fresh", half)
    ingest_here(tmp_path / "cut7", half)
    assert (
        varhouse.open(tmp_path / "cut7").digest() == varhouse.open(tmp_path / "fresh").digest()
    )


@pytest.mark.parametrize("cohort", ["a", "b"])
def test_export_gives_each_allele_its_own_genotypes(
    fx_sv: tuple[Path, dict[str, list[str]]], tmp_path: Path, cohort: str
) -> None:
    folder, texts = fx_sv
    out = tmp_path / "out.vcf"
    export_cohort(varhouse.open(folder / "store"), cohort, out)

    def calls(text: str) -> Counter[tuple]:
        return Counter(
            (tuple(keys), sample, tuple(call))
            for samples, keys, genotypes in slow_records(text)
            for sample, call in zip(samples, genotypes, strict=True)
            if call != [".", "."]
        )

    wanted: Counter[tuple] = Counter()
    for text in texts[cohort]:
        wanted += calls(text)
    assert calls(out.read_text()) == wanted


def test_the_vcf_of_a_query_reads_back_as_the_same_alleles(
    fx_sv: tuple[Path, dict[str, list[str]]],
) -> None:
    folder, _ = fx_sv
    store = varhouse.open(folder / "store")
    answer = Answer(store, Question())
    pieces: list[bytes] = []

    class Stream:
        def write(self, data: bytes) -> None:
            pieces.append(data)

    writer = VcfWriter(Stream(), answer.overview)
    for frame in answer.frames(writer.columns):
        writer.write(frame)
    keys = [k for _, (k,), _ in slow_records(b"".join(pieces).decode())]
    assert keys == names_of(store.scan("variants").collect())


def test_an_id_with_its_extent_finds_one_allele(
    fx_sv: tuple[Path, dict[str, list[str]]],
) -> None:
    folder, _ = fx_sv
    store = varhouse.open(folder / "store")
    names = names_of(store.scan("variants").collect())
    assert [n for n in names[::7] if names_of(find_keys(store, n)) != [n]] == []
    several = pl.Series([n.rsplit("-", 1)[0] for n in names if "<DEL>" in n]).value_counts()
    text, n = several.sort("count", descending=True).row(0)
    assert n > 1
    assert names_of(find_keys(store, text)) == [m for m in names if m.startswith(f"{text}-")]


def test_a_region_finds_what_covers_it(fx_sv: tuple[Path, dict[str, list[str]]]) -> None:
    folder, _ = fx_sv
    store = varhouse.open(folder / "store")
    rows = store.scan("variants").collect()
    for at in (7, 60, 101):
        wanted = [
            n
            for n, c, p, e in zip(
                names_of(rows), rows["contig"], rows["pos"], rows["end"], strict=True
            )
            if c == "c1" and p <= at <= e
        ]
        for table in ("variants", "totals"):
            found = names_of(store.scan(table, contig="c1", start=at, end=at).collect())
            assert sorted(set(found)) == sorted(wanted), (at, table)
    ends = {n: e for n, e in zip(names_of(rows), rows["end"], strict=True) if "-<" in n}
    for name, end in ends.items():
        _, pos, _, alt, extent = name.split("-")
        size = extent.split("/")[0]
        far = 0 if alt == "<INS>" or size == "." else int(size)
        assert end == int(pos) + far, name
