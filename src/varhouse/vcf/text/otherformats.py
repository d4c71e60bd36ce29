"""Files that are no VCF, told by their content: what each is, and what to do with it.

A name proves nothing (`reads.fastq.gz` as `reads.vcf.gz`), and what is parsed as a VCF that
is none gives thousands of problems that say nothing. So the first bytes, unpacked where the
file is packed, are compared with the magic numbers and the first lines of other formats.
What is not known for certain is left to the reader of VCF, which says where it fails.
"""

import bz2
import re
from pathlib import Path
from typing import NamedTuple

from isal import isal_zlib

from varhouse.errors import InputError
from varhouse.vcf.text.bgzf import PackedError, file_kind

HEAD_BYTES = 1 << 16
"""Bytes of the start of a file that are looked at, and of what they unpack to."""


class Format(NamedTuple):
    """A format that is not read: its name with an article, and what to do with such a file."""

    name: str
    advice: str


class OtherFormatError(InputError):
    """A file of a known format that is no VCF or BCF; `fix` says what to do with it."""


_READS = (
    "call it first: varhouse init DIR *.fastq.gz --reference FASTA writes a sheet of reads, "
    "varhouse call --config DIR/config.yaml calls (docs/reads.md)"
)
_ALIGNED = (
    "call it first: name it in the column bam or cram of a sheet of reads, then varhouse call "
    "--config FILE (docs/reads.md)"
)
_PLINK = "write it as VCF: plink2 --bfile NAME --ref-from-fa force --fa FASTA --export vcf bgz"
_PLINK2 = "write it as VCF: plink2 --pfile NAME --export vcf bgz"
_INDEX = "give the file that it is the index of"
_SHEET = (
    "give a VCF or BCF file; a sheet of the configuration is tab-separated text: save it so"
)
_AS_VCF = "write the variants as VCF with the program that made it"

FASTQ = Format("a FASTQ file of reads", _READS)
FASTA = Format("a FASTA file", "name it as reference: assembly.reference, or --reference")
SAM = Format("a SAM file of aligned reads", _ALIGNED)
BED = Format(
    "a BED file of intervals",
    "give a VCF; intervals belong into the column callable of the cohort sheet, or in sources",
)
FAI = Format("an index of a FASTA file (.fai)", _INDEX)
TAR = Format("a tar archive", "unpack it: tar -xf FILE, and give the VCFs that are in it")
ZARR = Format("a Zarr store, a folder", "write it as VCF: vcztools view FOLDER")

_MAGIC = (
    (0, b"BAM\x01", Format("a BAM file of aligned reads", _ALIGNED)),
    (0, b"CRAM", Format("a CRAM file of aligned reads", _ALIGNED)),
    (0, b"BAI\x01", Format("an index of a BAM file (.bai)", _INDEX)),
    (0, b"CSI\x01", Format("an index (.csi)", _INDEX)),
    (0, b"TBI\x01", Format("an index (.tbi)", _INDEX)),
    (0, b"l\x1b\x01", Format("a PLINK file of genotypes (.bed)", _PLINK)),
    (0, b"l\x1b", Format("a PLINK 2 file of genotypes (.pgen)", _PLINK2)),
    (16, b"bgen", Format("a BGEN file",
                         "write it as VCF: plink2 --bgen FILE ref-first --export vcf bgz")),
    (0, b"PAR1", Format("a Parquet file", "give calls as VCF or BCF; a table of annotations "
                        "belongs into sources of the configuration")),
    (0, b"\x89HDF\r\n", Format("an HDF5 file", _AS_VCF)),
    (0, b"SQLite format 3\x00", Format("an SQLite database", _AS_VCF)),
    (257, b"ustar", TAR),
    (0, b"C'A\x1a", Format("a 2bit file", "write the reference as FASTA: twoBitToFa")),
    (0, b"\xeb\xf2\x89\x87", Format("a bigBed file", BED.advice)),
    (0, b"\x87\x89\xf2\xeb", Format("a bigBed file", BED.advice)),
    (0, b"\x26\xfc\x8f\x88", Format("a bigWig file", _AS_VCF)),
    (0, b"\x88\x8f\xfc\x26", Format("a bigWig file", _AS_VCF)),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
     Format("an old document of Excel or Word (.xls, .doc)", _SHEET)),
    (0, b"%PDF-", Format("a PDF document", "give the VCF or BCF file that it is about")),
)  # fmt: skip
"""Place of a magic number, the number, the format; the first that fits holds."""

_GENES = Format("a gene model (GFF3 or GTF)", "name it as genes in the configuration")
_NONE = "give a VCF or BCF file"

_LINES = (
    (rb"@(?:HD|SQ|RG|PG|CO)\t", SAM),
    (rb"##gff-version", _GENES),
    (rb"(?:track|browser)[ \t]", BED),
    (
        rb"chain \d+ ",
        Format("a chain file", "name it in the cohort sheet: column chain"),
    ),
    (rb"version https://git-lfs", Format("a pointer of Git LFS", "fetch it: git lfs pull")),
    (
        rb"\s*<(?:!doctype html|html|head)\b",
        Format("an HTML page", "the download gave a page and not the file: download it again"),
    ),
    (rb"\s*<\?xml\b", Format("an XML document", _NONE)),
    (rb"\s*[{\[]\s*[\"{\[\]}]", Format("a JSON document", _NONE)),
    (
        rb"#CHROM\tPOS\tID\tREF\tALT(?:\tQUAL)?(?:\tFILTER)?(?:\tCM)?\r?\n",
        Format("a PLINK 2 list of variants (.pvar)", _PLINK2),
    ),
    (rb"#(?:FID\t)?IID\b", Format("a PLINK 2 list of samples (.psam)", _PLINK2)),
    (
        rb"Hugo_Symbol\t|#version 2\.\d",
        Format("a MAF table of mutations", "give the VCF that it was made of"),
    ),
)
"""Pattern of the start of a text, and its format."""

_ROWS = (
    (
        rb"\d+\t\d+\t\d+\t\d+\t\d+\t\d+\Z",
        Format("an index of a CRAM file (.crai)", _INDEX),
    ),
    (rb"[^\t]+\t[^\t]+\t[^\t]+\t\d+\t\d+\t[^\t]+\t[-+.?]\t[.012]\t", _GENES),
    (
        rb"\S+[\t ]+\S+[\t ]+\S+[\t ]+\S+[\t ]+[012][\t ]+-?[\d.]+\Z",
        Format("a PLINK list of samples (.fam)", _PLINK),
    ),
    (rb"[^\t]+\t\d+\t\d+(?:\t|\Z)", BED),
    (
        rb"\w+[\t ]+\S+[\t ]+[-\d.eE]+[\t ]+\d+(?:[\t ]+[ACGTNacgtnDI0*.-]+){2}\Z",
        Format("a PLINK list of variants (.bim)", _PLINK),
    ),
    (
        rb"(?:rs|i)\d+\t\w+\t\d+\t[ACGTDI-]{1,2}\Z",
        Format(
            "genotypes of an array as a table (23andMe)",
            "write it as VCF: bcftools convert --tsv2vcf FILE -f FASTA -s NAME",
        ),
    ),
)
"""Pattern of the first lines that are no comments, and their format."""

_FOLDERS = (
    (("zarr.json", ".zgroup", ".zarray", ".zattrs", ".zmetadata"), ZARR),
    (("_delta_log",), Format("a Delta table, a folder", "give VCF or BCF files")),
    (
        ("metadata.json.gz",),
        Format("a table of Hail, a folder", "write it as VCF: hail.export_vcf"),
    ),
    (
        ("callset.json", "vidmap.json"),
        Format("a GenomicsDB workspace, a folder", "give the gVCFs that it was made of"),
    ),
    (
        ("__schema", "__array_schema.tdb"),
        Format("a TileDB array, a folder", "write it as VCF: tiledbvcf export"),
    ),
)
"""Names of which one stands in a folder of another program, and its format."""

_OFFICE = (
    (b"xl/", Format("an Excel workbook (.xlsx)", _SHEET)),
    (b"opendocument.spreadsheet", Format("a LibreOffice workbook (.ods)", _SHEET)),
    (b"word/", Format("a Word document (.docx)", _NONE)),
)
"""Text that the start of an office program's zip archive holds, and its format."""

_COMPILED = [(re.compile(p, re.IGNORECASE), f) for p, f in _LINES]
_COMPILED_ROWS = [(re.compile(p), f) for p, f in _ROWS]
_BASES = re.compile(rb"[ACGTNUacgtnu.*-]+")
_RESIDUES = re.compile(rb"[A-Za-z*-]+")
_VCF_COLUMNS = 8


def format_of(head: bytes) -> Format | None:
    """Say which other format a file is of, by its first bytes (unpacked); None: not known."""
    for at, magic, found in _MAGIC:
        if head[at : at + len(magic)] == magic:
            return found
    text = head.removeprefix(b"\xef\xbb\xbf")
    if text.startswith(b"##fileformat"):
        return None
    for pattern, found in _COMPILED:
        if pattern.match(text):
            return found
    return _of_lines(text)


def _of_lines(text: bytes) -> Format | None:
    """Say which format a text without a magic number is of, by its first lines."""
    lines = [line.rstrip(b"\r") for line in text.split(b"\n")]
    first = lines[0]
    if first.startswith(b"@") and len(lines) > 1:
        # A long read may fill all that was read.
        plus = lines[2][:1] if len(lines) > 2 else b"+"
        return FASTQ if _BASES.fullmatch(lines[1]) and plus == b"+" else None
    if first.startswith(b">"):
        rest = [line for line in lines[1:] if line and not line.startswith(b">")]
        return FASTA if all(map(_RESIDUES.fullmatch, rest[:3])) else None
    if any(line.startswith((b"#CHROM", b"##fileformat")) for line in lines):
        return None
    if len(text) >= HEAD_BYTES:
        # The last line may be cut off.
        lines.pop()
    rows = [line for line in lines if line and not line.startswith(b"#")][:3]
    if not rows or (rows[0].count(b"\t") + 1 >= _VCF_COLUMNS and _looks_like_record(rows[0])):
        return None
    if all(map(_is_fai, rows)):
        return FAI
    for pattern, found in _COMPILED_ROWS:
        if all(map(pattern.match, rows)):
            return found
    return None


def _is_fai(line: bytes) -> bool:
    """Tell name, length, place, bases and bytes of a line (one or two more) of a FASTA."""
    name, *numbers = line.split(b"\t")
    if not name or len(numbers) != 4 or not all(n.isdigit() for n in numbers):
        return False
    return int(numbers[3]) - int(numbers[2]) in (1, 2)


def _looks_like_record(line: bytes) -> bool:
    """Tell whether a line may be a record of a VCF that has lost its header."""
    cells = line.split(b"\t")
    return cells[1].isdigit() and bool(_BASES.fullmatch(cells[3]))


def unpacked_head(path: Path, kind: str) -> bytes:
    """Give the first bytes of a file, unpacked; fewer where it is damaged or cut off."""
    with path.open("rb") as file:
        packed = file.read(HEAD_BYTES)
    try:
        if kind == "bzip2":
            return bz2.BZ2Decompressor().decompress(packed, HEAD_BYTES)
        if kind in ("gzip", "bgzf"):
            return bytes(isal_zlib.decompressobj(31).decompress(packed, HEAD_BYTES))
    except (OSError, EOFError, isal_zlib.error):  # type: ignore[misc]
        return b""
    return packed


def folder_format(path: Path) -> Format | None:
    """Say what a folder is that holds the data of another program; None: not known."""
    for names, found in _FOLDERS:
        if any((path / name).exists() for name in names):
            return found
    return None


def vcf_kind(path: Path) -> str:
    """Tell the kind of a VCF or BCF by its first bytes: text, gzip, bgzf, bzip2 or bcf.

    Raises
    ------
    OtherFormatError
        If the file is of another format that is known, whatever its name.
    InputError
        As `varhouse.vcf.text.bgzf.file_kind`.
    """
    try:
        kind = file_kind(path)
    except PackedError as error:
        head = unpacked_head(path, "zip")
        for part, office in _OFFICE if head.startswith(b"PK") else ():
            if part in head:
                raise OtherFormatError(
                    f"{path}: {office.name}, no VCF", office.advice
                ) from error
        raise
    if kind == "bcf":
        return kind
    found = format_of(unpacked_head(path, kind))
    if found is not None:
        packed = "" if kind == "text" or found.name.endswith(")") else f", packed ({kind})"
        raise OtherFormatError(f"{path}: {found.name}{packed}, no VCF", found.advice)
    return kind
