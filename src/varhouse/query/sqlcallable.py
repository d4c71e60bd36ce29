"""The SQL macro `callable_at`: who is assessed at a base, variant or not.

    SELECT * FROM callable_at('chr1', 48000) WHERE stratum_by = 'all'

It is plain DuckDB over the table `callable`, whose rows over a base add up. Where a cohort has
no row here, nobody of it is covered by a gVCF.
"""

from varhouse.tables.statistics import FREQUENCIES, statistics_of

NAME = "callable_at"
TABLE = "callable"


def _count(name: str, about: str | None) -> str:
    total = f"sum({name})::INTEGER"
    if about is not None:
        # Nothing is known of what is about nobody.
        total = f"CASE WHEN sum({about}) > 0 THEN {total} END"
    return f"{total} AS {name}"


def callable_at(columns: list[str]) -> str:
    """Write the macro, of the counts that are among the columns of the table."""
    known = {s.name: s.about for s in statistics_of(FREQUENCIES)}
    counts = ", ".join(_count(n, known[n]) for n in columns if n in known)
    return f"""\
CREATE MACRO {NAME}(of_contig, base) AS TABLE
SELECT cohort, contig, base AS pos, stratum_by, stratum, {counts}
FROM {TABLE}
WHERE contig = of_contig AND "start" <= base AND "end" >= base
GROUP BY cohort, contig, stratum_by, stratum
ORDER BY cohort, stratum_by, stratum
"""
