"""Runs one samtools or bcftools command of pysam: `python -P tool.py samtools sort -u -`.

Standard input and output are the command's own, so that it stands in a pipe; what it says
goes to stderr; the exit status is the command's. It is a script, as the import of a package
would cost more than pysam's, which is 0.03 s.
"""

import ctypes
import importlib
import re
import signal
import sys
from contextlib import suppress

# These print to a stream of pysam's: with `catch_stdout=False` nothing comes out.
_PRINTING = {
    "samtools": frozenset(
        ("flagstat", "stats", "idxstats", "coverage", "depth", "bedcov", "dict", "quickcheck")
    )
    | frozenset(("consensus", "mpileup", "head", "samples", "phase", "checksum")),
    "bcftools": frozenset(("stats", "isec", "head", "gtcheck", "roh")),
}
# These abort at their end ("double free") unless they open their output themselves.
_OPENING = {"samtools": frozenset[str](), "bcftools": frozenset(("query", "consensus"))}


def end_with_parent() -> None:
    """Have this process ended when the one that started it ends, however that is.

    Else the stages of a killed job would work on beside those of the next attempt. Where the
    system has no such call, a stage ends as its pipes are closed.
    """
    with suppress(OSError, AttributeError):
        # prctl(PR_SET_PDEATHSIG, SIGTERM) of Linux.
        ctypes.CDLL(None).prctl(1, int(signal.SIGTERM), 0, 0, 0)


def main(argv: list[str]) -> int:
    """Run the command.

    Parameters
    ----------
    argv
        `samtools` or `bcftools`, a command of it, and its arguments.

    Returns
    -------
    int
        Exit status: the command's.
    """
    # As programs of C do: a reader that ends, ends the writer.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    end_with_parent()
    from pysam.utils import SamtoolsError  # noqa: PLC0415 - after the signal

    program, command, *args = argv
    keywords: dict[str, object] = {"catch_stdout": False}
    has_output = "-o" in args
    if command in _OPENING[program] and not has_output:
        args = ["-o", "/dev/stdout", *args]
    elif command in _PRINTING[program] and not has_output:
        keywords = {"save_stdout": "/dev/stdout"}
    call = getattr(importlib.import_module(f"pysam.{program}"), command)
    try:
        call(*args, **keywords)
    except SamtoolsError as error:
        said = str(error.value)
        code = re.search(r"returned with error (\d+)", said)
        sys.stderr.write(said.rpartition("stderr=")[2].strip() + "\n")
        return int(code[1]) & 0xFF or 1 if code else 1
    said = call.get_messages()
    if said:
        sys.stderr.write(said)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
