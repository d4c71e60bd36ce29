"""The demo data is the same on every run, sound where it should be, bad where it says so."""

import base64
import gzip
import hashlib
import itertools
import re
import subprocess
import sys
import zlib
from collections import Counter
from pathlib import Path

import pytest

from varhouse.ingest.setup.config import read_config

SCRIPT = Path(__file__).parents[2] / "scripts" / "make_demo_data.py"
FLIP = str.maketrans("ACGT", "TGCA")
CONTIG = {"1": "chr1", "2": "chr2", "X": "chrX", "MT": "chrM"}
STOPS = {"TAA", "TAG", "TGA"}


def make(out: Path, *options: str) -> Path:
    subprocess.run([sys.executable, SCRIPT, out, *options], check=True, capture_output=True)
    return out


def digests(folder: Path) -> dict[str, str]:
    files = [p for p in folder.rglob("*") if p.is_file()]
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("demo") / "a folder", "--scale", "0.45")


@pytest.fixture(scope="module")
def genome(demo: Path) -> dict[str, str]:
    parts = (demo / "demo.fa").read_text().split(">")[1:]
    return {p.split()[0]: "".join(p.split("\n")[1:]) for p in parts}


@pytest.fixture(scope="module")
def model(demo: Path) -> dict[str, dict[str, list[list[str]]]]:
    """Transcript id -> feature type -> GFF3 rows; the transcript itself as `transcript`."""
    found: dict[str, dict[str, list[list[str]]]] = {}
    for line in (demo / "demo.gff3").read_text().splitlines():
        row = line.split("\t")
        if len(row) == 9 and (name := re.search(r"Parent=transcript:(\w+)", row[8])):
            found[name[1]].setdefault(row[2], []).append(row)
        elif len(row) == 9 and (name := re.search(r"ID=transcript:(\w+)", row[8])):
            found[name[1]] = {"transcript": [row]}
    return found


def lines_of(path: Path) -> list[list[str]]:
    text = gzip.decompress(path.read_bytes()).decode()
    return [ln.split("\t") for ln in text.splitlines() if ln[0] != "#"]


def spliced(genome: dict[str, str], rows: list[list[str]]) -> str:
    rows = sorted(rows, key=lambda r: int(r[3]))
    text = "".join(genome[CONTIG[r[0]]][int(r[3]) - 1 : int(r[4])] for r in rows).upper()
    return text if rows[0][6] == "+" else text[::-1].translate(FLIP)


def bcftools(*args: str | Path) -> subprocess.CompletedProcess[str]:
    """Run bcftools in a process of its own: it keeps state between calls."""
    code = """
import sys, pysam.bcftools as b
command = getattr(b, sys.argv[1])
sys.stdout.write(command(*sys.argv[2:]))
sys.stderr.write(command.get_messages() or "")
"""
    command = [sys.executable, "-c", code, *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_same_seed_same_bytes_and_another_seed_other_bytes(tmp_path: Path) -> None:
    small = ("--scale", "0.05")
    first = digests(make(tmp_path / "first", *small))
    assert first == digests(make(tmp_path / "second", *small))
    assert (
        first["demo.fa"] != digests(make(tmp_path / "third", *small, "--seed", "2"))["demo.fa"]
    )


def test_gzip_headers_hold_no_time(demo: Path) -> None:
    for path in demo.rglob("*.gz"):
        assert path.read_bytes()[4:8] == b"\0\0\0\0", path.name


def test_the_configuration_is_accepted_whole(demo: Path) -> None:
    config = read_config(demo / "config.yaml")
    assert [(c.name, len(c.files)) for c in config.cohorts] == [
        ("beijing", 1),
        ("zhejiang", 4),
        ("guangdong", 1),
        ("hebei", 6),
    ]
    counts = config.samples.group_by("cohort").len().sort("cohort").rows()
    assert counts == [("beijing", 420), ("guangdong", 400), ("hebei", 6), ("zhejiang", 420)]
    assert config.warnings == []


def test_aliases_hold_length_and_refget_digest(demo: Path, genome: dict[str, str]) -> None:
    rows = [ln.split("\t") for ln in (demo / "aliases.tsv").read_text().splitlines()]
    assert [r[:2] for r in rows[1:]] == [[v, k] for k, v in CONTIG.items()]
    for name, _, _, length, refget in rows[1:]:
        bases = genome[name].upper().encode()
        raw = hashlib.sha512(bases).digest()[:24]
        assert int(length) == len(bases)
        assert refget == "SQ." + base64.urlsafe_b64encode(raw).decode()
    assert {"N", "a"} <= set(genome["chr1"])


def test_coding_sequences_are_written_into_the_genome(
    genome: dict[str, str], model: dict[str, dict[str, list[list[str]]]]
) -> None:
    biotypes: Counter[str] = Counter()
    for name, rows in model.items():
        biotype = re.search(r"biotype=(\w+)", rows["transcript"][0][8])
        assert biotype is not None
        biotypes[biotype[1]] += 1
        if "CDS" not in rows:
            continue
        cds = spliced(genome, rows["CDS"])
        codons = [cds[i : i + 3] for i in range(0, len(cds), 3)]
        assert cds[:3] == "ATG", name
        assert len(cds) % 3 == 0, name
        if rows["CDS"][0][0] == "MT":
            # Code table 2: TGA is Trp; AGA and AGG are stops.
            assert "TGA" in codons
            assert codons[-1] in {"TAA", "TAG", "AGA", "AGG"}
            continue
        assert codons[-1] in STOPS, name
        assert not STOPS & set(codons[:-1]), name
        exons = sorted(rows["exon"], key=lambda r: int(r[3]))
        for left, right in itertools.pairwise(exons):
            intron = spliced(
                genome, [[*left[:3], str(int(left[4]) + 1), str(int(right[3]) - 1), *left[5:]]]
            )
            assert (intron[:2], intron[-2:]) == ("GT", "AG"), name
    assert biotypes["nonsense_mediated_decay"] == 1
    assert biotypes["lncRNA"] == 1
    assert biotypes["protein_coding"] >= 18


def test_each_gene_has_one_canonical_transcript(demo: Path) -> None:
    text = (demo / "demo.gff3").read_text()
    assert re.findall(r"ID=gene:\w+;Name=(\w+)", text) == [f"DEMO{n}" for n in range(1, 15)]
    assert text.count("Ensembl_canonical") == 14
    assert {r.split("\t")[6] for r in text.splitlines() if "ID=gene:" in r} == {"+", "-"}


def test_clean_cohort_agrees_with_the_reference_and_normalises(demo: Path) -> None:
    source, fasta = demo / "beijing.vcf.gz", demo / "demo.fa"
    done = bcftools("norm", "-m-", "-c", "e", "-f", fasta, source)
    assert done.returncode == 0, done.stderr
    before = {tuple(r[i] for i in (0, 1, 3, 4)) for r in lines_of(source)}
    after = Counter(
        tuple(ln.split("\t", 5)[i] for i in (0, 1, 3, 4))
        for ln in done.stdout.splitlines()
        if ln[0] != "#"
    )
    assert max(after.values()) == 1
    assert len(after) > len(before) > 3_000
    split = {(k[0], k[1], k[2], alt) for k in before for alt in k[3].split(",")}
    changed = set(after) - split
    places = {k[:2] for k in before}
    # Surplus bases account for one place at most; more is an indel shifted in its repeat.
    far = [
        k for k in changed if (k[0], str(int(k[1]) - 1)) not in places and k[:2] not in places
    ]
    assert len(changed) > 20
    assert len(far) > 20


@pytest.mark.parametrize(
    "name", ["beijing.vcf.gz", "zhejiang.chrX.vcf.gz", "zhejiang.chr1.vcf.gz"]
)
def test_counts_in_info_are_those_of_the_genotypes(demo: Path, name: str) -> None:
    moved = 0
    for row in lines_of(demo / name)[::7]:
        info = dict(kv.split("=") for kv in row[7].split(";"))
        alleles = Counter(
            a for cell in row[9:] for a in re.split(r"[/|]", cell.split(":")[0]) if a != "."
        )
        counts = [str(alleles[str(i + 1)]) for i in range(row[4].count(",") + 1)]
        moved += info["AC"].split(",") != counts or int(info["AN"]) != alleles.total()
    assert moved == 0


def test_genotypes_are_written_in_many_ways(demo: Path) -> None:
    seen: dict[str, set[str]] = {}
    for path in [demo / "beijing.vcf.gz", *demo.glob("zhejiang.*.vcf.gz")]:
        for row in lines_of(path):
            cells = {c.split(":")[0] for c in row[9:]}
            seen.setdefault(f"{path.name.split('.')[0]} {row[0]}", set()).update(cells)
    assert {"0/0", "0/1", "1/1", "./.", "1/2"} <= seen["beijing chr1"]
    assert {"0/.", "1/."} & seen["beijing chr1"]
    assert {"0", "1", "0/1"} <= seen["beijing chrX"]
    assert {"0/.", "1/.", "0/1"} <= seen["zhejiang chrX"]
    assert {"0|0", "0|1", "1|0", "1|1"} <= seen["zhejiang chr1"]
    assert {"0", "1"} <= seen["beijing chrM"] <= {"0", "1", "2", "."} | {"./.", "0/."}


def test_zhejiang_holds_the_records_to_refuse(demo: Path, genome: dict[str, str]) -> None:
    problems: Counter[str] = Counter()
    for contig in ("chr1", "chr2"):
        path = demo / f"zhejiang.{contig}.vcf.gz"
        assert path.read_bytes()[3] & 4 == 0, "plain gzip has no BGZF extra field"
        rows, seen = lines_of(path), set()
        mismatches = 0
        for row in rows:
            pos, ref, alt = int(row[1]), row[3], row[4]
            bases = genome[contig].upper()[pos - 1 : pos - 1 + len(ref)]
            if pos > len(genome[contig]):
                problems["beyond"] += 1
            elif not set(ref) <= set("ACGTN"):
                problems["letter"] += 1
            elif bases != ref:
                mismatches += 1
            elif ref == alt:
                problems["alt"] += 1
            elif (pos, ref, alt) in seen:
                problems["twice"] += 1
            seen.add((pos, ref, alt))
        problems["mismatch"] += mismatches
        # The file goes in all the same: policy.max_ref_mismatch_rate.
        assert mismatches + (contig == "chr2") < 0.001 * len(rows)
    assert problems == {"beyond": 1, "letter": 1, "alt": 1, "twice": 2, "mismatch": 1}


def test_guangdong_is_cut_inside_a_block(demo: Path) -> None:
    raw, at, text = (demo / "guangdong.vcf.gz").read_bytes(), 0, b""
    while at + 18 < len(raw):
        size = int.from_bytes(raw[at + 16 : at + 18], "little") + 1
        if at + size > len(raw):
            break
        text += zlib.decompress(raw[at : at + size], 31)
        at += size
    assert at < len(raw), "whole blocks only: not cut inside one"
    assert text.count(b"\n1\t") > 500
    assert b"\nchr" not in text


def cover(path: Path) -> dict[str, list[str]]:
    """Contig -> GT:DP of the record over each base, empty without one; no base has two."""
    bases = {name: [""] * length for name, length in LENGTHS.items()}
    for row in lines_of(path):
        found = re.search(r"END=(\d+)", row[7])
        end = int(found[1]) if found else int(row[1]) + len(row[3]) - 1
        cell = dict(zip(row[8].split(":"), row[9].split(":"), strict=True))
        for at in range(int(row[1]) - 1, end):
            assert not bases[row[0]][at], (path.name, row[:5])
            bases[row[0]][at] = f"{cell['GT']}:{cell['DP']}"
    return bases


LENGTHS = {"chr1": 120_000, "chr2": 80_000, "chrX": 60_000, "chrM": 16_500}


def test_gvcfs_of_hebei_tell_who_is_called_where(demo: Path, genome: dict[str, str]) -> None:
    sheets = [demo / "samples.tsv", demo / "newcomer/samples.tsv"]
    people = [ln.split("\t") for path in sheets for ln in path.read_text().splitlines()]
    sex = {row[1]: row[2] for row in people}
    paths = [*demo.glob("hebei/*.g.vcf.gz"), *demo.glob("newcomer/*.g.vcf.gz")]
    assert len(paths) == 7
    assert {"male", "female"} == {sex[p.name.split(".")[0]] for p in paths}
    own_gaps = set()
    for path in paths:
        done = bcftools("norm", "-c", "e", "-f", demo / "demo.fa", path)
        assert done.returncode == 0, done.stderr
        calls = cover(path)
        for contig, bases in genome.items():
            missing = {i for i, call in enumerate(calls[contig]) if not call}
            assert {i for i, b in enumerate(bases) if b in "Nn"} <= missing
            own_gaps.add((contig, len(missing)))
        assert set(calls["chr1"][58_000:58_400]) == {""}
        assert set(calls["chr1"][60_000:60_300]) <= {"", "0/0:0"}
        gts = {c: {x.split(":")[0] for x in xs if x} for c, xs in calls.items()}
        assert {"0/0", "0/1", "1/1"} <= gts["chr1"]
        assert gts["chrM"] == {"0", "1"}
        male = sex[path.name.split(".")[0]] == "male"
        outside = {x.split(":")[0] for x in calls["chrX"][8_000:56_000] if x}
        assert outside == {"0", "1"} if male else outside >= {"0/0", "0/1", "1/1"}
        inside = {x.split(":")[0] for x in calls["chrX"][:8_000] if x}
        assert inside >= {"0/0", "0/1"}
    assert len(own_gaps) > 20, "each person has gaps of their own"


def test_gvcfs_of_hebei_have_alleles_of_the_other_cohorts(demo: Path) -> None:
    def snvs(path: Path) -> set[tuple[str, ...]]:
        rows = [(*r[:2], r[3], r[4].split(",")[0]) for r in lines_of(path)]
        return {r for r in rows if len(r[2]) == 1 and r[3] in ("A", "C", "G", "T")}

    beijing = snvs(demo / "beijing.vcf.gz")
    for path in demo.glob("hebei/*.g.vcf.gz"):
        own = snvs(path)
        assert len(own) > 400
        assert len(own & beijing) > 0.9 * len(own)
