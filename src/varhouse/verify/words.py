"""What docs/store-format.md says of the tables, as words: this room's own list.

It is written down a second time on purpose. `tests/unit/test_verify_words.py` compares it with
the declarations, so that a column that is added there is added here.
"""

from dataclasses import dataclass, replace

FORMAT_VERSION = 5
"""Format of the stores that this room reads."""

KEY = ("contig", "pos", "ref", "alt", "extent")
PERSONAL = frozenset(
    {
        "sample",
        "samples",
        "sample_id",
        "planes",
        "flipped",
        "odd",
        "odd_text",
        "sample_1",
        "sample_2",
        "child",
        "father",
        "mother",
        "first_sample",
        "with_sample",
    }
)
"""Names of columns about single people, which no table under `open/` may have."""

_TYPES = frozenset(
    {"String", "Binary", "Boolean", "Int8", "Int16", "Int32", "Int64", "Float64"}
)

_TABLES = """
variants open content part KEY =
    contig:String:cb pos:Int32:cb ref:String:c alt:String:c extent:String:cb end:Int32:cb
    type:String:c ref_checked:Boolean:c spdi:String:nc vrs_id:String:nc hgvs_g:String:nc
    part:String:
ids open content part id,KEY,source =
    id:String:cb kind:String:c contig:String:cb pos:Int32:cb ref:String:c alt:String:c
    extent:String:cb source:String:c part:String:
genes open content - contig,start,gene_id gene_id,contig,start
    gene_id:String:c gene_name:String:nc contig:String:cb start:Int32:cb end:Int32:cb
    strand:Int8:c biotype:String:nc n_transcripts:Int32:c xrefs:list<String>:c
    genes_digest:String:c
transcripts open content - transcript_id,contig,start -
    transcript_id:String:c gene_id:String:nc gene_name:String:nc protein_id:String:nc
    biotype:String:nc contig:String:cb start:Int32:cb end:Int32:cb strand:Int8:c
    cds_start:Int32:nc cds_end:Int32:nc canonical:Boolean:c exon_start:list<Int32>:c
    exon_end:list<Int32>:c genes_digest:String:c
contigs open content - ordinal contig
    contig:String:cb part:String:c ordinal:Int32:c length:Int64:nc checked_length:Int64:c
    refget:String:nc accession:String:nc aliases:list<String>:c
consequences open content part KEY,transcript_id =
    contig:String:cb pos:Int32:cb ref:String:c alt:String:c extent:String:cb
    transcript_id:String:c gene_id:String:nc gene_name:String:nc biotype:String:nc
    strand:Int8:c consequence:String:c terms:Int64:c impact:String:c exon:String:nc
    intron:String:nc cdna_start:Int32:nc cdna_end:Int32:nc cds_start:Int32:nc cds_end:Int32:nc
    protein_start:Int32:nc protein_end:Int32:nc amino_acids:String:nc codons:String:nc
    distance:Int32:nc hgvsc:String:nc hgvsp:String:nc hgvs_offset:Int32:nc canonical:Boolean:c
    mane_select:Boolean:c mane_plus_clinical:Boolean:c mane_id:String:nc
    gencode_basic:Boolean:c tsl:Int8:nc appris:String:nc flags:String:nc pick:Boolean:c
    pick_gene:Boolean:c lof:String:nc lof_reasons:String:nc lof_flags:String:nc
    most_severe:Boolean:c genes_digest:String:c part:String:
frequencies open content cohort,part KEY,stratum_by,stratum =cohort
    contig:String:cb pos:Int32:cb ref:String:c alt:String:c extent:String:cb cohort:String:c
    stratum_by:String:c stratum:String:c ac:Int32:cb an:Int32:cb af:Float64:nc n_het:Int32:c
    n_hom_alt:Int32:c n_hemi:Int32:c n_missing:Int32:c n_samples:Int32:c call_rate:Float64:nc
    n_not_diploid:Int32:c n_het_not_diploid:Int32:c n_hom_alt_not_diploid:Int32:c
    an_written:Int32:c hwe_p:Float64:nc hwe_midp:Float64:nc inbreeding:Float64:nc
    faf95:Float64:n faf99:Float64:n n_samples_adj:Int32:nc ac_adj:Int32:nc an_adj:Int32:nc
    n_het_adj:Int32:nc n_hom_alt_adj:Int32:nc n_hemi_adj:Int32:nc n_missing_adj:Int32:nc
    af_adj:Float64:nc call_rate_adj:Float64:nc faf95_adj:Float64:n faf99_adj:Float64:n
    part:String:
totals open content part KEY,stratum_by,stratum =
    contig:String:cb pos:Int32:cb ref:String:c alt:String:c extent:String:cb
    stratum_by:String:c stratum:String:c ac:Int32:cb an:Int32:cb af:Float64:nc n_het:Int32:c
    n_hom_alt:Int32:c n_hemi:Int32:c n_missing:Int32:c n_samples:Int32:c n_not_diploid:Int32:c
    n_het_not_diploid:Int32:c n_hom_alt_not_diploid:Int32:c an_written:Int32:c hwe_p:Float64:nc
    hwe_midp:Float64:nc inbreeding:Float64:nc faf95:Float64:n faf99:Float64:n
    n_samples_adj:Int32:nc ac_adj:Int32:nc an_adj:Int32:nc n_het_adj:Int32:nc
    n_hom_alt_adj:Int32:nc n_hemi_adj:Int32:nc n_missing_adj:Int32:nc af_adj:Float64:nc
    faf95_adj:Float64:n faf99_adj:Float64:n is_grpmax:Boolean:nc is_grpmax_adj:Boolean:nc
    n_cohorts:Int32:c part:String:
callable open plain cohort,part contig,stratum_by,stratum,start -
    contig:String:cb cohort:String:c stratum_by:String:c stratum:String:c start:Int32:cb
    end:Int32:cb an:Int32:cb n_missing:Int32:c n_samples:Int32:c n_not_diploid:Int32:c
    an_written:Int32:c n_samples_adj:Int32:c an_adj:Int32:c n_missing_adj:Int32:c part:String:
sites controlled content cohort,part contig,pos,file,record cohort,file,record
    contig:String:cb pos:Int32:cb ref:String:c alt:String:c cohort:String:c file:Int32:cF
    record:Int64:cb chrom:String:c id:String:nc qual:Float64:nc filter:String:c info:String:c
    format:String:nc allele_pos:list<Int32>:c allele_ref:list<String>:c
    allele_alt:list<String>:c allele_extent:list<String>:c part:String:
blocks controlled content cohort,part contig,pos,file,record cohort,file,record
    contig:String:cb pos:Int32:cb end:Int32:cb ref:String:c alt:String:c cohort:String:c
    file:Int32:cF record:Int64:cb chrom:String:c id:String:nc qual:String:nc filter:String:c
    info:String:c end_apart:Boolean:c format:String:nc gt:String:nc part:String:
lifted controlled content cohort,part contig,pos,file,record -
    contig:String:cb pos:Int32:cb cohort:String:c file:Int32:cF record:Int64:cb
    source_assembly:String:c source_record:Int64:c source_contig:String:c source_pos:Int32:c
    source_ref:String:c source_alt:String:c reverse:Boolean:c swapped:Boolean:c
    ambiguous:Boolean:c part:String:
genotypes controlled content cohort,part contig,pos,file,record,first cohort,file,record,first
    contig:String:cb pos:Int32:cb ref:String:c alt:String:c cohort:String:c file:Int32:cF
    record:Int64:cb first:Int32:c people:Int32:c ploidy:Int8:nc separator:String:nc
    planes:list<Binary>:c missing:Binary:nc absent:Binary:nc flipped:Binary:nc
    odd:list<Int32>:c odd_text:list<String>:c fields_digest:Int64:nc part:String:
fields controlled plain cohort,part contig,pos,file,record,first,names -
    contig:String:cb pos:Int32:cb pos_end:Int32:c cohort:String:c file:Int32:cF record:Int64:cb
    first:Int32:c people:Int32:c records:list<Int64>:c names:String:c coding:String:c
    parameters:Binary:c ends:list<Int32>:c streams:Binary:c part:String:
runs controlled content cohort,part contig,sample,start =cohort
    cohort:String:c contig:String:cb sample:Int32:cS start:Int32:cb end:Int32:cb
    lengths:list<Int32>:c states:list<Int32>:c part:String:
carried controlled plain cohort,part KEY,sample =cohort
    contig:String:cb pos:Int32:cb ref:String:c alt:String:c extent:String:cb cohort:String:c
    sample:Int32:c ac:Int16:cb n_het:Int16:c n_hom_alt:Int16:c n_hemi:Int16:c
    n_het_not_diploid:Int16:c n_hom_alt_not_diploid:Int16:c ac_adj:Int16:c n_het_adj:Int16:c
    n_hom_alt_adj:Int16:c n_hemi_adj:Int16:c part:String:
kits open content cohort,part contig,kit,start =cohort
    contig:String:cb cohort:String:c kit:String:c start:Int32:cb end:Int32:cb part:String:
cohorts open content cohort cohort =
    cohort:String:c n_samples:Int32:c n_records:Int64:c n_alleles:Int64:c n_rejects:Int64:c
    assembly:String:c reference_digest:String:c project:String:nc province:String:nc
    ethics_approval:String:nc consent_scope:String:nc permit_kind:String:nc
    permit_number:String:nc permit_valid_until:String:nc data_tier:String:nc assay:String:nc
    platform:String:nc caller:String:nc haploid:String:n fingerprint:String:
    attributes:String:c ingest_id:String:
samples controlled content cohort ordinal =cohort
    cohort:String:c sample:String:c ordinal:Int32:cS file:Int32:cF sex:String:c
    population:String:nc attributes:String:c n_missing:Int64:c n_het:Int64:c n_hom_alt:Int64:c
    n_hemi:Int64:c n_snv:Int64:c n_indel:Int64:c n_ti:Int64:c n_tv:Int64:c
files controlled content cohort file =cohort
    cohort:String:c file:Int32:cF name:String:c path:String: mtime_ns:Int64: bytes:Int64:c
    md5:String:c sha256:String:c verdict:String:c n_records:Int64:c n_samples:Int32:c
    samples:list<Int32>:cS blocks_digest:Int64:nc header:String:c problems:String:c
    without:String:n has_runs:Boolean:c fingerprint:String:c ingest_id:String:
held_back controlled plain cohort file -
    cohort:String:c file:Int32:cF name:String:c path:String:c mtime_ns:Int64:c bytes:Int64:c
    md5:String:c sha256:String:c verdict:String:c n_records:Int64:c problems:String:c
    reasons:String:c fingerprint:String:c ingest_id:String:c
rejects controlled content cohort,part file,record,alt_index -
    cohort:String:c file:Int32:cF record:Int64:cb line:Int64:c contig:String:cb pos:Int32:nc
    alt_index:Int32:nc reason:String:c detail:String:c text:String:c part:String:
ingests controlled plain - ingest_id =
    ingest_id:String:c release:Int64:c operation:String:c started:String:c finished:String:c
    version:String:c config:String:c summary:String:c
accounts open plain - ingest_id =
    ingest_id:String:c release:Int64:c operation:String:c started:String:c finished:String:c
    version:String:c account:String:c
sample_qc controlled plain cohort ordinal =cohort
    cohort:String:c ordinal:Int32:c sample:String:c n_genotypes:Int64:c n_called:Int64:c
    call_rate:Float64:nc n_het:Int64:c n_hom_alt:Int64:c het_hom:Float64:nc n_ti:Int64:c
    n_tv:Int64:c ti_tv:Float64:nc n_singleton:Int64:c n_singleton_ti:Int64:c
    n_singleton_tv:Int64:c singleton_ti_tv:Float64:nc n_insertion:Int64:c n_deletion:Int64:c
    ins_del:Float64:nc dp_mean:Float64:nc gq_mean:Float64:nc n_x_het:Int64:c
    n_x_nonref:Int64:c n_x_called:Int64:c x_f:Float64:nc n_y_called:Int64:c n_y:Int64:c
    sex_by_calls:String:nc contamination:Float64:nc n_contamination:Int64:c
    roh_bases:Int64:nc n_roh:Int64:nc flags:String:c flag_details:String:c
sample_contigs controlled plain cohort ordinal,contig =cohort
    cohort:String:c ordinal:Int32:c contig:String:cb n_genotypes:Int64:c n_called:Int64:c
    n_het:Int64:c n_hom_alt:Int64:c n_hemi:Int64:c
related controlled plain cohort ordinal_1,ordinal_2 =cohort
    cohort:String:c ordinal_1:Int32:c ordinal_2:Int32:c sample_1:String:c sample_2:String:c
    n_sites:Int64:c ibs0:Float64:nc kinship:Float64:nc degree:Int8:nc relation:String:c
    in_sheet:String:nc agrees:Boolean:nc
trios controlled plain cohort ordinal =cohort
    cohort:String:c ordinal:Int32:c child:String:c father:String:nc mother:String:nc
    n_sites:Int64:c n_errors:Int64:c error_rate:Float64:nc
ancestry controlled plain cohort ordinal =cohort
    cohort:String:c ordinal:Int32:c sample:String:c axes:String:c made_axes:Boolean:c
    scores:list<Float64>:c population:String:nc distance:Float64:nc outlier:Boolean:nc
    nearest:String:nc
ancestry_axes controlled plain cohort axis =cohort
    cohort:String:c axis:Int32:c eigenvalue:Float64:c variance:Float64:c significant:Boolean:c
ancestry_loadings controlled plain cohort KEY =cohort
    contig:String:cb pos:Int32:cb ref:String:c alt:String:c extent:String:cb cohort:String:c
    center:Float64:c loadings:list<Float64>:c
same_people controlled plain cohort ordinal,with_cohort,with_sample =cohort
    cohort:String:c ordinal:Int32:c sample:String:c with_cohort:String:c with_sample:String:c
    n_sites:Int64:c concordance:Float64:nc kinship:Float64:nc twins:Boolean:c
    first_cohort:String:c first_sample:String:c counted:Boolean:c not_in:list<String>:c
people_made controlled plain cohort cohort =
    cohort:String:c made_from:String:c settings:String:c version:String:c n_samples:Int64:c
    n_flagged:Int64:c n_sites:Int64:c notes:String:c
frequencies_once controlled plain cohort,part KEY,stratum_by,stratum =cohort
    contig:String:cb pos:Int32:cb ref:String:c alt:String:c extent:String:cb cohort:String:c
    stratum_by:String:c stratum:String:c ac:Int32:cb an:Int32:cb af:Float64:nc n_het:Int32:c
    n_hom_alt:Int32:c n_hemi:Int32:c n_missing:Int32:c n_samples:Int32:c call_rate:Float64:nc
    n_not_diploid:Int32:c n_het_not_diploid:Int32:c n_hom_alt_not_diploid:Int32:c
    an_written:Int32:c hwe_p:Float64:nc hwe_midp:Float64:nc inbreeding:Float64:nc
    faf95:Float64:n faf99:Float64:n n_samples_adj:Int32:nc ac_adj:Int32:nc an_adj:Int32:nc
    n_het_adj:Int32:nc n_hom_alt_adj:Int32:nc n_hemi_adj:Int32:nc n_missing_adj:Int32:nc
    af_adj:Float64:nc call_rate_adj:Float64:nc faf95_adj:Float64:n faf99_adj:Float64:n
    part:String:
callable_once controlled plain cohort,part contig,stratum_by,stratum,start -
    contig:String:cb cohort:String:c stratum_by:String:c stratum:String:c start:Int32:cb
    end:Int32:cb an:Int32:cb n_missing:Int32:c n_samples:Int32:c n_not_diploid:Int32:c
    an_written:Int32:c n_samples_adj:Int32:c an_adj:Int32:c n_missing_adj:Int32:c part:String:
"""
"""A line a table: name, root, whether it is content, partition, order of rows, columns that
name one row (`=`: those of the order, and more; KEY: the allele's). Then its columns: type,
and n nullable, c content, b bounded, F and S: the number of a file or sample, which the digest
covers by what it stands for."""

_SOURCE = """
annotations open content part KEY -
    contig:String:cb pos:Int32:cb ref:String:c alt:String:c extent:String:cb
    source_version:String:n licence:String:nc part:String:
"""
"""A table of a source; its other columns are nullable content."""


@dataclass(frozen=True)
class Column:
    """A column: `label` is F or S where numbers are those of files or samples."""

    name: str
    dtype: str
    nullable: bool
    content: bool
    bounded: bool
    label: str = ""


@dataclass(frozen=True)
class Table:
    """A table as the format declares it."""

    name: str
    root: str
    content: bool
    partition: tuple[str, ...]
    sort: tuple[str, ...]
    unique: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def in_files(self) -> tuple[Column, ...]:
        """The columns that stand in files; those of the partition stand in paths."""
        return tuple(c for c in self.columns if c.name not in self.partition)

    def column(self, name: str) -> Column | None:
        """Find a column by its name."""
        return next((c for c in self.columns if c.name == name), None)


def _split(text: str) -> tuple[str, ...]:
    return () if text in ("-", "") else tuple(text.replace("KEY", ",".join(KEY)).split(","))


def _column(word: str) -> Column:
    name, dtype, flags = word.split(":")
    label = "".join(f for f in "FS" if f in flags)
    return Column(name, dtype, "n" in flags, "c" in flags, "b" in flags, label)


def _parse(text: str) -> dict[str, Table]:
    found: dict[str, Table] = {}
    for block in text.strip().replace("\n    ", " ").split("\n"):
        name, root, content, partition, sort, unique, *columns = block.split()
        order = _split(sort)
        one = (*_split(unique[1:]), *order) if unique[0] == "=" else _split(unique)
        found[name] = Table(
            name, root, content == "content", _split(partition), order, one,
            tuple(_column(w) for w in columns),
        )  # fmt: skip
    return found


TABLES = _parse(_TABLES)

MASKABLE = frozenset(
    {"ac", "an", "n_het", "n_hom_alt", "n_hemi", "n_missing", "n_samples", "n_not_diploid",
     "n_het_not_diploid", "n_hom_alt_not_diploid", "an_written", "n_cohorts"}
)  # fmt: skip
"""Columns of frequencies and totals that may be null in the store of a view of a role."""


def of_view(table: Table) -> Table:
    """Give a table as the store of a view has it: what tells of few people may be null."""
    if table.name not in ("frequencies", "totals"):
        return table
    columns = (replace(c, nullable=True) if c.name in MASKABLE else c for c in table.columns)
    return replace(table, columns=tuple(columns))


def table_of(name: str, columns: dict[str, str]) -> Table | None:
    """Find a table; of a source's table the columns of the Delta schema say the rest.

    Parameters
    ----------
    columns
        Name to type, as `Column.dtype` writes it.
    """
    if name in TABLES:
        return TABLES[name]
    if not name.startswith("annotations_"):
        return None
    base = _parse(_SOURCE)["annotations"]
    known = {c.name for c in base.columns}
    fields = tuple(
        Column(n, t, nullable=True, content=True, bounded=False)
        for n, t in columns.items()
        if n not in known
    )
    key, rest = base.columns[: len(KEY)], base.columns[len(KEY) :]
    return Table(
        name, "open", True, base.partition, base.sort, (), (*key, *fields, *rest)
    )  # fmt: skip


def is_type(text: str) -> bool:
    """Tell whether a table may have a column of a type."""
    inner = text.removeprefix("list<").removesuffix(">") if text.startswith("list<") else text
    return inner in _TYPES
