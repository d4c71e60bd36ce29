"""What a receipt tells: out of the records of releases, and where the people still are."""

from pathlib import Path

import polars as pl

from varhouse.account import parse
from varhouse.errors import StoreError
from varhouse.ingest.setup.run import FOLDER
from varhouse.store.reader import open_store
from varhouse.store.releases import list_releases, read_release
from varhouse.store.scrub import Scrubber
from varhouse.withdrawal.carry import setting_texts
from varhouse.withdrawal.found import Withdrawal
from varhouse.withdrawal.receipt import Holds, Receipt


def make_receipt(own: Withdrawal, seconds: float | None) -> Receipt:
    """Make the receipt of what was committed."""
    before = own.base.record
    after = read_release(own.path, before.number + 1)
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
        own.cohort,
        own.asked.everywhere,
        len(own.hashes),
        own.hashes,
        own.asked.reason,
        own.started,
        event["alleles_removed"],
        rows["ids"][0] - rows["ids"][1] if "ids" in rows else 0,
        event["files_read"],
        event["files_cut"],
        event["files_gone"],
        rows,
        seconds,
        event["exact"],
        _holds(own),
    )


def _holds(own: Withdrawal) -> Holds:
    """Find where the people still are."""
    scrubber = Scrubber(own.chosen.people, people=True)
    said = parse(own.remembered.recorded)
    folder = Path(said.get(FOLDER) or "/")
    sheets = [str(folder / said[k]) for k in ("samples", "cohorts") if said.get(k)]
    texts = [f.path.name for f in own.files.left]
    texts += [t for t in setting_texts(own)]
    return Holds(
        _releases_with(own),
        own.files.held,
        sheets,
        sorted({t for t in texts if scrubber.holds(t)}),
        sorted(own.chosen.elsewhere),
    )


def _releases_with(own: Withdrawal) -> list[int]:
    """List the releases that may be opened and have some of the people in the cohort."""
    out = []
    for number in list_releases(own.path):
        if number > own.base.release:
            break
        try:
            store = open_store(own.path, number)
        except StoreError:
            # Sealed: its data are gone, or about to go.
            continue
        if "samples" not in store.tables:
            continue
        mine = store.scan("samples").filter(pl.col("cohort") == own.cohort).select("sample")
        if mine.filter(pl.col("sample").is_in(own.chosen.people)).collect().height:
            out.append(number)
    return out
