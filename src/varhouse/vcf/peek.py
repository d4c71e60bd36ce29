"""The header of a file alone, without reading the records."""

from pathlib import Path

from varhouse.errors import InputError
from varhouse.vcf.account.problems import Account
from varhouse.vcf.bcf.htslib import bcf_header
from varhouse.vcf.blocks import iter_text
from varhouse.vcf.header.header import Header, read_header
from varhouse.vcf.text.encoding import header_text
from varhouse.vcf.text.limits import DEFAULTS, LimitError, Limits
from varhouse.vcf.text.otherformats import vcf_kind


def peek_header(path: Path, limits: Limits = DEFAULTS) -> list[str]:
    """Give the header lines of a VCF or BCF.

    Raises
    ------
    InputError
        If the file cannot be read, or its header is larger than the limits allow.
    """
    kind = vcf_kind(path)
    if kind == "bcf":
        return bcf_header(path)
    lines: list[str] = []
    size = 0
    for block in iter_text(path, kind, 1 << 20, limits):
        # A block ends with a newline: what stands behind it is no line.
        for line in header_text(block.data).split("\n")[:-1]:
            if not line.startswith("#") and not line.startswith("\ufeff#"):
                return lines
            lines.append(line.rstrip("\r").removeprefix("\ufeff"))
        size += len(block.data)
        if size > limits.header_bytes or len(lines) > limits.header_lines:
            key = "header_bytes" if size > limits.header_bytes else "header_lines"
            raise LimitError(f"{path}: the header is too large", key)
    return lines


def trusted_header(path: Path, limits: Limits = DEFAULTS) -> Header | None:
    """Read a file's header; None if an ingest would refuse the file because of it."""
    account = Account(path.name)
    try:
        header = read_header(peek_header(path, limits), account)
    except (InputError, OSError):
        return None
    return None if account.errors_in_file() else header
