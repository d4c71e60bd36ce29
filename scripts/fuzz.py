"""Fuzz the reader and the validator with mutated VCF files.

Two engines: `random` mutates the files of a corpus blindly, `coverage` is guided by the
coverage of the Python code (atheris, to be installed beside the package):

    python scripts/fuzz.py --corpus ../shared/data/validity --seconds 1800
    python scripts/fuzz.py --corpus ../shared/data/validity --seconds 1800 --engine coverage

Compiled code runs with its bounds checked, and every text ends at a page that may not be
read, because loads of whole words are not checked.

For every input: nothing but a VarhouseError is raised, it ends within --limit seconds, the
problems found do not depend on how the text is cut into blocks, and what is valid is read.
An input that breaks this is kept in --findings; the script then exits with 1.
"""

import argparse
import contextlib
import ctypes
import faulthandler
import gzip
import hashlib
import json
import mmap
import os
import random
import signal
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, FunctionType
from typing import Any

WORDS = (
    b"\t",
    b"\n",
    b"\r\n",
    b";",
    b",",
    b":",
    b"=",
    b".",
    b"/",
    b"|",
    b"<",
    b">",
    b"*",
    b"[",
    b"]",
    b'"',
    b"\\",
    b"#",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"-1",
    b"0",
    b"1",
    b"2147483648",
    b"-2147483648",
    b"1e400",
    b"nan",
    b"inf",
    b"0x1p3",
    b"GT",
    b"GT:PL",
    b"0/1",
    b"./.",
    b"0|",
    b"AC=1",
    b"AF=2",
    b"END=5",
    b"SVLEN=-3",
    b"<DEL>",
    b"<*>",
    b"<CNV:TR>",
    b"]1:5]A",
    b"PASS",
    b"Number=A",
    b"Number=LG",
    b"Type=Flag",
    b"##INFO=<ID=",
    b"##contig=<ID=",
    b"LAA",
    b"LPL",
    b"##fileformat=VCFv4.5",
    b"A" * 300,
    b"," * 70_000,
    b"0|0\t" * 500,
    b";" * 999,
)
"""Pieces that matter to a reader of VCF."""

MOST_BYTES = 200_000
REFERENCE = b">1\n" + b"ACGTNACGTTTGCA" * 20 + b"\n>20\n" + b"GGATTACACATTAG" * 20 + b"\n"


def mutate(data: bytes, corpus: list[bytes], rng: random.Random) -> bytes:
    """Change a file a little, seldom a lot."""
    out = bytearray(data)
    for _ in range(1 << rng.randrange(5)):
        size = len(out)
        at = rng.randrange(size + 1)
        match rng.randrange(7):
            case 0 if size:
                out[at % size] = rng.randrange(256)
            case 1:
                out[at:at] = rng.choice(WORDS)
            case 2:
                del out[at : at + (1 << rng.randrange(8))]
            case 3:
                out[at : at + rng.randrange(6)] = rng.choice(WORDS)
            case 4:
                other = rng.choice(corpus)
                cut = rng.randrange(len(other) + 1)
                out[at:at] = other[cut : cut + (1 << rng.randrange(10))]
            case 5:
                lines = bytes(out).split(b"\n")
                i = rng.randrange(len(lines))
                lines.insert(rng.randrange(len(lines)), lines[i])
                out = bytearray(b"\n".join(lines))
            case _:
                lines = bytes(out).split(b"\n")
                i = rng.randrange(len(lines))
                cells = lines[i].split(b"\t")
                cells[rng.randrange(len(cells))] = rng.choice(WORDS)
                lines[i] = b"\t".join(cells)
                out = bytearray(b"\n".join(lines))
    return bytes(out[:MOST_BYTES])


def guard_texts() -> None:
    """Let every text that numpy is given end where reading on is a segmentation fault."""
    import numpy as np

    plain, libc = np.frombuffer, ctypes.CDLL(None)

    def guarded(data: Any, dtype: Any = float, *more: Any, **named: Any) -> Any:
        if dtype is not np.uint8 or not isinstance(data, bytes) or not data or more or named:
            return plain(data, dtype, *more, **named)
        page = mmap.PAGESIZE
        size = -(-len(data) // page) * page
        memory = mmap.mmap(-1, size + page)
        out = plain(memory, np.uint8, len(data), size - len(data))
        out[:] = plain(data, np.uint8)
        start = ctypes.c_void_p(out.ctypes.data + len(data))
        if libc.mprotect(start, ctypes.c_size_t(page), 0):
            raise OSError("mprotect failed")
        out.flags.writeable = False
        return out

    np.frombuffer = guarded


class Target:
    """Runs everything that reads a file on one input."""

    def __init__(self, folder: Path) -> None:
        from varhouse.onefile.validate import open_assembly

        self.path = folder / "in.vcf"
        fasta = folder / "ref.fa"
        fasta.write_bytes(REFERENCE)
        self.stack = contextlib.ExitStack()
        self.contigs, self.reference = self.stack.enter_context(open_assembly(fasta, None))

    def scan(self, batch_bytes: int | None) -> Any:
        """Scan the input; with another block size if one is given."""
        from varhouse.vcf.check.scan import scan_file

        size = {} if batch_bytes is None else {"batch_bytes": batch_bytes}
        return scan_file(self.path, self.contigs, self.reference, hashes=False, **size)

    def __call__(self, data: bytes) -> None:
        """Check one input; raises what is wrong."""
        from varhouse.errors import VarhouseError
        from varhouse.vcf.read import read_vcf
        from varhouse.vcf.repair.run import repair_file

        self.path.write_bytes(data)
        whole, cut = (self.scan(size) for size in (None, 300))
        found, again = (json.dumps(s.account.as_json(), sort_keys=True) for s in (whole, cut))
        if found != again:
            raise AssertionError(f"depends on the blocks:\n{found}\n{again}")
        try:
            for _ in read_vcf(self.path):
                pass
        except VarhouseError:
            if whole.account.verdict == "valid":
                raise
        with contextlib.suppress(VarhouseError):
            repair_file(
                self.path, self.path.with_name("out.vcf.gz"), self.contigs, self.reference
            )


def corpus_of(folder: Path) -> list[bytes]:
    """Small text files of a folder."""
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and p.stat().st_size < 60_000)
    return [unpacked(p.read_bytes()) for p in paths if p.suffix in (".vcf", ".gz", ".bcf")]


def unpacked(data: bytes) -> bytes:
    """Give the records of a BCF as they stand, so that mutations meet them and no blocks."""
    with contextlib.suppress(OSError, EOFError, zlib.error):
        text = gzip.decompress(data)
        if text.startswith(b"BCF\2\2"):
            return text
    return data


@contextlib.contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Raise TimeoutError if the block takes longer."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def stop_clock_while_compiling() -> None:
    """Let no input pay for what is compiled on its way: that happens once in a process."""
    from numba.core import event

    class Clock(event.Listener):
        """Holds the alarm from the first compilation to the end of the last inside of it."""

        depth = left = 0

        def on_start(self, event: event.Event) -> None:
            self.depth += 1
            if self.depth == 1:
                self.left = signal.alarm(0)

        def on_end(self, event: event.Event) -> None:
            self.depth -= 1
            if self.depth == 0 and self.left:
                signal.alarm(self.left)

    event.register("numba:compile", Clock())


def keep(data: bytes, error: BaseException, findings: Path) -> Path:
    """Keep an input that broke something."""
    findings.mkdir(parents=True, exist_ok=True)
    path = findings / f"{hashlib.sha256(data).hexdigest()[:16]}.vcf"
    path.write_bytes(data)
    path.with_suffix(".txt").write_text(f"{type(error).__name__}: {error}"[:5_000])
    return path


def run_random(target: Target, args: argparse.Namespace) -> int:
    """Mutate at random until the time is over; give the number of findings."""
    corpus = corpus_of(args.corpus)
    rng = random.Random(args.seed)
    end = time.monotonic() + args.seconds
    n = found = 0
    kinds: set[str] = set()
    while time.monotonic() < end:
        data = mutate(rng.choice(corpus), corpus, rng)
        (args.findings / "last").write_bytes(data)
        n += 1
        try:
            with time_limit(args.limit):
                target(data)
        except Exception as error:  # a fuzzer wants everything
            kind = f"{type(error).__name__}: {str(error)[:60]}"
            if kind not in kinds:
                kinds.add(kind)
                found += 1
                print(f"{keep(data, error, args.findings)}  {kind}", flush=True)
    print(f"{n:,} inputs, {found} finding(s)")
    return found


def instrument() -> None:
    """Watch the plain functions of the package; compiled ones stay as they are."""
    import atheris

    for name, module in list(sys.modules.items()):
        if not name.startswith("varhouse"):
            continue
        for thing in list(vars(module).values()):
            members = vars(thing).values() if isinstance(thing, type) else [thing]
            for member in list(members):
                if isinstance(member, FunctionType) and member.__module__ == name:
                    atheris.instrument_func(member)


def run_coverage(target: Target, args: argparse.Namespace) -> int:
    """Let atheris mutate; it ends the process itself."""
    import atheris

    def one(data: bytes) -> None:
        try:
            with time_limit(args.limit):
                target(data)
        except Exception as error:
            print(f"{keep(data, error, args.findings)}  {type(error).__name__}", flush=True)
            raise

    target(b"##fileformat=VCFv4.3\n")  # imports and compiles what is needed
    instrument()
    seeds = args.findings / "corpus"
    seeds.mkdir(parents=True, exist_ok=True)
    for data in corpus_of(args.corpus):
        (seeds / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    words = args.findings / "words.dict"
    escaped = ("".join(f"\\x{b:02x}" for b in w) for w in WORDS if len(w) < 60)
    words.write_text("".join(f'"{w}"\n' for w in escaped))
    atheris.Setup(
        [
            sys.argv[0],
            str(seeds),
            f"-max_total_time={args.seconds}",
            f"-dict={words}",
            f"-seed={args.seed + 1}",
            "-max_len=20000",
            f"-artifact_prefix={args.findings}/",
        ],
        one,
    )
    atheris.Fuzz()
    return 0


def main() -> int:
    """Run the fuzzer."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--corpus", type=Path, required=True, help="folder of VCF files")
    parser.add_argument("--engine", choices=("random", "coverage"), default="random")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--limit", type=int, default=120, help="seconds for one input")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings"))
    args = parser.parse_args()
    args.findings.mkdir(parents=True, exist_ok=True)
    # Read by numba when it is imported, which the package does.
    os.environ["NUMBA_BOUNDSCHECK"] = "1"
    os.environ.setdefault("NUMBA_CACHE_DIR", str(args.findings / "numba"))
    faulthandler.enable()
    guard_texts()
    stop_clock_while_compiling()
    with tempfile.TemporaryDirectory(prefix="varhouse-fuzz-") as tmp:
        if args.engine == "coverage":
            return run_coverage(Target(Path(tmp)), args)
        return 1 if run_random(Target(Path(tmp)), args) else 0


if __name__ == "__main__":
    sys.exit(main())
