"""gVCF at the door: told from a VCF, held back or read without its blocks."""

import json

import polars as pl
import pytest
from inprocess import ingest_here

import varhouse
from varhouse.export import export_cohort
from varhouse.genome.contigs import AnyContigs
from varhouse.onefile.frequencies import frequencies
from varhouse.vcf.check.scan import scan_file

GENOME = "ACGTACGTAC" * 6
META = """\
##fileformat=VCFv4.2
##INFO=<ID=END,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=GT,Number=1,Type=String,Description="x">
"""
STYLES = {
    "gatk": ("1 A <NON_REF> END=4", "5 A C,<NON_REF> .", "6 C <NON_REF> END=9"),
    "gatk-each-base": ("1 A <NON_REF> .", "2 C <NON_REF> .", "3 G T,<NON_REF> ."),
    "gatk-no-blocks": ("1 A C,<NON_REF> .", "5 A C,G,<NON_REF> ."),
    "deepvariant": ("1 A <*> END=4", "5 A C,<*> .", "6 C <*> END=9"),
    "samtools-1.0": ("1 A <X> .", "2 C <X> .", "5 A C,<X> .", "6 C <X> ."),
    "mpileup": ("1 A <*> END=4;MinDP=3", "5 A C,<*> .", "6 C <*> END=9"),
    "octopus": ("1 A <NON_REF> END=4", "5 A C .", "6 C <NON_REF> END=9"),
    "strelka": ("1 A . END=4;BLOCKAVG_min30p3a", "5 A C .", "6 C . END=9", "10 C . ."),
    "xatlas": ("1 A . DP=3;END=4", "5 A C .", "6 C . END=9"),
    "blocks-only": ("1 A <*> END=40",),
    "bcftools-call": ("1 A . DP=3;END=4;MinDP=2", "5 A C .", "6 C . .", "7 G . END=9"),
    "octopus-star": ("1 A * END=4 0|0", "5 A C .", "6 C * END=9 0|0"),
    "octopus-positions": ("1 A * . 0|0", "2 C * . 0|0", "3 G T . 1|0"),
    "in-the-middle": ("1 A C,<NON_REF>,G . 0/1",),
    "all-sites-with-blocks": ("1 A . .", "2 C . END=9", "10 G . .", "11 T . .", "12 A . ."),
    # Exomes, merged files: more variants than blocks, but these cover most bases.
    "exome": ("1 A . END=20", "21 C A .", "22 G T .", "23 T A ."),
    "on-the-last-base": ("1 A . END=20", "20 T TA .", "21 A C .", "22 C G ."),
    "variants-first": ("1 A C .", "2 C T .", "3 G A .", "4 T <*> END=30"),
    "after-a-deletion": ("1 ACG A .", "2 C T .", "3 G A .", "4 T . END=20"),
    "block-of-no-reads": ("1 N . END=20;BLOCKAVG_min30p3a 0/0:0 GT:DP", "21 A C ."),
}  # fmt: skip
PLAIN = {
    "variants": ("1 A C .", "5 A G ."),
    "all-sites": ("1 A . .", "2 C . END=2", "3 G . .", "5 A C ."),
    "left-over": ("1 A C .", "5 A G,<NON_REF> .", "9 A T .", "10 C <*> END=12", "13 G A ."),
    "deletions": ("1 A <DEL> END=4;SVLEN=-3", "9 A <DUP> END=14;SVLEN=5"),
    "repeats": ("1 A . END=9;REF=3;RL=9;RU=CAG;VARID=x;DP=9", "21 A . END=29;RU=CA"),
    "copy-numbers": ("1 N . END=20;CN=2", "21 N . END=60;SVTYPE=CNV"),
    "segments": ("1 N . END=20", "21 N . END=60"),
    "star": ("1 A C,* .", "5 A *,G ."),
    "split-star": ("1 A * . 0/1", "5 A * . 1/1"),
    "called-star": ("1 A * END=9 0|1", "10 A * . 0|1"),
    "split-star-of-nobody": ("1 A * . 0/0", "5 A C .", "9 A G ."),
    # What genotyping left: it covers much, and meets nothing.
    "left-over-block": ("1 A C .", "5 A G .", "9 A T .", "20 T <NON_REF> END=50", "56 T A ."),
    "left-over-among-many": (
        *[
            f"{p} {GENOME[p - 1]} {'A' if GENOME[p - 1] != 'A' else 'C'} ."
            for p in range(1, 22)
        ],
        "22 C <NON_REF> END=58",
    ),
}


def _text(rows, gt="0/1", meta=META):
    lines = [meta + "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1"]
    for cells in (row.split() for row in rows):
        pos, ref, alt, info = cells[:4]
        call = cells[4] if len(cells) > 4 else ("0/0" if alt in (".", "<*>") else gt)
        keys = cells[5] if len(cells) > 5 else "GT"
        lines.append("\t".join(["1", pos, ".", ref, alt, ".", ".", info, keys, call]))
    return "\n".join(lines) + "\n"


def _scan(path, text):
    path.write_text(text)
    return scan_file(path, AnyContigs(), None, hashes=False)


@pytest.mark.parametrize("style", STYLES)
def test_a_gvcf_is_valid_and_told(tmp_path, style):
    scan = _scan(tmp_path / "x.vcf", _text(STYLES[style]))
    assert scan.account.verdict == "valid"
    assert scan.gvcf
    assert "VH-F-030" in scan.account.counts
    assert not scan.account.reasons_to_hold(refuse_records=False)


@pytest.mark.parametrize("kind", PLAIN)
def test_what_is_no_gvcf(tmp_path, kind):
    marks = '##GVCFBlock0-1=minGQ=0\n##ALT=<ID=NON_REF,Description="any">\n'
    scan = _scan(tmp_path / "x.vcf", _text(PLAIN[kind], meta=META + marks))
    assert not scan.gvcf
    assert "VH-F-030" not in scan.account.counts


@pytest.mark.parametrize(
    ("keys", "call", "blocks"),
    [
        ("GT:CN:NP:QA:QS", "0:2:9:30:40", False),
        ("GT:SO:REPCN:REPCI:LC:DP", "0/0:S:9:9:3:2", False),
        ("GT:GQX:DP:DPF", "0/0:30:9:0", True), ("GT:MIN_DP", "0/0:3", True),
        ("GT:ACN:XDP", "0/0:3:4", True),
    ],
)  # fmt: skip
def test_keys_of_format_tell_a_block_from_a_call(tmp_path, keys, call, blocks):
    text = _text(("1 A . END=9", "21 A . END=29"))
    text = text.replace("GT\t0/0", f"{keys}\t{call}")
    assert _scan(tmp_path / "x.vcf", text).gvcf == blocks


def _config(folder, policy):
    (folder / "ref.fa").write_text(f">1\n{GENOME}\n")
    (folder / "cohorts.tsv").write_text("cohort\tfiles\na\ta.vcf\nb\tb.vcf\n")
    (folder / "b.vcf").write_text(_text(["5 A C ."]))
    config = {
        "assembly": {"name": "toy", "reference": "ref.fa"},
        "cohorts": "cohorts.tsv",
        "policy": {"unlisted_samples": "unknown", **policy},
    }
    (folder / "config.yaml").write_text(json.dumps(config))
    return folder / "config.yaml"


ROWS = (
    "1 A <NON_REF> END=4 0/0", "5 A C,<NON_REF> . 0/1", "6 C <NON_REF> END=8 0/0",
    "9 A G,<NON_REF> . 0/2", "10 C <NON_REF> END=11 0/1", "13 G . . 0/0", "14 T A,<*> . 2/2",
)  # fmt: skip


def test_a_gvcf_is_held_back_if_the_policy_says_so(tmp_path):
    (tmp_path / "a.vcf").write_text(_text(ROWS))
    ingest_here(tmp_path / "store", _config(tmp_path, {"gvcf": "refuse"}))
    store = varhouse.open(tmp_path / "store")
    held = store.scan("held_back").collect()
    assert held["cohort"].to_list() == ["a"]
    assert "policy.gvcf: blocks" in str(held.to_dicts())
    assert store.scan("variants").collect().height == 1


def test_a_gvcf_goes_in_by_default_and_is_told(tmp_path):
    (tmp_path / "a.vcf").write_text(_text(ROWS))
    account = ingest_here(tmp_path / "store", _config(tmp_path, {}))
    assert account["held_back"] == []
    store = varhouse.open(tmp_path / "store")
    # An ALT that nobody is called with is no allele; its record stays.
    assert store.scan("variants").select("pos", "alt").collect().rows() == [(5, "C")]
    assert account["cohorts"][0]["n_uncalled"] == 2
    sites = store.scan("sites").filter(pl.col("cohort") == "a").collect().sort("pos")
    assert sites["allele_alt"].to_list() == [["C", None], [None, None], [None, None]]
    assert store.scan("rejects").collect().height == 0
    files = store.scan("files").filter(pl.col("cohort") == "a").collect()
    assert "VH-F-030" in files["problems"][0]


def test_a_gvcf_of_which_every_record_is_rejected_has_no_runs(tmp_path):
    rows = ("1 T <NON_REF> END=4 0/0", "6 T <NON_REF> END=8 0/0")
    (tmp_path / "a.vcf").write_text(_text(rows))
    ingest_here(tmp_path / "store", _config(tmp_path, {"max_ref_mismatch_rate": 1}))
    store = varhouse.open(tmp_path / "store")
    assert store.scan("rejects").collect()["reason"].to_list() == ["ref_mismatch"] * 2
    assert "a" not in store.scan("runs").collect()["cohort"].to_list()


def test_variants_of_a_gvcf(tmp_path):
    (tmp_path / "a.vcf").write_text(_text(ROWS))
    ingest_here(tmp_path / "store", _config(tmp_path, {"gvcf": "variants"}))
    store = varhouse.open(tmp_path / "store")
    alleles = store.scan("variants").select("pos", "alt").collect().rows()
    assert sorted(alleles) == [(5, "C"), (9, "G"), (14, "A")]
    # A called allele of unknown sequence is in AN, and is neither reference nor the ALT.
    counts = store.scan("frequencies").filter(pl.col("cohort") == "a")
    found = {
        r[0]: r[1:] for r in counts.select("pos", "ac", "an", "n_missing").collect().rows()
    }
    assert found == {5: (1, 2, 0), 9: (0, 2, 0), 14: (0, 2, 0)}
    sites = store.scan("sites").filter(pl.col("cohort") == "a").collect().sort("pos")
    assert sites["pos"].to_list() == [5, 9, 14]
    assert sites["alt"].to_list() == ["C,<NON_REF>", "G,<NON_REF>", "A,<*>"]
    assert sites["allele_alt"].to_list() == [["C", None], ["G", None], ["A", None]]
    assert store.scan("rejects").collect().height == 0
    export_cohort(store, "a", tmp_path / "out.vcf")
    out = [ln.split("\t") for ln in (tmp_path / "out.vcf").read_text().splitlines()]
    kept = [(c[1], c[3], c[4], c[9]) for c in out if not c[0].startswith("#")]
    assert kept == [
        ("5", "A", "C,<NON_REF>", "0/1"),
        ("9", "A", "G,<NON_REF>", "0/2"),
        ("14", "T", "A,<*>", "2/2"),
    ]


def test_a_left_over_unspecified_allele_is_no_allele(tmp_path):
    rows = PLAIN["left-over"]
    (tmp_path / "a.vcf").write_text(_text(rows))
    ingest_here(tmp_path / "store", _config(tmp_path, {}))
    store = varhouse.open(tmp_path / "store")
    alts = store.scan("variants").collect()["alt"].to_list()
    assert sorted(alts) == ["A", "C", "C", "G", "T"]
    assert store.scan("sites").filter(pl.col("cohort") == "a").collect().height == len(rows)


def test_frequencies_of_one_gvcf(tmp_path):
    (tmp_path / "a.vcf").write_text(_text(ROWS))
    (tmp_path / "ref.fa").write_text(f">1\n{GENOME}\n")
    out = tmp_path / "out.parquet"
    done = frequencies(tmp_path / "a.vcf", out, reference=tmp_path / "ref.fa")
    assert done.is_gvcf
    assert "3 are reference blocks, 1 others have no ALT" in done.gvcf_note
    frame = pl.read_parquet(out)
    assert frame["alt"].to_list() == ["C", "G", "A"]
    assert frame.select("ac", "an").rows() == [(1, 2), (0, 2), (0, 2)]
