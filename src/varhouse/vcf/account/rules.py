"""Every rule that a file is checked by: its code, how grave it is, where it comes from.

A code means the same for ever. Two things are kept apart. The *verdict* of `validate`:
an `error` makes a file invalid, a `warning` does not. The *policy* of an ingest (`ingest`):

- `refuse`: the file is not read at all, its cohort is held back;
- `reject`: the record is held back (or, by `policy.record_fault: refuse`, the cohort);
- `note`: the file goes in, with a line in the account.

So a file with a mis-declared `AC` is invalid, and goes in. `section` is that of the VCF
4.5 specification unless it names another.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """One kind of problem.

    Attributes
    ----------
    severity
        `error` or `warning`: the verdict.
    scope
        `file` or `record`: what is at fault.
    ingest
        `refuse`, `reject` or `note`; by default errors of a file refuse it, errors of
        a record reject it and warnings are noted.
    """

    code: str
    name: str
    severity: str
    scope: str
    fix: str
    section: str = ""
    ingest: str = ""

    def __post_init__(self) -> None:
        if not self.ingest:
            by_scope = "refuse" if self.scope == "file" else "reject"
            effect = by_scope if self.severity == "error" else "note"
            object.__setattr__(self, "ingest", effect)


def _rule(
    code: str, name: str, effect: str, section: str, fix: str, scope: str = "record"
) -> Rule:
    """Make a rule; `effect` is `severity/ingest`."""
    severity, ingest = effect.split("/")
    return Rule(code, name, severity, scope, fix, section, ingest)


_FILE = (
    ("VH-F-001", "unreadable", "error/refuse", "1", "give a VCF or BCF file"),
    ("VH-F-002", "cut_off", "error/refuse", "SAM 4.1", "copy the file again"),
    ("VH-F-003", "no_end_block", "error/refuse", "SAM 4.1", "copy the file again"),
    ("VH-F-004", "plain_gzip", "warning/note", "SAM 4.1",
     "bgzip keeps such files indexable"),
    ("VH-F-005", "no_last_newline", "warning/refuse", "1.6",
     "if the file is whole, end it with a newline"),
    ("VH-F-006", "no_records", "warning/note", "1.6", "check that it is the right file"),
    ("VH-F-010", "limit", "error/refuse", "",
     "if the file is right, raise the limit: `limits` in the configuration; here `--limit`"),
    ("VH-F-007", "byte_order_mark", "warning/note", "1.2",
     "remove the first three bytes; --fix does"),
    ("VH-F-008", "line_ends", "warning/note", "1.2 (from 4.3 on)",
     "end every line with LF; --fix does"),
    ("VH-F-009", "not_utf8", "error/note", "1.2 (from 4.3 on)",
     "iconv -f GBK -t UTF-8 (or -f LATIN1, as the file was written)"),
    ("VH-F-011", "empty", "error/refuse", "1", "copy the file again"),
    ("VH-F-012", "directory", "error/refuse", "", "give the files in it"),
    ("VH-F-013", "no_permission", "error/refuse", "", "chmod +r, or ask who owns it"),
    ("VH-F-014", "special_file", "error/refuse", "", "write it to a file first"),
    ("VH-F-015", "missing", "error/refuse", "", "correct the path"),
    ("VH-F-017", "other_format", "error/refuse", "1", "give a VCF or BCF file"),
    ("VH-F-016", "control_character", "error/note", "1.2 (from 4.3 on)",
     "remove it: tr -d '\\000-\\010\\013\\014\\016-\\037'"),
    ("VH-F-030", "gvcf", "warning/note", "5.5",
     "policy.gvcf: blocks takes it in with its blocks, variants without them, refuse not"),
    ("VH-F-031", "gvcf_without_gt", "warning/refuse", "5.5",
     "call it first: bcftools call -m -g 5 behind mpileup -g; policy.gvcf: variants keeps "
     "its sites"),
    ("VH-F-032", "gvcf_gt_taken", "warning/refuse", "5.5",
     "give the gVCFs that it was made of, or genotype it: GATK GenotypeGVCFs"),
    ("VH-F-033", "gvcf_end_before", "warning/refuse", "1.6.1, 5.5",
     "END of a block is at or after POS: make the gVCF again"),
    ("VH-F-034", "gvcf_past_contig", "warning/refuse", "1.4.7, 5.5",
     "check the assembly: its contigs are shorter; or the END of the block"),
    ("VH-F-035", "gvcf_end_cut", "warning/note", "1.4.7, 5.5",
     "read up to the contig's last base"),
    ("VH-F-036", "gvcf_overlap", "warning/note", "5.5",
     "make the gVCF again: its blocks should lie beside each other"),
    ("VH-F-037", "gvcf_end_unread", "warning/refuse", "1.6.1, 5.5",
     "give one END in digits: how far the block reaches is not known"),
    ("VH-F-020", "index_older", "warning/note", "SAM 5.2",
     "make it again: tabix -f -p vcf FILE"),
    ("VH-F-021", "index_other", "warning/note", "SAM 5.2",
     "it is of another file: tabix -f -p vcf FILE"),
)  # fmt: skip

_HEADER = (
    ("VH-H-001", "fileformat", "error/refuse", "1.4.1", "begin with ##fileformat=VCFv4.x"),
    ("VH-H-002", "chrom_line", "error/refuse", "1.5",
     "the columns are #CHROM POS ID REF ALT QUAL FILTER INFO [FORMAT SAMPLE...]"),
    ("VH-H-003", "sample_name_empty", "error/refuse", "1.5",
     "name every sample column; remove tabs at the end of the #CHROM line"),
    ("VH-H-004", "sample_name_twice", "error/refuse", "1.5", "bcftools reheader -s"),
    ("VH-H-005", "contig_length", "warning/note", "1.4.7",
     "check the assembly; REF decides whether it fits"),
    ("VH-H-006", "misdeclared", "error/note", "1.6.1, 1.6.2, 3, 4",
     "read as the specification defines it; varhouse validate --fix mends the file"),
    ("VH-H-007", "meta_line", "error/note", "1.4", "write ##key=value"),
    ("VH-H-008", "meta_unclosed", "error/refuse", "1.4",
     "end the line with >; is the header cut off or broken into lines?"),
    ("VH-H-009", "meta_syntax", "error/note", "1.4",
     "write ##KEY=<key=value,...>, with quotes around text and \\\" inside it"),
    ("VH-H-010", "meta_id", "error/note", "1.4", "give each line an ID of legal characters"),
    ("VH-H-011", "contig_id", "error/note", "1.4.7",
     "rename the contig: bcftools annotate --rename-chrs"),
    ("VH-H-012", "meta_number", "error/note", "1.4.2, 1.4.4",
     "Number is a count, A, R, G or . (FORMAT: from 4.4 on P, from 4.5 on LA, LR, LG, M)"),
    ("VH-H-013", "meta_type", "error/note", "1.4.2, 1.4.4",
     "Type is Integer, Float, Flag (INFO only), Character or String"),
    ("VH-H-014", "meta_missing", "error/note", "1.4.2, 1.4.4",
     "add what is missing: ID, Number, Type and Description are required"),
    ("VH-H-015", "meta_quotes", "error/note", "1.4, 1.4.2",
     'write Description="...", and quotes around the values of optional keys'),
    ("VH-H-016", "meta_order", "warning/note", "1.4",
     "write ID, Number, Type, Description, then the rest"),
    ("VH-H-017", "meta_url", "error/note", "1.4.6, 1.4.9",
     "write scheme://host/path; the host begins with a letter or is an address"),
    ("VH-H-018", "meta_sample", "error/note", "1.4.8 (4.1, 4.2: 1.2.8)",
     "write ##SAMPLE=<ID=...,Genomes=...,Mixture=...,Description=\"...\">"),
    ("VH-H-019", "meta_pedigree", "error/note", "1.4.9",
     "write ##PEDIGREE=<ID=...,Original=...>, Father=,Mother= or Name_1=..."),
    ("VH-H-020", "meta_meta", "error/note", "1.4.8",
     "write ##META=<ID=...,Type=String,Number=.,Values=[a, b]>"),
    ("VH-H-021", "meta_twice", "error/note", "1.4", "remove or rename one of the two lines"),
    ("VH-H-022", "flag_number", "warning/note", "1.4.2", "a Flag has Number=0"),
    ("VH-H-023", "alt_type", "error/note", "1.4.5",
     "the first level is DEL, INS, DUP, INV or CNV"),
    ("VH-H-024", "misdeclared_loose", "warning/note", "1.6.1, 1.6.2, 3, 4",
     "read as the specification defines it; varhouse validate --fix mends the file"),
    ("VH-H-025", "format_without_samples", "error/note", "1.5",
     "leave FORMAT out of #CHROM and of the records: bcftools view -G"),
)  # fmt: skip

_BODY = (
    ("VH-B-001", "columns", "error/refuse", "1.6", "remove or complete the line"),
    ("VH-B-002", "unsorted", "error/refuse", "1.6.1", "bcftools sort; --fix does"),
    ("VH-B-003", "contig_apart", "error/refuse", "1.6.1", "bcftools sort; --fix does"),
    ("VH-B-004", "blank_line", "warning/note", "1.6", "remove the line"),
    ("VH-B-005", "pos_invalid", "error/reject", "1.6.1", "POS is a whole number from 0 on"),
    ("VH-B-006", "ref_invalid", "error/reject", "1.6.1", "REF is of A, C, G, T, N"),
    ("VH-B-007", "alt_invalid", "error/reject", "1.6.1",
     "ALT is of A, C, G, T, N, *, . or symbolic"),
    ("VH-B-008", "alt_equals_ref", "error/reject", "1.6.1", "remove the allele"),
    ("VH-B-009", "qual_invalid", "error/reject", "1.6.1", "QUAL is a number or ."),
    ("VH-B-010", "chrom_invalid", "error/reject", "1.6.1, 1.4.7",
     "rename the contig: no white space, comma or lone bracket, no * or = in front"),
    ("VH-B-011", "id_invalid", "error/note", "1.6.1",
     "ID is . or names without white space, split by ;"),
    ("VH-B-012", "id_twice", "error/note", "1.6.1", "name each identifier once"),
    ("VH-B-013", "filter_invalid", "error/note", "1.6.1",
     "FILTER is PASS, . or names split by ; (0 is reserved)"),
    ("VH-B-014", "filter_twice", "error/note", "1.6.1", "name each filter once"),
    ("VH-B-015", "filter_undeclared", "warning/note", "1.4.3",
     "declare it: ##FILTER=<ID=...,Description=\"...\">; --fix does"),
    ("VH-B-016", "contig_undeclared", "warning/note", "1.4.7",
     "declare it: ##contig=<ID=...>; --fix does"),
    ("VH-B-018", "qual_negative", "error/note", "1.6.1",
     "a phred-scaled probability is 0 or above: correct it, or write ."),
    ("VH-B-017", "alt_twice", "error/note", "1.6.1", "name each ALT allele once"),
)  # fmt: skip

_WORLD = (
    ("VH-R-001", "contig_unknown", "error/reject", "1.6.1",
     "name the contig in the aliases table, or leave it out"),
    ("VH-R-002", "ref_mismatch", "error/reject", "1.6.1",
     "check the assembly; bcftools norm -c x drops such records"),
    ("VH-R-003", "beyond_contig", "error/reject", "1.6.1",
     "check the assembly; policy.partial_reference if the FASTA is a piece"),
    ("VH-R-004", "ref_unchecked", "warning/reject", "1.6.1",
     "policy.unchecked_ref: store keeps such records"),
    ("VH-R-006", "ref_alt_swapped", "warning/note", "1.6.1",
     "varhouse validate --fix OUT --swap-ref-alt, or plink2 --ref-from-fa force"),
    ("VH-R-007", "other_strand", "warning/note", "1.6.1",
     "bcftools +fixref -- -f FASTA -m flip, or plink --flip"),
    ("VH-R-008", "pos_shifted", "warning/note", "1.6.1", "POS counts from 1: correct it"),
    ("VH-R-009", "other_assembly", "warning/note", "1.4.7",
     "give the reference that the file was made with, or lift it over"),
    ("VH-R-010", "contig_digest", "warning/note", "1.4.7",
     "give the reference that the file was made with"),
    ("VH-R-011", "contig_alias", "warning/note", "1.4.7",
     "read under the reference's name; --fix renames"),
    ("VH-S-001", "sample_not_in_file", "error/refuse", "", "correct the sample sheet"),
    ("VH-S-002", "sample_not_in_sheet", "warning/refuse", "",
     "add a row, or set policy.unlisted_samples: unknown"),
    ("VH-S-003", "sample_spelled_otherwise", "error/refuse", "",
     "write the name in the sheet as it stands in the file"),
    ("VH-S-004", "sample_names_alike", "warning/note", "1.5",
     "check that they are two people; rename one"),
    ("VH-D-003", "same_allele_elsewhere", "warning/note", "1.6.1 (EVA)",
     "varhouse normalise, then keep one of them"),
    ("VH-D-001", "duplicate_allele", "error/note", "1.6.1 (EVA)",
     "bcftools norm -d exact; policy.duplicate_alleles decides"),
    ("VH-D-002", "not_pass", "warning/note", "1.6.1",
     "policy.pass_only keeps records with FILTER PASS or . only"),
)  # fmt: skip

_INFO = (
    ("VH-I-001", "info_empty", "error/note", "1", "write . for an empty INFO; no ;; in it"),
    ("VH-I-002", "info_key", "error/note", "1.6.1",
     "keys match [A-Za-z_][0-9A-Za-z_.]* or are 1000G"),
    ("VH-I-003", "info_twice", "error/note", "1.6.1", "keep one of the two"),
    ("VH-I-004", "info_undeclared", "warning/note", "1.4.2",
     "declare it with ##INFO; --fix adds lines for reserved keys"),
    ("VH-I-005", "info_no_value", "error/note", "1.6.1",
     "give key=value, or declare the key as a Flag"),
    ("VH-I-006", "info_flag_value", "error/note", "1.4.2", "a Flag stands without a value"),
    ("VH-I-007", "info_number", "error/note", "1.4.2",
     "give as many values as Number says, or correct the ##INFO line"),
    ("VH-I-008", "info_type", "error/note", "1.3",
     "give values of the Type declared, or correct the ##INFO line"),
    ("VH-I-009", "info_range", "error/note", "1.6.1", "such a value cannot be: correct it"),
    ("VH-I-010", "info_space", "error/note", "1.6.1 (4.1, 4.2: 1.4.1)",
     "replace white space, with %20 or _"),
    ("VH-I-011", "info_cigar", "error/note", "1.6.1", "a CIGAR is of counts and letters"),
    ("VH-I-012", "info_flag_digit", "warning/note", "1.4.2",
     "write the flag alone (`DB`), and leave out what is not set"),
    ("VH-I-014", "info_quoted_comma", "warning/note", "1.6.1",
     "write %2C for a comma in a value"),
    ("VH-I-013", "info_joined_list", "warning/note", "1.4.2",
     "declare the key with Number=. (GATK's allele-specific annotations)"),
)  # fmt: skip

_FORMAT = (
    ("VH-M-001", "format_empty", "error/note", "1", "name every FORMAT key"),
    ("VH-M-002", "format_key", "error/note", "1.6.2",
     "keys match [A-Za-z_][0-9A-Za-z_.]*"),
    ("VH-M-003", "format_twice", "error/note", "1.6.2", "keep one of the two"),
    ("VH-M-004", "format_undeclared", "warning/note", "1.4.4",
     "declare it with ##FORMAT; --fix adds lines for reserved keys"),
    ("VH-M-005", "gt_late", "error/note", "1.6.2", "GT is the first FORMAT key"),
    ("VH-M-006", "sample_fields", "error/note", "1.6.2",
     "a sample has no more fields than FORMAT has keys"),
    ("VH-M-007", "sample_number", "error/note", "1.4.4",
     "give as many values as Number says, or correct the ##FORMAT line"),
    ("VH-M-008", "sample_type", "error/note", "1.3",
     "give values of the Type declared, or correct the ##FORMAT line"),
    ("VH-M-009", "sample_range", "error/note", "1.6.2", "such a value cannot be: correct it"),
    ("VH-M-010", "sample_space", "error/note", "1.6.2", "remove the white space"),
    ("VH-M-011", "sample_empty", "error/note", "1", "write . for a missing value"),
    ("VH-M-012", "laa_late", "error/note", "1.6.2 (4.5)",
     "write LAA first, or next to GT, before the fields of local alleles"),
    ("VH-M-013", "modification_without_gt", "error/note", "1.4.4 (4.5)",
     "give GT: it says how many values a base modification has"),
    ("VH-M-014", "laa_value", "error/note", "1.6.2 (4.5)",
     "LAA lists ALT alleles by number: from 1 to the number of ALT, each once"),
    ("VH-M-015", "laa_order", "warning/note", "1.6.2 (4.5)",
     "list the alleles in rising order: not every tool reads another one"),
    ("VH-M-016", "laa_not_called", "warning/note", "1.6.2 (4.5)",
     "LAA lists the ALT alleles that are observed in the sample: add those of GT"),
    ("VH-M-017", "local_differs", "error/note", "1.6.2 (4.5)",
     "leave one of the two out, or write . for it"),
    ("VH-M-018", "sample_count", "warning/note", "1.4.4",
     "correct the ##FORMAT line: Number says how many values there are"),
    ("VH-M-019", "copy_number_unknown", "warning/note", "4",
     "write . for a copy number that is not known"),
    ("VH-G-001", "gt_invalid", "error/reject", "1.6.2", "GT is numbers and . by / or |"),
    ("VH-G-002", "gt_allele_unknown", "error/reject", "1.6.2",
     "GT numbers stop at the ALT count"),
    ("VH-G-003", "gt_without_alt", "warning/reject", "1.6.2",
     "name the ALT allele that GT 1 is, or write GT 0 or ."),
    ("VH-G-004", "gt_leading_phase", "error/note", "1.6.2 (4.1, 4.2: 1.4.2)",
     "leave out the first / or |, or declare VCFv4.4 or later"),
    ("VH-G-005", "gt_in_block", "error/note", "1.6.2",
     "write 0 or . there, or name the ALT allele"),
)  # fmt: skip

_STRUCTURAL = (
    ("VH-V-001", "sv_type", "error/note", "1.4.5",
     "the first level of <A:B> is DEL, INS, DUP, INV or CNV"),
    ("VH-V-002", "svlen_missing", "error/note", "3 (from 4.4 on)",
     "give SVLEN for symbolic structural alleles"),
    ("VH-V-003", "svlen_other", "warning/note", "3 (from 4.4 on)",
     "SVLEN is . for alleles that are no symbolic structural ones"),
    ("VH-V-004", "svclaim_missing", "error/note", "3 (from 4.4 on)",
     "give SVCLAIM (D, J or DJ) for <DEL> and <DUP>"),
    ("VH-V-005", "svclaim_value", "error/note", "3 (from 4.4 on)",
     "DEL, DUP: D, J, DJ; CNV: D, .; INS, INV: J, DJ, .; breakends: J, ."),
    ("VH-V-006", "sv_count", "error/note", "3 (from 4.4 on)",
     "CIPOS, CIEND, CILEN, CICN have two, MEINFO and METRANS four values for each ALT"),
    ("VH-V-007", "sv_interval", "error/note", "3 (from 4.4 on)",
     "an interval around a value starts at or below 0 and ends at or above it"),
    ("VH-V-008", "tr_count", "error/note", "3 (from 4.4 on)",
     "RUS, RUL, RUC and RB have as many values as RN says, CIRUC and CIRB twice as many"),
    ("VH-V-009", "tr_missing", "error/note", "3 (from 4.4 on)",
     "<CNV:TR> needs RUS or RUL; CIRUC and RUB need RUC; CIRB needs RB"),
    ("VH-V-010", "tr_value", "error/note", "3 (from 4.4 on)",
     "RUS is of bases and as long as RUL says; with RUB, RUC is whole"),
    ("VH-V-011", "cicn_without_cn", "error/note", "4 (from 4.4 on)", "give FORMAT CN too"),
    ("VH-V-012", "phase_list", "error/note", "1.6.2 (from 4.4 on)",
     "PSL, PSO and PSQ have a value for each allele of GT, and . where PSL is ."),
    ("VH-V-013", "end_invalid", "warning/note", "1.6.1",
     "END is at or after POS; in 4.5 it is where REF, SVLEN or LEN end, whichever is last"),
    ("VH-V-014", "mate_missing", "warning/note", "3, 5.4",
     "MATEID is the ID of a record of the file"),
    ("VH-V-015", "svlen_by_cn", "error/note", "4 (from 4.4 on)",
     "give alleles of other lengths records of their own, or leave FORMAT CN out"),
    ("VH-V-016", "svlen_not_difference", "error/note", "4.1 to 4.3: 3",
     "SVLEN is the length of ALT less that of REF"),
    ("VH-V-017", "svlen_sign", "warning/note", "4.1 to 4.3: 3",
     "up to 4.3 SVLEN of a deletion is negative, of an insertion or duplication positive"),
    ("VH-V-018", "mate_not_back", "warning/note", "5.4",
     "the two records of an adjacency name each other in MATEID"),
)  # fmt: skip

_TOO_MANY = (
    ("VH-R-005", "ref_mismatch_rate", "error/refuse", "1.6.1",
     "the file is likely of another assembly than is said: name its own, with its reference"),
)  # fmt: skip

_OF_A_FILE = {
    "VH-B-001", "VH-B-002", "VH-B-003", "VH-B-004", "VH-B-016", "VH-S-001", "VH-S-002",
    "VH-S-003", "VH-S-004", "VH-R-005", "VH-R-006", "VH-R-007", "VH-R-008", "VH-R-009",
    "VH-R-010", "VH-R-011",
}  # fmt: skip

RULES: dict[str, Rule] = {
    row[0]: _rule(*row, "file" if row[0][3] in "FH" or row[0] in _OF_A_FILE else "record")
    for table in (_FILE, _HEADER, _BODY, _WORLD, _TOO_MANY, _INFO, _FORMAT, _STRUCTURAL)
    for row in table
}
"""Every rule by its code. To add one, add a row to the table of its letter."""
