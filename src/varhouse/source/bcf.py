"""BCF is copied to BGZF text once; every later step then reads one kind of file.

htslib reads the records, in a process of its own: it can crash on damaged binary
records, and takes nobody with it then. The header is read here.
"""

import re
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from varhouse.errors import InputError
from varhouse.source.bgzf import file_kind, has_end_block, read_pieces
from varhouse.source.limits import DEFAULTS

_SIGNALS = {4: "illegal instruction", 6: "abort", 7: "bus error", 9: "killed",
            11: "segmentation fault"}  # fmt: skip


def bcf_header(path: Path) -> list[str]:
    """Read the header lines of a BCF (VCF 4.5 section 6.2).

    Raises
    ------
    InputError
        If the file is cut off in its header, or is no BCF 2.
    """
    with path.open("rb") as f:
        kind = "text" if f.read(3) == b"BCF" else "bgzf"
    held = b""
    wanted = 9
    for _, piece in read_pieces(path, kind):
        held += piece
        if len(held) >= 9 and wanted == 9:
            if held[:4] != b"BCF\x02":
                raise InputError(f"{path}: not BCF 2", "bcftools view -Ob writes it")
            wanted += struct.unpack_from("<I", held, 5)[0]
            if wanted > DEFAULTS.header_bytes:
                raise InputError(f"{path}: damaged: a BCF header of {wanted - 9:,} bytes")
        if len(held) >= wanted > 9:
            text = held[9:wanted].rstrip(b"\0").decode("utf-8", "replace")
            # IDX is a number of the binary records; the text of a VCF has none.
            lines = text.rstrip("\n").split("\n")
            return [re.sub(r",IDX=[0-9]+(?=>$)", "", line.rstrip("\r")) for line in lines]
    raise InputError(f"{path}: cut off in the header", "copy it again")


@contextmanager
def text_of(path: Path) -> Iterator[tuple[Path, str]]:
    """Give a file of text and its kind: of a BCF a copy, which is removed at the end.

    Raises
    ------
    InputError
        If the file is of a kind that is not read, or a BCF cannot be read to its end.
    """
    kind = file_kind(path)
    if kind != "bcf":
        yield path, kind
        return
    with tempfile.TemporaryDirectory(prefix="varhouse-") as folder:
        yield copy_bcf(path, Path(folder) / "in.vcf.gz"), "bgzf"


def copy_bcf(path: Path, target: Path) -> Path:
    """Write a BCF file as BGZF VCF.

    Raises
    ------
    InputError
        If htslib cannot read the file to its end.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    bcf_header(path)
    if not has_end_block(path):
        raise InputError(
            f"{path}: the BGZF end block is missing: the file is cut off", "copy it again"
        )
    command = [sys.executable, "-m", "varhouse.source.bcf", str(path), str(target)]
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode == 0:
        return target
    if done.returncode < 0:
        signal = _SIGNALS.get(-done.returncode, f"signal {-done.returncode}")
        why = f"htslib crashed on it: {signal}"
    else:
        why = " ".join(done.stderr.strip().splitlines()[-1:])[:300] or "htslib cannot read it"
    raise InputError(f"{path}: cut off or damaged BCF ({why})", "copy it again")


def _copy(path: str, target: str) -> None:
    # Half the time of a loop over records.
    import pysam.bcftools  # noqa: PLC0415 - loads htslib, which only BCF needs

    pysam.bcftools.view(
        "--no-version", "-Oz1", "-o", target, path, catch_stdout=False
    )  # fmt: skip


if __name__ == "__main__":
    try:
        _copy(sys.argv[1], sys.argv[2])
    except Exception as error:  # pysam has an exception of its own, and others
        sys.exit(str(error))
