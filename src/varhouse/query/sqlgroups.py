"""Counting groups of people in SQL: bits of planes under a mask, by DuckDB alone.

`group_counts` is made beside the tables:

    SELECT * FROM group_counts(
      (SELECT list({cohort: cohort, sample: sample}) FROM samples WHERE sex = 'male'))
    WHERE contig = 'chr1' AND pos BETWEEN 48000 AND 49000

Its text is also the recipe for whoever reads the files without varhouse: it takes nothing but
the tables samples, files and genotypes. It counts records as they stand in the files, before
rejects and normalisation; `varhouse frequencies` counts alleles.
"""

NEEDED = ("samples", "files", "genotypes")
"""Tables that it reads."""

GROUP_COUNTS = """\
CREATE MACRO group_counts(who) AS TABLE
WITH chosen AS (SELECT unnest(who, max_depth := 2)),
-- Sample columns of the files, and who of them is chosen.
columns AS (
  SELECT cohort, file, unnest(samples) AS ordinal,
         generate_subscripts(samples, 1) - 1 AS place
  FROM files),
marked AS (
  SELECT columns.cohort, columns.file, place, chosen.sample IS NOT NULL AS is_in
  FROM columns JOIN samples USING (cohort, ordinal)
  LEFT JOIN chosen ON chosen.cohort = samples.cohort AND chosen.sample = samples.sample),
-- Rows of a block of people and a ploidy have one mask: a bit for each copy, whole bytes.
blocks AS (
  SELECT DISTINCT cohort, file, first, people, ploidy FROM genotypes WHERE ploidy IS NOT NULL),
masks AS (
  SELECT b.cohort, b.file, b.first, b.ploidy,
         rpad(string_agg(repeat(if(is_in, '1', '0'), b.ploidy), '' ORDER BY place),
              ((any_value(b.people) * b.ploidy + 7) // 8 * 8)::INTEGER, '0')::BIT AS mask
  FROM blocks b JOIN marked m
    ON m.cohort = b.cohort AND m.file = b.file
   AND place >= b.first AND place < b.first + b.people
  GROUP BY b.cohort, b.file, b.first, b.ploidy
  HAVING bool_or(is_in))
SELECT contig, pos, ref, string_split(any_value(g.alt), ',')[alt_index] AS alt,
       cohort, file, record, alt_index,
       sum(bit_count(planes[alt_index]::BIT & mask))::INTEGER AS ac,
       sum(bit_count(mask) - coalesce(bit_count(missing::BIT & mask), 0)
           - coalesce(bit_count(absent::BIT & mask), 0))::INTEGER AS an
FROM genotypes g JOIN masks USING (cohort, file, first, ploidy),
     unnest(generate_series(1, len(planes))) AS alts(alt_index)
GROUP BY contig, pos, ref, cohort, file, record, alt_index
"""
"""A row a record, ALT and file with somebody chosen: as the file spells them."""
