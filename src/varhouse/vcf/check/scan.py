"""The whole-file pass: is this file whole and ordered, what is in it, where to cut it.

One pass over the text of a file checks the header, the shape of every line, the order,
the contigs and REF, and cuts the records into chunks that later jobs read alone. A
file that is not BGZF is copied to BGZF on the way. Nothing here hands a line to a
parser that trusts it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from varhouse.errors import InputError
from varhouse.genome.contigs import Contigs
from varhouse.genome.reference import Reference
from varhouse.vcf.account.problems import Account
from varhouse.vcf.blocks import iter_text, read_block
from varhouse.vcf.check.duplicates import ElsewhereWatch, Normalise
from varhouse.vcf.check.judged import Taker
from varhouse.vcf.check.scanner import NO_END_BLOCK, Scanner
from varhouse.vcf.gvcf.recognition import Dialect
from varhouse.vcf.header.header import Header
from varhouse.vcf.text.admission import check_path
from varhouse.vcf.text.bgzf import (
    BATCH_BYTES,
    BgzfWriter,
    FileHashes,
    PackedError,
    has_end_block,
    hash_file,
)
from varhouse.vcf.text.cuts import CHUNK_BYTES, Chunk, Cutter, Offsets
from varhouse.vcf.text.limits import DEFAULTS, LimitError, Limits
from varhouse.vcf.text.lines import RecordBatch
from varhouse.vcf.text.otherformats import OtherFormatError, vcf_kind

HEADER_BYTES = 1 << 20
"""Text that is read at once where the header alone is asked for."""

MISMATCHES = 5
"""So many records that do not fit are no single bad ones, as with annotation sources."""


@dataclass
class FileScan:
    """What one pass over a file found; `data` is the BGZF that chunks are read from."""

    path: str
    data: str
    kind: str
    bytes: int
    mtime_ns: int
    md5: str
    sha256: str
    header: str
    version: int | None
    samples: list[str]
    n_records: int
    contigs: dict[str, int]
    ref_checked: dict[str, int]
    chunks: list[Chunk]
    account: Account
    gvcf: bool = False
    dialect: Dialect | None = None

    def as_json(self) -> dict[str, Any]:
        """Give everything as plain data."""
        dialect = None if self.dialect is None else self.dialect._asdict()
        return {**asdict(self), "account": self.account.as_json(), "dialect": dialect}


def scan_file(
    path: Path,
    contigs: Contigs,
    reference: Reference | None,
    *,
    copy: Path | None = None,
    max_ref_mismatch_rate: float = 0.001,
    chunk_bytes: int = CHUNK_BYTES,
    chunk_records: int = 200_000,
    hashes: bool = True,
    limits: Limits = DEFAULTS,
    normalise: Normalise | None = None,
    taker: Taker | None = None,
    batch_bytes: int = BATCH_BYTES,
) -> FileScan:
    """Check a file from its first to its last byte and cut it into chunks.

    Parameters
    ----------
    path
        VCF (plain, gzip, BGZF, bzip2) or BCF.
    contigs, reference
        The assembly; without a reference REF is not checked.
    copy
        Where to write the BGZF that jobs read when the file is of another kind; None
        when no job will read it.
    limits
        A file that holds more is refused (VH-F-010) as soon as it shows.
    normalise
        Moves alleles left, to find the same one at two positions; None: not looked for.
    taker
        Takes the records as they are checked, until the file shows itself to be one that
        is refused; what the whole file shows is known afterwards only.
    batch_bytes
        Text that is checked, and taken, at once.

    Returns
    -------
    FileScan
        Nothing is raised for what is wrong inside the file: it is in `account`.

    Raises
    ------
    TakingError
        If the taker raised an InputError.
    """
    account = Account(path.name)
    cutter = Cutter(chunk_bytes, chunk_records)
    scanner = Scanner(path, contigs, reference, account, cutter, limits)
    scanner.taker = taker
    if reference is not None and normalise is not None:
        scanner.assembly.elsewhere = ElsewhereWatch(account, reference, normalise)
    kind, data, writer, members = "text", path, None, Offsets()
    if not check_path(path, account):
        return FileScan(
            str(path), str(path), "none", 0, 0, "", "", "", None, [], 0, {}, {}, [], account
        )
    stat = path.stat()
    hashed, total = FileHashes() if hashes else None, 0
    with _told_of(path, account):
        kind = vcf_kind(path)
        if kind != "bgzf" and copy is not None:
            copy.parent.mkdir(parents=True, exist_ok=True)
            writer, data = BgzfWriter(copy), copy
        for start, batch, size in _records(
            scanner, path, kind, writer, members, batch_bytes, hashed
        ):
            scanner.take_records(batch, start)
            total = min(cutter.end, start + size)
        scanner.take_end(kind)
    cutter.close(total, scanner.n_records)
    if writer is not None:
        writer.close()
    md5 = sha = ""
    if hashed is not None:
        # Damage, a limit or a BCF: the bytes were not all read here.
        whole = hashed.size == stat.st_size
        md5, sha = hashed.digests() if whole else hash_file(path)
    _finish(account, scanner, kind, max_ref_mismatch_rate)
    if "VH-F-010" in account.counts:
        # How far the file was read depends on its blocks, what is told of it must not.
        account.keep_only("VH-F-010")
        scanner.forget()
    header = scanner.header or Header()
    return FileScan(
        path=str(path),
        data=str(data),
        kind=kind,
        bytes=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        md5=md5,
        sha256=sha,
        header=header.text,
        version=header.version,
        samples=header.samples,
        n_records=scanner.n_records,
        contigs=scanner.seen,
        ref_checked=scanner.assembly.checked,
        account=account,
        chunks=_chunks(cutter, _offsets(kind, writer, members))
        if not account.errors_in_file() and (writer or taker or kind == "bgzf")
        else [],
        gvcf=scanner.dialect is not None,
        dialect=scanner.dialect,
    )


def scan_header(
    path: Path, contigs: Contigs, reference: Reference | None, limits: Limits = DEFAULTS
) -> FileScan:
    """Check a file as far as its header, as `scan_file` does: no record is looked at.

    Of a BGZF the last block is looked at, too: without it the file is cut off.

    Returns
    -------
    FileScan
        Without records, chunks and checksums.
    """
    account = Account(path.name)
    scanner = Scanner(path, contigs, reference, account, Cutter(CHUNK_BYTES, 1), limits)
    kind = "none"
    if check_path(path, account):
        with _told_of(path, account):
            kind = vcf_kind(path)
            for block in iter_text(path, kind, HEADER_BYTES, limits):
                scanner.take_block(block)
                if scanner.header is not None:
                    break
            if scanner.header is None:
                scanner.take_end(kind)
            elif kind == "bgzf" and not has_end_block(path):
                account.add("VH-F-003", NO_END_BLOCK)
    if "VH-F-010" in account.counts:
        account.keep_only("VH-F-010")
    header = scanner.header or Header()
    return FileScan(
        str(path), str(path), kind, 0, 0, "", "", header.text, header.version,
        header.samples, 0, {}, {}, [], account,
    )  # fmt: skip


@contextmanager
def _told_of(path: Path, account: Account) -> Iterator[None]:
    """Put into the account what stops a block that reads a file, and go on behind it."""
    try:
        yield
    except LimitError as error:
        account.add(
            "VH-F-010",
            error.message.removeprefix(f"{path}: "),
            name=f"limits.{error.key}",
        )
    except OtherFormatError as error:
        account.add("VH-F-017", error.message.removeprefix(f"{path}: "), fix=error.fix)
    except PackedError as error:
        account.add("VH-F-001", error.message.removeprefix(f"{path}: "), fix=error.fix)
    except InputError as error:
        code = "VH-F-002" if "cut off" in error.message else "VH-F-001"
        account.add(code, error.message.removeprefix(f"{path}: "))


def _chunks(cutter: Cutter, offset: Callable[[int], int]) -> list[Chunk]:
    """Give the chunks of a file; `offset` tells the virtual offset of a text position."""
    return [
        Chunk(
            part,
            offset(begin),
            offset(end),
            int(record),
            int(line),
            int(n),
            sorted(names),
            low,
            high,
        )
        for part, begin, end, record, line, n, names, low, high in cutter.cuts
    ]


def _offsets(kind: str, writer: BgzfWriter | None, members: Offsets) -> Callable[[int], int]:
    """Give what tells the virtual offset of a text position; -1 in a file without any."""
    if writer is not None:
        return writer.virtual_offset
    return members.virtual_offset if kind == "bgzf" else lambda _: -1


def _records(
    scanner: Scanner,
    path: Path,
    kind: str,
    writer: BgzfWriter | None,
    members: Offsets,
    batch_bytes: int,
    hashes: FileHashes | None,
) -> Iterator[tuple[int, RecordBatch, int]]:
    """Yield (text position, records, their size in the file) block by block."""
    # If nobody reads the text again, samples of a BCF without a fault need not become any.
    is_read = writer is not None or (scanner.taker is not None and scanner.taker.wants_calls)
    plain = None if is_read else scanner.plain_samples
    for block in iter_text(path, kind, batch_bytes, scanner.limits, plain, hashes):
        if writer is not None:
            writer.write(block.data)
        members.extend(block.members)
        data = scanner.take_block(block)
        if data:
            batch = read_block(block, data, scanner.n_records, scanner.n_lines + 1)
            # A newline that was added is not in the file.
            size = len(data) - (0 if block.ended or writer is not None else 1)
            yield block.start + len(block.data) - len(data), batch, size


def _finish(account: Account, scanner: Scanner, kind: str, max_rate: float) -> None:
    scanner.tell_whole(kind)
    checked = scanner.assembly.checked
    wrong = checked["differs"] + checked["outside"]
    done = checked["agrees"] + wrong
    if done and wrong / done > max_rate and _is_many(wrong, done, max_rate):
        account.add(
            "VH-R-005",
            f"{wrong:,} of {done:,} checked records ({wrong / done:.2%}) do not fit the "
            f"reference; the limit is {max_rate:.2%}{scanner.assembly.world.likely()}",
        )
    scanner.finish()


def _is_many(wrong: int, done: int, max_rate: float) -> bool:
    """Tell whether that many records speak of another assembly, not of a few bad records.

    One of nine is a rate above any limit, and still a single bad record; of four records
    that are all wrong each is. A limit of 0 is meant as such.
    """
    return wrong >= MISMATCHES or 2 * wrong > done or not max_rate
