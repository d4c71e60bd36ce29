"""A file is taken in by one pass over its text, of whatever kind it is."""

import bz2
import gzip
import io
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from inprocess import ingest_here, steps_here

import varhouse
from varhouse.bgzf import BgzfStream
from varhouse.genome.contigs import AnyContigs
from varhouse.ingest.jobs import validate
from varhouse.ingest.jobs.reject import Rejects
from varhouse.ingest.setup.settings import Policy
from varhouse.normalise import Status
from varhouse.vcf.account.faults import Fault
from varhouse.vcf.check.judged import MarkedRecords, bits
from varhouse.vcf.check.scan import scan_file

GENOME = "ACGTACGTACGTACGTCACACACACAGGTTTTTTAACC"
HEAD = (
    "##fileformat=VCFv4.2\n##contig=<ID=c1>\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    '##INFO=<ID=END,Number=1,Type=Integer,Description="End">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1\ts2\n"
)
ROWS = [
    "c1 2 . C A . . . GT 0/1 0/0",
    "c1 5 . A G,T 5. . . GT 1/2 0/0",
    "c1 9 . A G 7 . . GT 1/1 0/3",
    # The same deletion, written twice: the later one is moved over the cut between them.
    "c1 17 . CAC C . . . GT 0/1 1/1",
    "c1 18 . A T . . . GT 0/1 1/1",
    "c1 23 . CAC C . . . GT 0/1 0/0",
    "c1 33 . T G . . . GT ./1 0|1",
]


def vcf(*rows: str) -> str:
    return HEAD + "".join(r.replace(" ", "\t") + "\n" for r in rows)


def bgzf(text: bytes) -> bytes:
    out = io.BytesIO()
    stream = BgzfStream(out)
    stream.write(text)
    stream.finish()
    return out.getvalue()


KINDS = {
    "a.vcf": bytes, "a.vcf.gz": gzip.compress, "b.vcf.gz": bgzf, "a.vcf.bz2": bz2.compress,
}  # fmt: skip


def config(folder: Path, name: str, content: bytes, **policy: str) -> Path:
    folder.mkdir()
    (folder / "ref.fa").write_text(f">c1\n{GENOME}\n")
    (folder / name).write_bytes(content)
    (folder / "cohorts.tsv").write_text(f"cohort\tfiles\na\t{name}\n")
    path = folder / "c.yaml"
    policy = {"unlisted_samples": "unknown", **policy}
    assembly = {"name": "toy", "reference": "ref.fa"}
    path.write_text(
        json.dumps({"assembly": assembly, "cohorts": "cohorts.tsv", "policy": policy})
    )
    return path


def rejects(store: Path) -> list[tuple]:
    columns = ["record", "line", "alt_index", "reason", "detail", "text"]
    frame = varhouse.open(store).scan("rejects").collect().select(columns)
    return frame.sort("record", "alt_index").rows()


@pytest.mark.parametrize("size", [1, 3, None])
def test_the_kind_of_a_file_makes_no_difference(tmp_path, size):
    text = vcf(*ROWS)
    lines = text.splitlines()
    found = {}
    for name, pack in KINDS.items():
        folder = tmp_path / name
        path = config(folder, name, pack(text.encode()))
        ingest_here(folder / "store", path, chunk_records=size)
        store = varhouse.open(folder / "store")
        people = store.scan("samples").collect().sort("sample")
        found[name] = (
            [
                store.scan(t).collect().drop("file", strict=False).sort(pl.all()).rows()
                for t in ("frequencies", "sites", "genotypes")
            ],
            rejects(folder / "store"),
            people.select(pl.col("^n_.*$")).rows(),
        )
        assert not [*folder.rglob("*.vcf.gz")][name.endswith(".gz") :], "no copy is made"
    assert len({repr(f) for f in found.values()}) == 1
    told = found["a.vcf"][1]
    assert [(r[0], r[3]) for r in told] == [
        (1, "qual_invalid"),
        (2, "gt_allele_unknown"),
        (5, "duplicate_allele"),
    ]
    assert [r[5] for r in told] == [lines[r[1] - 1] for r in told]


def test_no_shards_of_a_file_that_is_refused_for_its_end(tmp_path):
    late = [*ROWS, "c1 3 . G T . . . GT 0/1 0/0"]
    path = config(tmp_path / "x", "a.vcf", vcf(*late).encode())
    run, plan, _, _ = steps_here(tmp_path / "x" / "store", path, chunk_records=1)
    assert "VH-B-002" in plan.held_back["a"][0]
    folder = Path(run.work) / "intake" / "a" / "0"
    assert not [*folder.rglob("manifest.json")]
    assert json.loads((folder / "chunks.json").read_text()) == []


def test_a_gvcf_shows_at_its_end(tmp_path, monkeypatch):
    # What the first records are is not what the file is: it is read once more.
    blocks = [
        f"c1 {p} . {GENOME[p - 1]} <NON_REF> . . END={p} GT 0/0 0/0" for p in range(26, 34)
    ]
    plain = [ROWS[0], ROWS[3], "c1 20 . A . . . . GT 0/0 0/0"]
    path = config(tmp_path / "x", "a.vcf", vcf(*plain, *blocks).encode(), gvcf="variants")
    ingest_here(tmp_path / "x" / "store", path)
    sites = varhouse.open(tmp_path / "x" / "store").scan("sites").collect()
    assert sorted(sites["pos"]) == [2, 17]
    monkeypatch.setattr(validate, "READ_BYTES", 60)
    ingest_here(tmp_path / "x" / "pieces", path)
    again = varhouse.open(tmp_path / "x" / "pieces").scan("sites").collect()
    assert again.sort("pos").equals(sites.sort("pos"))


def test_marks_do_not_depend_on_batches(tmp_path):
    # Each has one fault; the first has no POS, and the last none.
    bad = [
        "c1 x . C A . . . GT 0/1 0/0", "c1 {} . C A u . . GT 0/1 0/0",
        "c1 {} . R A . . . GT 0/1 0/0", "c1 {} . T A,! . . . GT 0/1 0/0",
        "c1 {} . A a . . . GT 0/1 0/0", "c1 {} . C G . . . GT 0/1 0/x",
        "c1 {} . G C . . . GT:GQ 0/1:3 2/1:4", "c1 {} . T . . . . GT 0/1 0/0",
        "c1 {} . T C . . . GT 0/1 0/0",
    ]  # fmt: skip
    wanted = [
        Fault.POS_INVALID, Fault.QUAL_INVALID, Fault.REF_INVALID, Fault.ALT_INVALID,
        Fault.ALT_REF, Fault.GT_SYNTAX, Fault.GT_ALLELE, Fault.GT_NO_ALT,
    ]  # fmt: skip
    path = tmp_path / "a.vcf"
    path.write_text(vcf(*(r.format(9 * i + k) for i in range(20) for k, r in enumerate(bad))))
    for size in (60, 1_000, 1 << 20):
        marked = MarkedRecords()
        scan_file(path, AnyContigs(), None, hashes=False, taker=marked, batch_bytes=size)
        marked.close()
        expected = [9 * i + k for i in range(20) for k in range(8)]
        assert marked.record.tolist() == expected
        for k, fault in enumerate(wanted):
            mine = marked.marks[marked.record % 9 == k]
            assert (mine & bits(fault) == bits(fault)).all(), fault
        assert marked.of(8, 3).tolist() == [0, *marked.marks[[0, 1]].tolist()]


def test_an_allele_without_a_normal_form_must_have_been_told():
    alleles = pl.DataFrame({
        "k": [0], "line": [7], "contig": ["c1"], "pos0": [5], "ref0": ["C"], "alt0": ["G"],
        "status": pl.Series([int(Status.REF_MISMATCH)], dtype=pl.Int8),
    })  # fmt: skip

    class Whole:
        def is_whole(self, _):
            return True

        def sequence(self, _):
            return np.zeros(40, np.uint8)

    for mark, is_told in ((0, False), (bits(Fault.REF_DIFFERS), True)):
        judge = Rejects(None, np.array([mark], np.int64), Policy())
        if is_told:
            out = judge.allele_faults(alleles, Whole(), lifted=False)
            assert out["fault"].to_list() == ["ref_mismatch"]
        else:
            with pytest.raises(RuntimeError, match="line 7"):
                judge.allele_faults(alleles, Whole(), lifted=False)
