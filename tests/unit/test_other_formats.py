"""Files that are no VCF are told by content, whatever their name, and never read as one."""

import bz2
import gzip
import json
import sqlite3
import tarfile
import zipfile

import polars as pl
import pysam
import pytest
from builders import make_fasta
from inprocess import ingest_here
from test_intake import bgzf

import varhouse
from varhouse.cli import main
from varhouse.errors import InputError
from varhouse.onefile.validate import validate
from varhouse.vcf.read import read_vcf
from varhouse.vcf.text.otherformats import HEAD_BYTES, format_of

READ = "@r1 1:N:0\nACGTNACGT\n+\nIIIIIIIII\n@r2\nAC\n+r2\nII\n"
SAM = (
    "@HD\tVN:1.6\tSO:coordinate\n@SQ\tSN:1\tLN:100\nr1\t0\t1\t5\t60\t4M\t*\t0\t0\tACGT\tIIII\n"
)
RECORD = "1\t5\t.\tA\tC\t.\tPASS\t.\n"
HEAD = "##fileformat=VCFv4.2\n##contig=<ID=1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
TEXTS = {
    "FASTQ": READ,
    "FASTQ of CRLF": READ.replace("\n", "\r\n"),
    "FASTQ of a long read": "@long\n" + "ACGT" * 40_000 + "\n+\n" + "I" * 160_000 + "\n",
    "FASTA": ">1 the first\nACGTN\nACG\n>2\nTTT\n",
    "FASTA of a protein": ">p\nMKVLAAGIVGLCAKAYPD*\n",
    "SAM": SAM,
    "BED": "1\t0\t100\n2\t5\t9\n",
    "BED with names": "# made by hand\nchr1\t0\t100\tA\t0\t+\nchr2\t5\t9\tC\t0\t-\n",
    "BED with a track": 'track name="x"\nchr1\t0\t100\n',
    "GFF3": "##gff-version 3\n1\tx\tgene\t1\t9\t.\t+\t.\tID=g\n",
    "GFF3 without a version": "1\tx\tgene\t1\t9\t.\t+\t.\tID=g\n1\tx\tCDS\t1\t9\t.\t+\t0\t.\n",
    "GTF": '1\tx\tgene\t1\t9\t.\t+\t.\tgene_id "g";\n',
    "chain": "chain 4900 1 100 + 0 100 1 100 + 0 100 1\n100\n\n",
    ".bim": "1\trs1\t0\t100\tA\tC\n1\trs2\t0.5\t200\tAT\t0\n",
    ".fam": "f1 s1 0 0 1 -9\nf1 s2 0 0 2 1\n",
    ".psam": "#IID\tSEX\ns1\t1\n",
    ".pvar": "#CHROM\tPOS\tID\tREF\tALT\n1\t5\t.\tA\tC\n",
    ".fai": "1\t300\t3\t60\t61\n2\t300\t312\t60\t61\n",
    ".crai": "0\t1\t100\t26\t17\t310\n",
    "23andMe": "# rsid\tchromosome\tposition\tgenotype\nrs1\t1\t100\tAC\ni7\tX\t9\t--\n",
    "MAF": "Hugo_Symbol\tEntrez_Gene_Id\nTP53\t7157\n",
    "HTML": "<!DOCTYPE html>\n<html><body>404</body></html>\n",
    "JSON": '{"a": [1, 2]}\n',
    "XML": "<?xml version='1.0'?>\n<Error/>\n",
    "Git LFS": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n",
}
PACKED = {"plain": bytes, "gzip": gzip.compress, "bgzf": bgzf, "bzip2": bz2.compress}


@pytest.fixture
def fx_here(tmp_path):
    make_fasta(tmp_path / "ref.fa", {"1": "ACGTA" * 20})
    return tmp_path


def _told(path):
    """Validate a file that is none: the one problem."""
    found = validate(path)
    assert found.verdict == "invalid"
    assert found.counts == {"VH-F-017": 1}, found.problems
    (problem,) = found.problems
    assert problem.message.endswith("no VCF")
    assert problem.fix
    assert found.n_records == 0
    return problem


@pytest.mark.parametrize("packing", PACKED)
@pytest.mark.parametrize("kind", TEXTS)
def test_texts_are_told(tmp_path, kind, packing):
    path = tmp_path / "cohort.vcf.gz"
    path.write_bytes(PACKED[packing](TEXTS[kind].encode()))
    message = _told(path).message
    name = kind.split()[0]
    if name in ("FASTQ", "FASTA", "SAM", "BED") or name.startswith("."):
        assert name in message
    if packing != "plain" and "(" not in message:
        assert f"packed ({packing})" in message


def _binaries(folder):
    """Write files of other formats by the programs that make them: {kind: path}."""
    (folder / "in.sam").write_text(SAM)
    fasta = str(folder / "ref.fa")
    for name, mode in (("x.bam", "wb"), ("x.cram", "wc")):
        with (
            pysam.AlignmentFile(str(folder / "in.sam")) as source,
            pysam.AlignmentFile(
                str(folder / name), mode, template=source, reference_filename=fasta
            ) as out,
        ):
            for read in source:
                out.write(read)
    pysam.index(str(folder / "x.bam"))
    (folder / "v.vcf.gz").write_bytes(bgzf((HEAD + RECORD).encode()))
    pysam.tabix_index(str(folder / "v.vcf.gz"), preset="vcf", keep_original=True)
    pysam.tabix_index(str(folder / "v.vcf.gz"), preset="vcf", csi=True, keep_original=True)
    pl.DataFrame({"a": [1]}).write_parquet(folder / "x.parquet")
    sqlite3.connect(folder / "x.db").execute("create table t (a int)").connection.close()
    for name, mode in (("x.tar", "w"), ("x.tar.gz", "w:gz")):
        with tarfile.open(folder / name, mode) as archive:
            archive.add(folder / "v.vcf.gz", "a.g.vcf.gz")
    (folder / "x.bed").write_bytes(b"\x6c\x1b\x01\xdc")
    (folder / "x.pgen").write_bytes(b"\x6c\x1b\x10\x05\x00\x00\x00")
    (folder / "x.bgen").write_bytes(bytes(16) + b"bgen" + bytes(4))
    (folder / "x.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(8))
    return {
        "BAM": "x.bam", "CRAM": "x.cram", "(.bai)": "x.bam.bai", "(.tbi)": "v.vcf.gz.tbi",
        "(.csi)": "v.vcf.gz.csi", "Parquet": "x.parquet", "SQLite": "x.db", "tar": "x.tar",
        "tar archive, packed": "x.tar.gz", "(.bed)": "x.bed", "(.pgen)": "x.pgen",
        "BGEN": "x.bgen", "HDF5": "x.h5",
    }  # fmt: skip


def test_binaries_are_told(fx_here):
    for kind, name in _binaries(fx_here).items():
        path = fx_here / "v.vcf"
        path.write_bytes((fx_here / name).read_bytes())
        assert kind in _told(path).message, name
    assert not _told_codes(fx_here / "v.vcf.gz")


PACKED_OTHERWISE = {
    b"PK\x03\x04": ("a zip archive", "unzip"), b"\xfd7zXZ\x00": ("xz", "xz -d"),
    b"\x28\xb5\x2f\xfd": ("zstd", "zstd -d"), b"\x1f\x9d": ("compress", "uncompress"),
    b"7z\xbc\xaf": ("a 7z archive", "7z x"), b"Rar!": ("a RAR archive", "unrar"),
    b"x\x9c": ("zlib", "pigz"),
}  # fmt: skip


@pytest.mark.parametrize("magic", PACKED_OTHERWISE)
def test_what_is_packed_otherwise_is_told_with_what_unpacks_it(tmp_path, magic):
    name, program = PACKED_OTHERWISE[magic]
    path = tmp_path / "x.vcf.gz"
    path.write_bytes(magic + b"\x00\x07" * 50)
    found = validate(path)
    assert found.counts == {"VH-F-001": 1}
    (problem,) = found.problems
    assert f"{name} is not read" in problem.message
    assert program in problem.fix


def _zipped(path, names, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, text in names.items():
            archive.writestr(name, text)


def test_workbooks_are_told_and_a_zip_of_vcfs_is_no_workbook(tmp_path):
    path = tmp_path / "x.vcf"
    workbook = {"[Content_Types].xml": "<Types/>" * 99, "xl/workbook.xml": "<workbook/>"}
    _zipped(path, workbook)
    assert "Excel workbook" in _told(path).message
    kind = {"mimetype": "application/vnd.oasis.opendocument.spreadsheet"}
    _zipped(path, kind, zipfile.ZIP_STORED)
    assert "LibreOffice" in _told(path).message
    path.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(999))
    assert "old document of Excel" in _told(path).message
    _zipped(path, {"a.vcf": HEAD + RECORD})
    assert _told_codes(path) == {"VH-F-001"}


def _told_codes(path):
    return validate(path).counts.keys() & {"VH-F-017", "VH-F-001"}


FOLDERS = {
    "Zarr": ".zgroup", "Zarr store": "zarr.json", "Delta": "_delta_log",
    "Hail": "metadata.json.gz", "GenomicsDB": "callset.json", "TileDB": "__schema",
}  # fmt: skip


@pytest.mark.parametrize("kind", FOLDERS)
def test_folders_are_told(tmp_path, kind):
    folder = tmp_path / "x.vcf"
    folder.mkdir()
    (folder / FOLDERS[kind]).write_text("{}")
    assert kind in _told(folder).message
    other = tmp_path / "y.vcf"
    other.mkdir()
    assert validate(other).counts == {"VH-F-012": 1}


NOT_TOLD = {
    "VCF": HEAD + RECORD,
    "VCF behind a mark": "\ufeff" + HEAD + RECORD,
    "VCF without a version": HEAD.split("\n", 1)[1] + RECORD,
    "only columns": HEAD.splitlines()[-1] + "\n" + RECORD,
    "no header": RECORD * 3,
    "no header, ID of digits": RECORD.replace("\t.\tA", "\t77\tA") * 3,
    "something else": "a line of text\nand another\n",
    "a dot": ".\n",
    "an at sign": "@ home\nwe say hello\n",
    "an angle": "> quoted text, with a comma\nnot of bases, either\n",
    "a table": "gene\tvalue\nTP53\t7\n",
}


@pytest.mark.parametrize("packing", PACKED)
@pytest.mark.parametrize("kind", NOT_TOLD)
def test_what_may_be_a_vcf_is_left_to_its_reader(tmp_path, kind, packing):
    path = tmp_path / "x.vcf"
    path.write_bytes(PACKED[packing](NOT_TOLD[kind].encode()))
    found = validate(path)
    assert "VH-F-017" not in found.counts
    assert found.is_valid == (kind in ("VCF", "VCF behind a mark"))


def test_a_line_that_is_cut_off_says_nothing():
    line = b"chr1\t100\t200\tname\n"
    text = line * (HEAD_BYTES // len(line) + 1)
    assert format_of(text[:HEAD_BYTES]).name.startswith("a BED")
    assert format_of((RECORD.encode() * 9_999)[:HEAD_BYTES]) is None


def test_damaged_bytes_are_left_to_the_reader(tmp_path):
    whole = gzip.compress(READ.encode() * 500)
    for cut in (3, 11, 20, len(whole) - 9):
        (tmp_path / "x.gz").write_bytes(whole[:cut])
        assert validate(tmp_path / "x.gz").verdict == "invalid"
    (tmp_path / "x.gz").write_bytes(whole[:10] + b"\xff" * 40)
    assert _told_codes(tmp_path / "x.gz") <= {"VH-F-001"}


def test_readers_say_the_same(tmp_path):
    path = tmp_path / "reads.fastq.gz"
    path.write_bytes(gzip.compress(READ.encode()))
    with pytest.raises(InputError, match="FASTQ") as told:
        list(read_vcf(path))
    assert "varhouse call --config" in told.value.fix


def test_the_command_tells_in_lines(tmp_path, capsys):
    (tmp_path / "x.vcf").write_text(SAM)
    assert main(["validate", str(tmp_path / "x.vcf")]) == 1
    out = capsys.readouterr().out
    assert "a SAM file of aligned reads, no VCF" in out
    assert "fix: call it first: name it in the column bam" in out
    assert out.endswith("invalid, 1 error(s), 0 warning(s)  [no VCF]\n")
    assert len(out.splitlines()) == 4


def test_an_ingest_holds_them_back_by_name(fx_here):
    (fx_here / "good.vcf").write_text(HEAD + RECORD)
    (fx_here / "reads.fastq.gz").write_bytes(gzip.compress(READ.encode()))
    (fx_here / "x.zarr").mkdir()
    (fx_here / "x.zarr" / ".zgroup").write_text("{}")
    (fx_here / "cohorts.tsv").write_text(
        "cohort\tfiles\ngood\tgood.vcf\nreads\treads.fastq.gz\nzarr\tx.zarr\n"
    )
    config = {"assembly": {"name": "toy", "reference": "ref.fa"}, "cohorts": "cohorts.tsv",
              "policy": {"unlisted_samples": "unknown"}}  # fmt: skip
    (fx_here / "c.yaml").write_text(json.dumps(config))
    account = ingest_here(fx_here / "store", fx_here / "c.yaml")
    held = {h["cohort"]: str(h["reasons"]) for h in account["held_back"]}
    assert set(held) == {"reads", "zarr"}
    assert "FASTQ" in held["reads"]
    assert "varhouse call --config" in held["reads"]
    assert "vcztools" in held["zarr"]
    store = varhouse.open(fx_here / "store")
    assert store.scan("variants").collect().height == 1
