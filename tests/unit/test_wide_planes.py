"""Records of many ALTs and people: planes far larger than the text, made piece by piece."""

import itertools
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from inprocess import ingest_here

import varhouse
from varhouse.export import export_cohort
from varhouse.frequencies import assessed
from varhouse.genotypes.calls import Genotypes
from varhouse.ingest.jobs import callrows, chunktwice

TESTS = Path(__file__).resolve().parents[1]

_CHILD = """
import sys
from pathlib import Path

folder = Path(sys.argv[1])
if sys.argv[2] == "ingest":
    from inprocess import ingest_here
    ingest_here(folder / "store", folder / "config.yaml")
else:
    import varhouse
    from varhouse.export import export_cohort
    export_cohort(varhouse.open(folder / "store"), "c", folder / "out.vcf")
status = Path("/proc/self/status").read_text().splitlines()
print(int(next(x for x in status if x.startswith("VmHWM")).split()[1]) // 1024)
"""


def _config(folder: Path, *files: str) -> Path:
    (folder / "n.fa").write_text(">1\nN\n>2\nN\n")
    (folder / "aliases.tsv").write_text(
        "contig\talias\taccession\tlength\trefget\n1\t\t\t9000\t\n2\t\t\t9000\t\n"
    )
    (folder / "cohorts.tsv").write_text(f"cohort\tfiles\nc\t{','.join(files)}\n")
    policy = {
        "partial_reference": True,
        "unchecked_ref": "store",
        "max_ref_mismatch_rate": 1.0,
        "unlisted_samples": "unknown",
    }
    assembly = {"name": "any", "reference": "n.fa", "aliases": "aliases.tsv"}
    said = {"assembly": assembly, "cohorts": "cohorts.tsv", "policy": policy}
    (folder / "config.yaml").write_text(json.dumps(said))
    return folder / "config.yaml"


def _write(path: Path, rows: list[list[str]], people: int) -> list[str]:
    fixed = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
    head = [*fixed, *(f"s{i}" for i in range(people))]
    meta = [
        "##fileformat=VCFv4.2", "##contig=<ID=1>", "##contig=<ID=2>",
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">',
    ]  # fmt: skip
    lines = ["\t".join(row) for row in rows]
    path.write_text("\n".join([*meta, "\t".join(head), *lines, ""]))
    return lines


def _repeats(n: int) -> str:
    units = ("".join(x) for x in itertools.product("ACGT", repeat=5))
    return ",".join("A" + unit for unit in itertools.islice(units, n))


def _exported(folder: Path) -> list[str]:
    store = varhouse.open(folder / "store")
    export_cohort(store, "c", folder / "out.vcf")
    return _rows(folder)


def _rows(folder: Path) -> list[str]:
    return [x for x in (folder / "out.vcf").read_text().splitlines() if x[0] != "#"]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs VmHWM")
def test_planes_of_a_chunk_are_not_held_together(tmp_path):
    people, records, alts = 40_000, 60, 600
    rng = random.Random(1)
    rows = []
    for k in range(records):
        calls = ["0/0"] * people
        for i in rng.sample(range(people), 50):
            calls[i] = f"{rng.randint(0, alts)}/{rng.randint(1, alts)}"
        rows.append(["1", str(10 + 10 * k), ".", "A", _repeats(alts), ".", ".", ".", "GT"])
        rows[-1] += calls
    lines = _write(tmp_path / "in.vcf", rows, people)
    _config(tmp_path, "in.vcf")
    # Together they are 360 MB, several times over while they are written or read.
    assert _peak(tmp_path, "ingest") < 800
    assert _peak(tmp_path, "export") < 900
    assert _rows(tmp_path) == lines


def _peak(folder: Path, what: str) -> int:
    """Do it in a process of its own; the most memory that it had, in MiB."""
    path = f"{TESTS}:{os.environ.get('PYTHONPATH', '')}"
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(folder), what],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1])


def _mixed(seed: int, people: int) -> list[list[str]]:
    rng = random.Random(seed)
    rows = []
    for k in range(40):
        n = rng.randint(1, 30)
        texts = ["0/0", f"{n}|{rng.randint(0, n)}", "./.", "1", f"0/{n}", "."]
        site = ["1" if k < 25 else "2", str(10 + k // 3), ".", "A", _repeats(n)]
        calls = rng.choices(texts, [50, 3, 1, 1, 3, 1], k=people)
        rows.append([*site, ".", ".", ".", "GT", *calls])
    return rows


@pytest.mark.parametrize("chunk_records", [None, 2_000, 7])
def test_pieces_make_the_same_tables(tmp_path, monkeypatch, chunk_records):
    # Sites stand several times: the recount of duplicates sees pieces too.
    found = []
    for size in (callrows.PIECE_BYTES, 1, 400):
        folder = tmp_path / str(size)
        folder.mkdir()
        monkeypatch.setattr(callrows, "PIECE_BYTES", size)
        monkeypatch.setattr(chunktwice, "PIECE_BYTES", size)
        monkeypatch.setattr(assessed, "PLANE_BYTES", size)
        lines = _write(folder / "in.vcf", _mixed(3, 21), 21)
        config = _config(folder, "in.vcf")
        ingest_here(folder / "store", config, chunk_records=chunk_records)
        assert _exported(folder) == lines
        digests = varhouse.open(folder / "store").record.table_digests()
        found.append({t: d for t, d in digests.items() if t not in ("files", "cohorts")})
        assert found[-1] == found[0]


def _spread(genotypes: Genotypes, people: int) -> list[list[str]]:
    out = []
    for k in range(genotypes.size):
        row = [genotypes.texts[genotypes.default[k]]] * people
        for i in range(genotypes.pointer[k], genotypes.pointer[k + 1]):
            row[genotypes.who[i]] = genotypes.texts[genotypes.what[i]]
        out.append(row)
    return out


def test_genotypes_join_and_go_in_any_order():
    def make(texts, default, *listed):
        pointer = np.cumsum([0, *(len(x) for x in listed)]).astype(np.int64)
        pairs = [p for x in listed for p in x]
        who, what = (np.array([p[i] for p in pairs], np.int32) for i in (0, 1))
        return Genotypes(texts, np.array(default, np.int32), pointer, who, what)

    a = make(["0/0", "0/1"], [0, 1], [(1, 1)], [(0, 0), (2, 0)])
    b = make(["0/1", "1|1", "0/0"], [2, 0, 1], [(2, 1)], [], [(0, 2)])
    both = Genotypes.joined([a, b])
    assert _spread(both, 3) == _spread(a, 3) + _spread(b, 3)
    order = np.array([4, 0, 3, 1, 2])
    assert _spread(both.take(order), 3) == [_spread(both, 3)[k] for k in order]
    nobody = Genotypes.joined([Genotypes.nobody(2), Genotypes.nobody(1)])
    assert nobody.default.tolist() == [-1] * 3
