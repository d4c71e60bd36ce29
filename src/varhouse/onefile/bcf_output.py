"""BCF output of commands that make VCF text: htslib writes it, in a process of its own."""

import shutil
import subprocess
import sys
from pathlib import Path

from varhouse.errors import InputError

_VIEW = (
    "import sys, pysam.bcftools as b; "
    "b.view('--no-version', '-Ob', '-o', sys.argv[1], '-', catch_stdout=False)"
)


def write_bcf(text: Path, out: Path, source: Path, extra: bytes = b"") -> None:
    """Write a plain VCF as BCF.

    Parameters
    ----------
    text
        The VCF, not compressed.
    source
        The user's file, for the message.
    extra
        Header lines to add behind the first: BCF wants every contig declared.

    Raises
    ------
    InputError
        If htslib cannot write it, say for a field that the header does not declare.
    """
    command = [sys.executable, "-c", _VIEW, str(out)]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process,
        text.open("rb") as lines,
    ):
        assert process.stdin is not None
        assert process.stderr is not None
        try:
            process.stdin.write(lines.readline() + extra)
            shutil.copyfileobj(lines, process.stdin, 1 << 22)
            process.stdin.close()
        except BrokenPipeError:
            # It has given up; what it says is read below.
            pass
        said = process.stderr.read().decode(errors="replace").strip()
    if process.returncode or not out.exists():
        reason = next((x for x in said.splitlines() if x.startswith("[E::")), said[-200:])
        raise InputError(
            f"{source}: htslib cannot write it as BCF ({reason})",
            "declare every field in the header, or write .vcf.gz",
        )
