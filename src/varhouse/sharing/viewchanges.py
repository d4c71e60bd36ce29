"""What a new release of a view replaces of the one before: partitions whose rows changed."""

from collections.abc import Sequence

from varhouse.store.catalogue import Catalogue
from varhouse.store.reader import Store
from varhouse.tables.digest import combine
from varhouse.tables.shards import Manifest, Shard

_Place = tuple[str, tuple[tuple[str, str], ...]]
"""A table and the values of a partition of it."""


def changes_to(
    view: Store | None, shards: Sequence[Shard], untouched: Sequence[str]
) -> Manifest:
    """Say what the shards replace of a view: partitions whose rows are other ones.

    Parameters
    ----------
    view
        The newest release of the view; None: there is none.
    shards
        All of the new release, but for the partitions in `untouched`.
    untouched
        Partitions (`part`) that stay as they are.
    """
    new: dict[_Place, list[Shard]] = {}
    for shard in shards:
        new.setdefault((shard.table, tuple(sorted(shard.partition.items()))), []).append(shard)
    old = {} if view is None else _partitions(view)
    manifest = Manifest()
    ended = {t for t, _ in old} - {t for t, _ in new}
    for place in sorted({*new, *old}):
        table, partition = place[0], dict(place[1])
        if partition.get("part") in untouched and place not in new:
            continue
        mine = new.get(place, [])
        sums = combine(s.digest for s in mine), sum(s.rows for s in mine)
        if place in old and old[place] == sums:
            continue
        if place in old:
            # The annotations of a source that is not shown any more: the table goes.
            is_over = table in ended and table.startswith("annotations_") and not untouched
            manifest.replace.append((table, {} if is_over else partition))
        manifest.shards.extend(mine)
    return manifest


def _partitions(view: Store) -> dict[_Place, tuple[tuple[int, int], int]]:
    """Give the digest sums and rows of each partition of each table of a view."""
    known = Catalogue(view.path)
    found: dict[_Place, tuple[tuple[int, int], int]] = {}
    for table in view.tables:
        if table == "accounts":
            continue
        files = view.file_frame(table)
        columns = [c for c in files.columns if c.startswith("partition.")]
        for row in files.select("path", "num_records", *columns).iter_rows(named=True):
            values = {c.removeprefix("partition."): row[c] for c in columns}
            place = table, tuple(sorted(values.items()))
            sums, rows = found.get(place, ((0, 0), 0))
            more = known.sums(table, row["path"])
            found[place] = combine([sums, more]), rows + row["num_records"]
    return found
