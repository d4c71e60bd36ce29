"""What each person of a gVCF adds to the counts of the alleles that he holds: `carried`.

Who leaves a cohort that grows takes it along (`growth.py`), without anything of him being read
again. The counts of a file of one person are those of the person.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl

from varhouse.tables.schema import CARRIED, FREQUENCIES, KEY
from varhouse.tables.shards import SHARD_ROWS, Shard, write_shard
from varhouse.tables.statistics import adding_alone

COUNTS = adding_alone(FREQUENCIES.name)


def write_carried(
    shards: Iterable[tuple[int, Shard]], people: Mapping[int, int], directory: Path
) -> list[Shard]:
    """Write what people add to frequencies.

    Parameters
    ----------
    shards
        (file, shard) of frequencies as the chunks of files count them.
    people
        File of one person to the ordinal of the person; other files are passed over.
    """
    by_part: dict[str, list[tuple[int, Shard]]] = {}
    for file, shard in shards:
        if file in people and shard.table == FREQUENCIES.name:
            by_part.setdefault(shard.partition["part"], []).append((file, shard))
    out: list[Shard] = []
    for mine in by_part.values():
        partition = mine[0][1].partition
        held: list[pl.DataFrame] = []
        for k, (file, shard) in enumerate(mine):
            held.append(_of_person(shard.path, people[file]))
            if k + 1 == len(mine) or sum(f.height for f in held) >= SHARD_ROWS:
                name = f"carried-{len(out):05d}"
                made = write_shard(pl.concat(held), CARRIED, directory, name, partition)
                out += [made] if made is not None else []
                held = []
    return out


def _of_person(path: str, sample: int) -> pl.DataFrame:
    rows = pl.scan_parquet(path, glob=False, hive_partitioning=False)
    return (
        rows.filter(pl.col("stratum_by") == "all")
        .select(
            *KEY,
            pl.lit(sample, pl.Int32).alias("sample"),
            *(pl.col(n).fill_null(0).cast(pl.Int16) for n in COUNTS),
        )
        .filter(pl.any_horizontal(pl.col(n) != 0 for n in COUNTS))
        .collect()
    )
