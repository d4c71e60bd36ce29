"""What a file is by its first bytes, and where in the reads sheet it belongs."""

import zlib
from pathlib import Path

_HEAD = 1 << 16
"""Bytes read of a file: more than a block of BGZF, so that its text can be seen."""

_SEEN = 1 << 12
"""Bytes of text that are looked at."""

BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
"""The empty block that ends BGZF (SAM specification, 4.1.2)."""

_MAGIC = (
    (b"CRAM", "cram"),
    (b"BZh", "bz2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zst"),
    (b"PK\x03\x04", "zip"),
    (b"Rar!", "rar"),
    (b"7z\xbc\xaf", "7z"),
    (b"NCBI.sra", "sra"),
)
_TEXTS = (
    (b"BAM\x01", "bam"),
    (b"BCF\x02", "bcf"),
    (b"##fileformat=VCF", "vcf"),
    (b"@HD\t", "sam"),
    (b"@SQ\t", "sam"),
    (b"@RG\tID:", "sam"),
    (b"@PG\tID:", "sam"),
    (b"@CO\t", "sam"),
    (b"@", "fastq"),
    (b">", "fasta"),
    (b";", "fasta"),
    (b"<!DOCTYPE", "html"),
    (b"<html", "html"),
    (b"<?xml", "html"),
    (b"version https://git-lfs", "pointer"),
)
COLUMNS = {"fastq": "fastq_1", "bam": "bam", "cram": "cram", "vcf": "gvcf"}
"""Kinds that are taken, and the column of the reads sheet for each."""


def kind_of(path: Path) -> str:
    """Tell what a file is.

    Returns
    -------
    str
        `fastq`, `bam`, `cram`, `vcf`; what is not taken: `sam`, `fasta`, `bcf`, `bz2`, `xz`,
        `zst`, `zip`, `rar`, `7z`, `tar`, `sra`, `ora`, `html`, `pointer` (of Git LFS),
        `empty`, `nothing` (a gzip of no bytes), `damaged` (a gzip whose first block cannot be
        unpacked), `zeros`, `text` or `binary`.
    """
    head = _head(path)
    if not head:
        return "empty"
    if path.name.lower().endswith(".ora"):
        return "ora"
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head.startswith(b"\x1f\x8b"):
        text = _unpacked(head)
        if text is None:
            return "damaged"
        if not text:
            return "nothing"
        head = text
    for start, kind in _TEXTS:
        if head[: len(start)].lower() == start.lower():
            return kind
    if head[257:262] == b"ustar":
        return "tar"
    if not head.strip(b"\0"):
        return "zeros"
    return "binary" if b"\0" in head else "text"


def first_name(path: Path) -> bytes:
    """Give the first line of a FASTQ, plain or gzip, without its `@`; empty if it is none."""
    head = _head(path)
    text = _unpacked(head) if head.startswith(b"\x1f\x8b") else head
    line = (text or b"").split(b"\n")[0]
    return line[1:].rstrip(b"\r") if line.startswith(b"@") else b""


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)


def _unpacked(head: bytes) -> bytes | None:
    """Unpack the beginning of a gzip; None if it cannot be."""
    text = b""
    while head.startswith(b"\x1f\x8b") and len(text) < _SEEN:
        unpacker = zlib.decompressobj(31)
        try:
            text += unpacker.decompress(head, _SEEN)
        except zlib.error:
            return None
        if not text and not unpacker.eof:
            return None
        # Members may be empty: programs that add to a file begin with one.
        head = unpacker.unused_data
    return text


def misplaced(path: Path, kind: str, wanted: str) -> str | None:
    """Say why a file cannot stand where it is named, with the fix; None: it can.

    Parameters
    ----------
    kind
        What the file is (`kind_of`).
    wanted
        What is to be there: a key of `COLUMNS`.
    """
    if kind == wanted:
        return None
    name = path.name
    if kind in COLUMNS:
        what = {"fastq": "a FASTQ", "bam": "a BAM", "cram": "a CRAM", "vcf": "a VCF"}[kind]
        return f"{path}: is {what}; fix: name it in the column {COLUMNS[kind]}"
    told = _REFUSED.get(kind)
    if told is None:
        asked = {"fastq": "FASTQ: its first line does not begin with @", "vcf": "VCF"}
        return f"{path}: is no {asked.get(wanted, wanted.upper())}; fix: name the right file"
    what, fix = told
    bare = name.rsplit(".", 1)[0]
    return f"{path}: {what}; fix: {fix.format(name=name, bare=bare)}"


_AGAIN = "copy or download it again"
_REFUSED = {
    "sam": ("is SAM text", "samtools view -b {name} > {bare}.bam, for the column bam"),
    "fasta": ("is a FASTA: reads without qualities are not taken", "name the FASTQ"),
    "bcf": ("is a BCF", "bcftools view -Oz -o {bare}.vcf.gz {name}, for the column gvcf"),
    "bz2": ("is packed by bzip2", "bzip2 -dc {name} | gzip > {bare}.gz"),
    "xz": ("is packed by xz", "xz -dc {name} | gzip > {bare}.gz"),
    "zst": ("is packed by zstd", "zstd -dc {name} | gzip > {bare}.gz"),
    "zip": ("is a zip archive", "unpack it: unzip {name}"),
    "rar": ("is a RAR archive", "unpack it"),
    "7z": ("is a 7-Zip archive", "unpack it"),
    "tar": ("is a tar archive", "unpack it: tar -xf {name}"),
    "sra": ("is an SRA archive", "fasterq-dump --split-files {name}"),
    "ora": ("is packed by Illumina's ORA", "orad {name}"),
    "html": ("is a web page: the download failed", _AGAIN),
    "pointer": ("is a pointer of Git LFS, not the file", "git lfs pull"),
    "empty": ("is empty", _AGAIN),
    "nothing": ("holds no read: a gzip of nothing", _AGAIN),
    "damaged": ("is a damaged gzip, from its beginning", _AGAIN),
    "zeros": ("holds nothing but zero bytes: a copy that broke off", _AGAIN),
}  # fmt: skip


def lacks_end(path: Path) -> bool:
    """Tell whether a file begins as BGZF and has no end block: it may have been cut off."""
    with path.open("rb") as file:
        head = file.read(16)
        is_bgzf = head[:4] == b"\x1f\x8b\x08\x04" and head[12:14] == b"BC"
        if not is_bgzf:
            return False
        size = file.seek(0, 2)
        file.seek(max(0, size - len(BGZF_END)))
        return file.read() != BGZF_END
