"""What a store tells about itself: its releases, its content, its digest."""

from pathlib import Path
from typing import Any

from varhouse.store.layout import read_store_file, table_folder
from varhouse.store.reader import Store
from varhouse.store.releases import list_releases, read_release, read_tags
from varhouse.store.retract import cohorts_of
from varhouse.store.verify import read_batches
from varhouse.tables.digest import EMPTY, combine, table_digest
from varhouse.tables.rowdigest import digest_frame


def log_releases(path: Path) -> list[dict[str, Any]]:
    """List the releases of a store, oldest first.

    Returns
    -------
    list of dict
        release, parent, time, operation, ingest_id, version, digest, tags, event.
    """
    read_store_file(path)
    names: dict[int, list[str]] = {}
    for tag, number in read_tags(path).items():
        names.setdefault(number, []).append(tag)
    rows = []
    for number in list_releases(path):
        release = read_release(path, number)
        rows.append(
            {
                "release": number,
                "parent": release.parent,
                "time": release.time,
                "operation": release.operation,
                "ingest_id": release.ingest_id,
                "version": release.version,
                "digest": release.digest,
                "tags": names.get(number, []),
                "event": release.meta.get("event", {}),
            }
        )
    return rows


def describe(store: Store) -> dict[str, Any]:
    """Describe a release: assembly, cohorts, digest, and the size of each table.

    Returns
    -------
    dict
        path, assembly, format, release, time, digest, cohorts, and `tables`: name to
        rows, files, bytes and Delta version.
    """
    return {
        "path": str(store.path),
        "assembly": store.assembly,
        "format": store.meta["format"],
        "release": store.release,
        "time": store.record.time,
        "digest": store.digest(),
        "cohorts": cohorts_of(store),
        "tables": {
            name: {"rows": t.rows, "files": t.files, "bytes": t.bytes, "version": t.version}
            for name, t in sorted(store.record.tables.items())
        },
    }


def recompute_digests(store: Store) -> dict[str, str]:
    """Work out the content digest of each table from the data.

    Returns
    -------
    dict
        Table name to 64 hex digits; tables without rows are left out.
    """
    digests = {}
    for name in store.record.table_digests():
        table = store.declaration(name)
        files = store.file_frame(name)
        folder = table_folder(store.path, table)
        rows, sums = 0, (0, 0)
        for row in files.iter_rows(named=True):
            partition = {c: row[f"partition.{c}"] for c in table.partition}
            for frame in read_batches(folder / row["path"], partition):
                rows += frame.height
                sums = combine([sums, digest_frame(frame, table)])
        digests[name] = table_digest(name, rows, sums)
    return {n: d for n, d in digests.items() if d != EMPTY}
