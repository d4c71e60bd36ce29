"""The files that a release pins, and what can be said of them without reading them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from varhouse.errors import AccessError, StoreError
from varhouse.verify.ledger import DeltaFile, DeltaTable, Ledger, ingest_of, read_delta
from varhouse.verify.problems import Problem
from varhouse.verify.rowhash import Sums, add_sums, store_digest, table_digest
from varhouse.verify.words import PERSONAL, TABLES, Table, is_type, of_view, table_of

_RENEW = "the next `varhouse ingest` that makes its rows anew adds it"


@dataclass
class PinnedFile:
    """A file of a table: where it is, what the log and the catalogue of its ingest say."""

    path: Path
    log: DeltaFile
    entry: dict[str, Any]

    @property
    def sums(self) -> Sums:
        """The digest that the catalogue has."""
        one, two = (int(s, 16) for s in self.entry["sums"])
        return one, two

    def partition_of(self, table: Table) -> tuple[str, ...]:
        """Give the values of its partition, in the order that the table declares."""
        return tuple(self.log.partition[n] for n in table.partition)


@dataclass
class PinnedTable:
    """A table of a release, as far as it can be read."""

    table: Table
    delta: DeltaTable
    pin: dict[str, Any]
    files: list[PinnedFile]
    is_sound: bool

    @property
    def pinned_sums(self) -> Sums:
        """The digest that the release record has."""
        one, two = (int(s, 16) for s in self.pin["sums"])
        return one, two


def root_of(path: Path, name: str) -> str:
    """Give the root that a table lies under."""
    return TABLES[name].root if name in TABLES else "open"


def read_tables(ledger: Ledger, problems: list[Problem]) -> dict[str, PinnedTable]:
    """Open all tables of a release, and note what is wrong with them.

    Raises
    ------
    AccessError
        If the file system does not let us read one: nothing is verified then.
    """
    ingests = ledger.ingests()
    found = {}
    for name in sorted(ledger.record["tables"]):
        pin = ledger.record["tables"][name]
        try:
            folder = ledger.path / root_of(ledger.path, name) / name
            opened = read_delta(folder, int(pin["version"]))
            table = table_of(name, opened.columns)
            if table is None:
                raise StoreError(f"no table is called {name!r}")
            table = of_view(table) if ledger.is_view else table
        except AccessError:
            raise
        except (StoreError, KeyError, TypeError, ValueError) as error:
            problems.append(Problem(name, "", _line(error)))
            continue
        before = len(problems)
        table = _check_columns(table, opened, problems)
        problems += _check_pin(opened, pin, table)
        files = list(_check_files(ledger, folder, opened, table, ingests, problems))
        is_sound = all(p.is_note for p in problems[before:])
        found[name] = PinnedTable(table, opened, pin, files, is_sound)
    problems += _check_record(ledger)
    return found


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _check_columns(table: Table, opened: DeltaTable, problems: list[Problem]) -> Table:
    """Compare columns with the declared ones; give the declaration of those that are there."""
    name = table.name
    declared = {c.name: c.dtype for c in table.columns}
    lacking = [n for n in declared if n not in opened.columns]
    wrong = [
        n for n, t in opened.columns.items() if declared.get(n, t if is_type(t) else "") != t
    ]
    extra = [n for n in opened.columns if n not in declared]
    if wrong or extra:
        what = f"columns are {opened.columns}, not as declared"
        problems.append(Problem(name, "", what))
    elif lacking:
        what = f"an earlier version wrote it, without {', '.join(lacking)}: {_RENEW}"
        problems.append(Problem(name, "", what, is_note=True))
    if table.root == "open" and (found := PERSONAL & set(opened.columns)):
        problems.append(Problem(name, "", f"open table with column(s) {sorted(found)}"))
    if list(table.partition) != opened.partition:
        what = f"partitioned by {opened.partition}, not {list(table.partition)}"
        problems.append(Problem(name, "", what))
    return replace(table, columns=tuple(c for c in table.columns if c.name in opened.columns))


def _check_pin(opened: DeltaTable, pin: dict[str, Any], table: Table) -> Iterator[Problem]:
    if len(opened.files) != pin["files"]:
        what = f"{len(opened.files)} files, {pin['files']} recorded"
        yield Problem(table.name, "", what)
    size = sum(f.size for f in opened.files.values())
    if size != pin["bytes"]:
        yield Problem(table.name, "", f"{size:,} bytes, the release says {pin['bytes']:,}")
    bounded = [c.name for c in table.in_files if c.bounded]
    key = "delta.dataSkippingStatsColumns"
    said = opened.configuration.get(key, "").split(",") if bounded else bounded
    if sorted(said) != sorted(bounded):
        yield Problem(table.name, "", f"{key} is {','.join(said)}, not {','.join(bounded)}")


def _check_files(
    ledger: Ledger,
    folder: Path,
    opened: DeltaTable,
    table: Table,
    ingests: set[str],
    problems: list[Problem],
) -> Iterator[PinnedFile]:
    for path, log in sorted(opened.files.items()):
        if ingest_of(path) not in ingests:
            problems.append(Problem(table.name, path, "of an ingest that made no release"))
            continue
        try:
            entry = ledger.entry(table.name, path)
            if entry is None:
                raise StoreError("the catalogue of its ingest does not name it")
            if not {"rows", "bytes", "sums", "partition"} <= entry.keys():
                raise StoreError("the catalogue of its ingest does not describe it")
            if entry["partition"] != log.partition:
                raise StoreError(
                    f"the catalogue says {entry['partition']}, not {log.partition}"
                )
            if _folder(table, log.partition) != path.rpartition("/")[0]:
                raise StoreError(f"its folder is not that of {log.partition}")
            _permit(folder / path)
        except AccessError:
            raise
        except StoreError as error:
            problems.append(Problem(table.name, path, _line(error)))
            continue
        yield PinnedFile(folder / path, log, entry)


def _permit(file: Path) -> None:
    try:
        with file.open("rb"):
            return
    except PermissionError:
        raise AccessError(
            f"no permission to read {file}",
            "ask whoever keeps the store for access to it; nothing was verified",
        ) from None
    except OSError as error:
        raise StoreError(str(error)) from None


def _folder(table: Table, partition: dict[str, str]) -> str:
    from urllib.parse import quote  # noqa: PLC0415

    return "/".join(f"{n}={quote(partition[n], safe='')}" for n in table.partition)


def _check_record(ledger: Ledger) -> Iterator[Problem]:
    """Work the digest of the release out of those of its tables; look at the errata of all."""
    record = ledger.record
    digests = {}
    for name, pin in record["tables"].items():
        if name in TABLES and not TABLES[name].content:
            continue
        one, two = (int(s, 16) for s in pin["sums"])
        digests[name] = table_digest(name, pin["rows"], (one, two))
    if store_digest(digests) != record["digest"]:
        what = f"its digest is not that of its tables, {store_digest(digests)}"
        yield Problem("release", f"{ledger.number:08d}.json", what)
    withdrawals = []
    for number in ledger.numbers:
        try:
            ledger.errata(number)
            if ledger.read_record(number).get("operation") == "withdraw":
                withdrawals.append(number)
        except StoreError as error:
            yield Problem("release", f"{number:08d}.json", _line(error))
    yield from _check_withdrawals(ledger, withdrawals)
    if ledger.numbers != list(range(1, len(ledger.numbers) + 1)):
        yield Problem("release", "", f"releases are {ledger.numbers}: some are missing")


def _check_withdrawals(ledger: Ledger, releases: list[int]) -> Iterator[Problem]:
    """Ask for the ledger and the receipt of each withdrawal: without, people come back."""
    root = ledger.path / "_store"
    wanted = [root / d / f"{n:08d}.json" for n in releases for d in ("ledger", "receipts")]
    wanted += [root / "ledger" / "key"] if releases else []
    try:
        lost = [f for f in wanted if not f.exists()]
    except PermissionError as error:
        what = f"no permission to see whether it is whole: {error.filename}"
        yield Problem("ledger", "", what, is_note=True)
        return
    if len(lost) == len(wanted) and lost:
        # A copy that others get has none; where people are taken in, it has to be there.
        what = (
            "of the withdrawals no ledger and no receipt is there: no ingest refuses anybody"
        )
        yield Problem("ledger", "", f"{what}; restore them from a backup", is_note=True)
        return
    for file in lost:
        what = "is missing: restore it from a backup"
        yield Problem("ledger", str(file.relative_to(root)), what)


def compare_sums(pinned: PinnedTable, rows: int, sums: Sums) -> Iterator[Problem]:
    """Compare rows and digest of a table with the release record."""
    name = pinned.table.name
    if rows != pinned.pin["rows"]:
        yield Problem(name, "", f"{rows:,} rows, the release says {pinned.pin['rows']:,}")
    elif sums != pinned.pinned_sums:
        yield Problem(name, "", "content digest is not the one of the release")


def sum_up(parts: list[Sums]) -> Sums:
    """Add digests up."""
    total = (0, 0)
    for part in parts:
        total = add_sums(total, part)
    return total
