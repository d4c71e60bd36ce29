"""The header of a BCF, and its records as htslib writes them.

htslib reads what nothing here reads: damaged files, and what only it has a name for. It does
so in a process of its own: it can crash on damaged binary records, and takes nobody with it
then.
"""

import fcntl
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile

from varhouse.errors import InputError
from varhouse.vcf.text.bgzf import has_end_block, read_pieces
from varhouse.vcf.text.encoding import header_text
from varhouse.vcf.text.limits import DEFAULTS

_CODE = """import sys
try:
    import pysam.bcftools
    pysam.bcftools.view("-H", "-Ov", sys.argv[1], catch_stdout=False)
except Exception as error:  # pysam has an exception of its own, and others
    sys.exit(str(error))
"""
_COMMAND = [sys.executable, "-c", _CODE]
"""Half the time of a loop over records, and nothing of this package to load."""
_PIPE_BYTES = 1 << 20
_SIGNALS = {
    4: "illegal instruction",
    6: "abort",
    7: "bus error",
    9: "killed",
    11: "segmentation fault",
}


def bcf_header(path: Path) -> list[str]:
    """Read the header lines of a BCF (VCF 4.5 section 6.2) as a VCF would have them.

    Raises
    ------
    InputError
        If the file is cut off in its header, or is no BCF 2.
    """
    # IDX is a number of the binary records; the text of a VCF has none.
    return [re.sub(r",IDX=[0-9]+(?=>\Z)", "", line) for line in raw_header(path)]


def raw_header(path: Path) -> list[str]:
    """Read the header lines of a BCF as they stand, with IDX.

    Raises
    ------
    InputError
        If the file is cut off in its header, or is no BCF 2.
    """
    with path.open("rb") as f:
        kind = "text" if f.read(3) == b"BCF" else "bgzf"
    data = b""
    wanted = 9
    for _, piece in read_pieces(path, kind):
        data += piece
        if len(data) >= 9 and wanted == 9:
            if data[:4] != b"BCF\x02":
                raise InputError(f"{path}: not BCF 2", "bcftools view -Ob writes it")
            wanted += struct.unpack_from("<I", data, 5)[0]
            if wanted > DEFAULTS.header_bytes:
                raise InputError(f"{path}: damaged: a BCF header of {wanted - 9:,} bytes")
        if len(data) >= wanted > 9:
            text = header_text(data[9:wanted].rstrip(b"\0"))
            return [line.rstrip("\r") for line in text.rstrip("\n").split("\n")]
    raise InputError(f"{path}: cut off in the header", "copy it again")


def htslib_pieces(path: Path) -> Iterator[bytes]:
    """Yield the lines of all records of a BCF in pieces, as htslib writes them.

    They come through a pipe, so that nothing is packed, unpacked or put on disk.

    Raises
    ------
    InputError
        If htslib cannot read the file to its end: after what it has read of it.
    """
    with TemporaryFile() as messages:
        process = subprocess.Popen(
            [*_COMMAND, str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=messages,
        )
        assert process.stdout is not None
        ended = False
        try:
            if hasattr(fcntl, "F_SETPIPE_SZ"):
                fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
            while piece := process.stdout.read(_PIPE_BYTES):
                yield piece
            ended = True
        finally:
            if not ended:
                # Whoever reads may stop before the end.
                process.kill()
            process.stdout.close()
            code = process.wait()
        messages.seek(0)
        _check_code(path, code, messages.read().decode("utf-8", "replace"))


def check_end(path: Path) -> None:
    """Check that a BCF has its last block.

    Raises
    ------
    InputError
        If it has not.
    """
    if not has_end_block(path):
        raise InputError(
            f"{path}: the BGZF end block is missing: the file is cut off", "copy it again"
        )


def _check_code(path: Path, code: int, messages: str) -> None:
    """Say why the process that reads a file has failed, if it has."""
    if code == 0:
        return
    if code < 0:
        why = f"htslib crashed on it: {_SIGNALS.get(-code, f'signal {-code}')}"
    else:
        why = " ".join(messages.strip().splitlines()[-1:])[:300] or "htslib cannot read it"
    raise InputError(f"{path}: cut off or damaged BCF ({why})", "copy it again")
