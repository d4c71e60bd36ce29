"""What a receipt tells: out of the records of releases, and where the people still are."""

from collections.abc import Collection
from pathlib import Path

import polars as pl

from varhouse.account import parse
from varhouse.errors import StoreError
from varhouse.ingest.setup.run import FOLDER
from varhouse.store.errata import read_errata, sealed
from varhouse.store.ledger import Entry
from varhouse.store.reader import open_store
from varhouse.store.releases import list_releases, read_release, read_tags
from varhouse.store.words import Words
from varhouse.withdrawal.carry import setting_texts
from varhouse.withdrawal.found import Withdrawal
from varhouse.withdrawal.receipt import Holds, Receipt


def make_receipt(own: Withdrawal, seconds: float | None) -> Receipt:
    """Make the receipt of what was committed."""
    entry = Entry(
        own.base.release + 1,
        own.ingest_id,
        own.cohort,
        own.asked.everywhere,
        tuple(own.hashes),
        own.started,
        own.asked.reason,
    )
    return _of_records(own.path, entry, _holds(own), seconds)


def receipt_of_records(path: Path, entry: Entry, people: Collection[str]) -> Receipt:
    """Make the receipt of a withdrawal whose base release was sealed before it had one."""
    found = releases_with(path, people, entry.release - 1)
    gone = f"not known any more: the data of release {entry.release - 1} were deleted before"
    holds = Holds(found.pop(entry.cohort, []), [gone], [], [], _others(found, ()))
    return _of_records(path, entry, holds, None)


def _of_records(path: Path, entry: Entry, holds: Holds, seconds: float | None) -> Receipt:
    before, after = (read_release(path, entry.release - k) for k in (1, 0))
    event = after.meta["event"]
    rows = {
        name: [before.tables[name].rows if name in before.tables else 0, table.rows]
        for name, table in sorted(after.tables.items())
    }
    return Receipt(
        after.number,
        before.number,
        after.digest,
        before.digest,
        entry.cohort,
        entry.everywhere,
        len(entry.people),
        list(entry.people),
        entry.reason,
        entry.time,
        event["alleles_removed"],
        rows["ids"][0] - rows["ids"][1] if "ids" in rows else 0,
        event["files_read"],
        event["files_cut"],
        event["files_gone"],
        rows,
        seconds,
        event["exact"],
        holds,
    )


def _holds(own: Withdrawal) -> Holds:
    """Find where the people still are."""
    words = Words(own.chosen.people)
    said = parse(own.remembered.recorded)
    folder = Path(said.get(FOLDER) or "/")
    sheets = [str(folder / said[k]) for k in ("samples", "cohorts") if said.get(k)]
    # Of a path the name alone, if that has it all.
    paths = [f.path for f in own.files.left]
    texts = [p.name if str(p.parent) not in words else str(p) for p in paths]
    texts += setting_texts(own)
    texts += [f"tag {name}" for name in read_tags(own.path)]
    texts += [
        f"release {n}: {said.reason}"
        for n in list_releases(own.path)
        for said in read_errata(own.path, n)
    ]
    found = releases_with(own.path, own.chosen.people, own.base.release)
    return Holds(
        found.pop(own.cohort, []),
        own.files.held,
        sheets,
        sorted({t for t in texts if t in words}) + _named_in_info(own, words),
        _others(found, own.chosen.elsewhere),
    )


def _named_in_info(own: Withdrawal, words: Words) -> list[str]:
    """Tell how many records of the new release have an id in INFO, which is not searched.

    Ids that are numbers are not looked for: any value might be one.
    """
    ids = [name for name in own.chosen.people if any(c.isalpha() for c in name)]
    made = own.base.release + 1
    if not ids or sealed(own.path, made) is not None:
        return []
    store, told = open_store(own.path, made), []
    for table in ("sites", "blocks"):
        count, first = 0, ""
        files = store.file_frame(table) if table in store.tables else pl.DataFrame()
        mine = (
            files.filter(pl.col("partition.cohort") == own.cohort) if files.height else files
        )
        # A file at a time: an id such as DP finds every record.
        for k in range(mine.height):
            rows = store.read_rows(table, mine[k : k + 1], 0, mine["num_records"][k])
            some = rows.filter(pl.col("info").str.contains_any(ids))
            some = some.filter(pl.Series([t in words for t in some["info"]], dtype=pl.Boolean))
            if some.height:
                first = first or f"{some['chrom'][0]}:{some['pos'][0]:,}"
                count += some.height
        if count:
            told.append(f"INFO of {count:,} record(s), the first at {first}")
    return told


def _others(found: dict[str, list[int]], now: Collection[str]) -> list[str]:
    """Name other cohorts with some of the ids: those of now, and of older releases alone."""
    older = [
        f"{cohort} (of release {', '.join(map(str, releases))})"
        for cohort, releases in found.items()
        if cohort not in now
    ]
    return sorted([*now, *older])


def releases_with(path: Path, people: Collection[str], last: int) -> dict[str, list[int]]:
    """List, by cohort, the releases that may be opened and have some of the people.

    Parameters
    ----------
    last
        Later releases are not looked at.
    """
    out: dict[str, list[int]] = {}
    for number in list_releases(path):
        if number > last:
            break
        try:
            store = open_store(path, number)
        except StoreError:
            if sealed(path, number) is None:
                # It may hold them: nobody can tell.
                out.setdefault("cannot be read", []).append(number)
            continue
        if "samples" not in store.tables:
            continue
        mine = store.scan("samples").filter(pl.col("sample").is_in(list(people)))
        for cohort in mine.select("cohort").unique().collect()["cohort"].sort():
            out.setdefault(cohort, []).append(number)
    return out
