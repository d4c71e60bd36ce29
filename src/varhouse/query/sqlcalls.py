"""The SQL view `calls`: one row a call, from the bit planes of the table `genotypes`.

It is plain DuckDB over the tables genotypes, files and samples. The planes of a record become
bit strings once, not once a person; of a row nearly always one person's two bits are looked
at, so that case has its own expression, and only odd ones walk through lists.
"""

NAME = "calls"
TABLES = ("genotypes", "files", "samples")
"""What it reads."""

_COLUMN = 'p."column" - g.first'
"""Whose bit: the person's column, counted from the row's first."""

_PEOPLE = """
  SELECT f.cohort, f.file, f."column", f.ordinal, s.sample
  FROM (SELECT cohort, file, unnest(samples) AS ordinal,
               (generate_subscripts(samples, 1) - 1)::INTEGER AS "column" FROM files) f
  JOIN samples s ON s.cohort = f.cohort AND s.ordinal = f.ordinal
"""

_ROWS = """
  SELECT part, contig, pos, ref, alt, cohort, file, record, first, people, ploidy, separator,
         odd, odd_text, list_transform(planes, lambda x: x::BIT) AS bits,
         planes[1]::BIT AS one, len(planes) = 1 AND ploidy = 2 AND absent IS NULL AS simple,
         missing::BIT AS missing, absent::BIT AS absent, flipped::BIT AS flipped
  FROM genotypes
"""


def _simple(copy: int) -> str:
    """Make the allele of a copy of a diploid call of a record with one ALT."""
    return (
        f"CASE WHEN missing IS NOT NULL AND get_bit(missing, slot + {copy}) = 1 THEN NULL"
        f" ELSE get_bit(one, slot + {copy}) END"
    )


_ANY = """
  list_transform(
    list_filter(range(ploidy),
      lambda c: absent IS NULL OR get_bit(absent, slot + c::INTEGER) = 0),
    lambda c: CASE
      WHEN missing IS NOT NULL AND get_bit(missing, slot + c::INTEGER) = 1 THEN NULL
      ELSE coalesce(
        list_position(list_transform(bits, lambda b: get_bit(b, slot + c::INTEGER)), 1), 0)
    END)::INTEGER[]
"""

_SEPARATOR = """
  CASE WHEN flipped IS NOT NULL AND get_bit(flipped, place) = 1
       THEN CASE separator WHEN '/' THEN '|' ELSE '/' END
       ELSE coalesce(separator, '') END
"""

VIEW = f"""
SELECT part, contig, pos, ref, alt, cohort, file, record, ordinal, sample, alleles,
       CASE WHEN ploidy IS NULL THEN NULL
            WHEN len(odd) > 0 AND list_contains(odd, place)
            THEN odd_text[list_position(odd, place)]
            WHEN simple THEN coalesce(alleles[1]::VARCHAR, '.') || {_SEPARATOR}
                             || coalesce(alleles[2]::VARCHAR, '.')
            ELSE replace(array_to_string(
              list_transform(alleles, lambda a: coalesce(a::VARCHAR, '.')), '/'),
              '/', {_SEPARATOR})
       END AS gt
FROM (
  SELECT *, CASE WHEN ploidy IS NULL THEN NULL
                 WHEN simple THEN [{_simple(0)}, {_simple(1)}]
                 ELSE {_ANY} END AS alleles
  FROM (
    SELECT g.*, p.ordinal, p.sample, {_COLUMN} AS place,
           ({_COLUMN}) * g.ploidy::INTEGER AS slot
    FROM ({_ROWS}) g
    JOIN ({_PEOPLE}) p ON p.cohort = g.cohort AND p.file = g.file
                      AND p."column" >= g.first AND p."column" < g.first + g.people))
"""
"""Columns: part, contig, pos, ref, alt, cohort, file, record (as in genotypes), ordinal and
sample of the person, alleles (INTEGER[], a number a copy, null: not called; null: no GT) and
gt, the text byte for byte."""
