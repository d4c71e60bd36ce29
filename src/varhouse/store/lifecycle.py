"""What a store tells about itself from its records: its releases and its content."""

from pathlib import Path
from typing import Any

from varhouse.store.layout import read_store_file
from varhouse.store.reader import Store
from varhouse.store.releases import list_releases, read_release, read_tags


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


def cohorts_of(store: Store) -> list[str]:
    """List the cohorts of a store, by name."""
    return sorted(store.scan("cohorts").select("cohort").collect()["cohort"])


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
