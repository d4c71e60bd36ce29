"""Sentences on the #CHROM line and the fixed columns of records."""

from rulebook import ROW, Sentence, row, vcf


def cells(column: int, *values: str, others: str = ROW) -> tuple[str, ...]:
    """Write an example of one record for each value of a column (0: CHROM)."""
    parts = others.split()
    whole = "\t".join(parts)
    return tuple(
        row(others).replace(whole, "\t".join([*parts[:column], v, *parts[column + 1 :]]))
        for v in values
    )


_HEADER = (
    Sentence(
        "chrom-line", "1.5", "The mandatory header line names the 8 fixed, mandatory columns",
        "1-5 error", "VH-H-002",
        good=(vcf(), vcf(samples="s t", rows=(ROW + " GT 0/1 ./.",))),
        bad=(vcf().replace("#CHROM", "CHROM"), vcf().replace("#CHROM", "#chrom"),
             vcf().replace("FILTER", "FILTERS"), vcf().replace("POS\tID", "ID\tPOS"),
             vcf().replace("\tINFO", ""), vcf().replace("QUAL\t", "QUAL \t"),
             vcf().replace("#CHROM", "##CHROM"), vcf().split("#CHROM")[0]),
    ),
    Sentence(
        "format-column", "1.5", "followed by a FORMAT column header, then ... sample IDs",
        "1-5 error", "VH-H-002",
        good=(vcf(samples="s", rows=(ROW + " GT 0/1",)),),
        bad=(vcf(samples="s", rows=(ROW + " GT 0/1",)).replace("FORMAT", "Format"),
             vcf(rows=(ROW + " 0/1",)).replace("\tINFO", "\tINFO\tsample1")),
    ),
    Sentence(
        "format-without-samples", "1.5",
        "If genotype data is present ..., these are followed by a FORMAT column header",
        "1-5 error", "VH-H-025",
        good=(vcf(),),
        bad=(vcf(rows=(ROW + " GT",)).replace("\tINFO", "\tINFO\tFORMAT"),
             vcf(rows=()).replace("\tINFO", "\tINFO\tFORMAT")),
        note="there is none; by EVA",
    ),
    Sentence(
        "sample-names", "1.5", "then an arbitrary number of sample IDs",
        "1-5 error", "VH-H-003",
        good=(vcf(samples="a_b 1 张三 x;y,z . <a>",
                  rows=(ROW + " GT 0/1" + " 0/0" * 5,)).replace("a_b", "a b"),),
        bad=(vcf(samples="a NONE b", rows=(ROW + " GT 0/1 0/1 0/1",)).replace("NONE", ""),
             vcf(samples="a NONE", rows=(ROW + " GT 0/1 0/1",)).replace("NONE", " ")),
        note="any text that is not empty",
    ),
    Sentence(
        "sample-names-twice", "1.5", "Duplicate sample IDs are not allowed",
        "1-5 error", "VH-H-004",
        good=(vcf(samples="a A", rows=(ROW + " GT 0/1 0/1",)),),
        bad=(vcf(samples="a b a", rows=(ROW + " GT 0/1 0/1 0/1",)),),
    ),
    Sentence(
        "chrom-line-tab", "1.5", "there must be no tab characters at the end of the line",
        "1-2 warning, 3-5 error", "VH-H-002",
        good=(vcf(),), bad=(vcf().replace("INFO\n", "INFO\t\n"),
                            vcf().replace("INFO\n", "INFO\t\t\n")),
        note="4.1 and 4.2 do not say it; the GATK bundle has such files",
    ),
    Sentence(
        "chrom-line-sample-tab", "1.5", "no tab characters at the end of the line",
        "1-5 error", "VH-H-003",
        good=(vcf(samples="s", rows=(ROW + " GT 0/1",)),),
        bad=(vcf(samples="s", rows=(ROW + " GT 0/1",)).replace("\ts\n", "\ts\t\n"),),
        note="where samples stand, one more column without a name",
    ),
)  # fmt: skip

_LINES = (
    Sentence(
        "columns", "1.6.1", "There are 8 fixed fields per record",
        "1-5 error", "VH-B-001",
        good=(vcf(),),
        bad=(row("1 5 . A C . ."), row("1 5 . A C . . . ."), row("1"), row("# a remark"),
             row("1 5 . A C . . ."[::-1] + " x"), vcf(samples="s"),
             vcf(samples="s t", rows=(ROW + " GT 0/1",)), row(ROW + " GT 0/1")),
    ),
    Sentence(
        "data-line-tab", "1.6",
        "All data lines are tab-delimited with no tab character at the end of the line",
        "1-5 error", "VH-B-001",
        good=(vcf(),), bad=(vcf()[:-1] + "\t\n", vcf().replace(".\t.\n", ". .\n")),
        note="in 4.1 and 4.2 by the number of columns",
    ),
    Sentence(
        "chrom-whitespace", "1.6.1", "String, no whitespace permitted, Required",
        "1-5 error", "VH-B-010",
        good=cells(0, "chr1", "GL000192.1", "1", "NC_000001.11", "#x", "@y", "chr-1|a"),
        bad=cells(0, "chr 1", " 1", "1 ", ""),
    ),
    Sentence(
        "chrom-name", "1.4.7, 1.6.1", "Contig names follow the same rules as ... SAM",
        "3-5 error", "VH-B-010",
        good=cells(0, "HLA-A*01", "a=b", "a;b"),
        bad=cells(0, "a(b", "a)b", "a'b", "a\\b", "a[b", "a]b", "a{b", "a`b", "chré",
                  'a"b'),
        note="4.1 and 4.2 ask for no white space only",
    ),
    Sentence(
        "chrom-separators", "1.4.7, 1.6.1",
        "excluding commas facilitates parsing ..., avoids clashes with symbolic alleles",
        "1-5 error", "VH-B-010",
        good=cells(0, "a-b"), bad=cells(0, "a,b", "<1", "1>", "a<b", "*a", "=a", "<>"),
        note="in 4.1 and 4.2 what would end a name in a header line, and SAM's first letter",
    ),
    Sentence(
        "chrom-bracketed", "1.6.1",
        "an angle-bracketed ID String (\"<ID>\") pointing to a contig in the assembly file",
        good=(row("1 5 . A C . . .", "<ctg1> 9 . A C . . .", "1 7 . A C . . ."),),
    ),
    Sentence(
        "chrom-symbolic", "1.4.7", "contig names must not use a reserved symbolic allele name",
        "3-5 error", "VH-B-010",
        good=cells(0, "DELTA"), bad=cells(0, "DEL", "INS", "CNV"),
    ),
    Sentence(
        "contiguous", "1.6.1",
        "All entries for a specific CHROM must form a contiguous block within the VCF file",
        "1-5 error", "VH-B-003",
        good=(row("2 5 . A C . . .", "1 5 . A C . . ."),),
        bad=(row("1 5 . A C . . .", "2 5 . A C . . .", "1 9 . A C . . ."),),
        note="\"should\" in 4.1 and 4.2; no index can hold such files",
    ),
    Sentence(
        "pos-number", "1.6.1", "POS ... (Integer, Required)",
        "1-5 error", "VH-B-005",
        good=cells(1, "1", "0", "2147483647", "007"),
        bad=cells(1, "-1", "5.0", "1e3", "x", ".", "+5", "5 ", "", "2147483648", "0x5"),
        note="32 bits by section 1.3",
    ),
    Sentence(
        "pos-sorted", "1.6.1",
        "Positions are sorted numerically, in increasing order, within each ... CHROM",
        "1-5 error", "VH-B-002",
        good=(row("1 5 . A C . . .", "1 10 . A C . . .", "2 3 . A C . . ."),),
        bad=(row("1 10 . A C . . .", "1 9 . A C . . ."),),
    ),
    Sentence(
        "pos-equal", "1.6.1", "It is permitted to have multiple records with the same POS",
        good=(row("1 5 . A C . . .", "1 5 . A G . . .", "1 5 . AC A . . ."),),
    ),
    Sentence(
        "telomere", "1.6.1", "Telomeres are indicated by using positions 0 or N+1",
        good=(row("1 0 . N .[13:1[ . . .", "1 5 . A C . . .", "1 101 . N ]13:7]. . . .",
                  meta=("##contig=<ID=1,length=100>",)),),
        test="test_rulebook_reference.py::test_telomeres_are_legal",
    ),
    Sentence(
        "id-characters", "1.6.1", "String, no whitespace or semicolons permitted",
        "1-5 error", "VH-B-011",
        good=cells(2, "rs1", "rs1;rs2;COSV3", "a:b,c|d=e", "é", "rs1;."),
        bad=cells(2, "rs 1", " rs1", "rs1;", ";rs1", "rs1;;rs2", ""),
    ),
    Sentence(
        "id-twice", "1.6.1", "duplicate values not allowed",
        "1-2 warning, 3-5 error", "VH-B-012",
        good=cells(2, "rs1;rs11"), bad=cells(2, "rs1;rs1", "a;b;a"),
        note="new in 4.3",
    ),
    Sentence(
        "id-of-several-records", "1.6.1",
        "No identifier should be present in more than one data record",
        good=(row("1 5 rs1 A C . . .", "1 5 rs1 A G . . ."),),
        note="advice; split records share it, and a check would hold all names in memory",
    ),
    Sentence(
        "ref-bases", "1.6.1", "Each base must be one of A,C,G,T,N (case insensitive)",
        "1-5 error", "VH-B-006",
        good=cells(3, "A", "acgtn", "NNN", "ACGT" * 50,
                   others="1 5 . A <DEL> . . SVLEN=1;SVCLAIM=D"),
        bad=cells(3, "R", "AY", "-", ".", "*", "A.", "A,C", "A C", "U", "", "<A>", "A/C"),
    ),
    Sentence(
        "ref-ambiguity", "1.6.1 (from 4.3 on)",
        "the ambiguous reference base must be reduced to a concrete base",
        "1-5 error", "VH-B-006",
        good=cells(3, "A"), bad=cells(3, "M", "K", "RA", "b"),
        note="by whoever writes the file; before 4.3 by the sentence above",
    ),
    Sentence(
        "ref-padding", "1.6.1",
        "the REF and ALT Strings must include the base before the variant",
        good=(row("1 5 . AC A . . .", "1 9 . A ATT . . .", "1 20 . AT CG . . .",
                  "1 30 . AT C . . ."),),
        note="an empty REF or ALT is an error of its own",
    ),
    Sentence(
        "alt-options", "1.6.1",
        "a non-empty String of bases (A,C,G,T,N; case insensitive); the '*' symbol; the "
        "MISSING value '.'; an angle-bracketed ID String; ... or a breakend",
        "1-5 error", "VH-B-007",
        good=cells(4, "C", "acgtn", "C,G", "*", "C,*", ".", "<*>", "<NON_REF>", "C,<NON_REF>",
                   "A.", ".A"),
        bad=cells(4, "R", "-", "CY", "C G", "C,", ",C", "C,,G", "C,.", "<>", "<DEL", "DEL>",
                  "<A<B>", "<A B>", "<A,B>", "<:>", "<-;>", "C/G", "C;G", "0", "C*", "\"C\""),
        note="* is new in 4.2, but EVA and files of 4.1 have it",
    ),
    Sentence(
        "alt-not-ref", "1.6.1", "alternate non-reference alleles",
        "1-5 error", "VH-B-008",
        good=cells(4, "C,AA"), bad=cells(4, "A", "a", "C,A"),
    ),
    Sentence(
        "alt-once", "1.6.1", "list of alternate non-reference alleles",
        "1-5 error", "VH-B-017",
        good=(row("1 5 . A C,G . . .", "1 9 . A *,C . . ."),),
        bad=cells(4, "C,C", "C,c", "C,G,C", "*,*", "*,C,*"),
        note="by EVA; symbolic alleles may stand twice",
    ),
    Sentence(
        "same-allele-elsewhere", "1.6.1", "(silent on one allele in two records)",
        "1-5 error", "VH-D-001",
        good=(row("1 5 . A C . . .", "1 5 . A G . . ."),),
        bad=(row("1 5 . A C . . .", "1 5 . A C . . ."),
             row("1 5 . A C,G . . .", "1 5 . A G . . ."),
             row("1 5 . AT CT . . .", "1 5 . A C . . .")),
        note="by EVA",
    ),
    Sentence(
        "qual-number", "1.3, 1.6.1", "QUAL ... (Float) ... If unknown, the MISSING value",
        "1-5 error", "VH-B-009",
        good=cells(5, "0", "29", "2.5", ".5", "1e3", "1.5E-7", "+3", "inf", "Infinity", "NaN",
                   "-0", "-0.0", "."),
        bad=cells(5, "high", "PASS", "1.", "1e", "0x1", "1,5", "1 ", "--1", "", "1_0", ".."),
    ),
    Sentence(
        "qual-negative", "1.6.1", "-10log10 prob(call in ALT is wrong)",
        "1-5 error", "VH-B-018",
        good=cells(5, "0", "-0.0", "-0e5", "-nan"),
        bad=cells(5, "-1", "-10.00", "-0.001", "-1e-9", "-inf", "-.5"),
        note="no probability is above 1; htsjdk writes -10 for a missing one; the record goes "
             "in",
    ),
    Sentence(
        "filter-characters", "1.6.1", "String, no whitespace or semicolons permitted",
        "1-5 error", "VH-B-013",
        good=cells(6, "PASS", ".", "q10", "q10;s50", "a,b", "x:y|z", "PASS;q10"),
        bad=cells(6, "q 10", "q10;", ";q10", "q10;;s50", "q10;.", "", ". ", "-", "q;?."),
        note="PASS beside a name is odd, and not forbidden; punctuation alone: by EVA",
    ),
    Sentence(
        "filter-zero", "1.6.1", "'0' is reserved and must not be used as a filter String",
        "1-5 error", "VH-B-013",
        good=cells(6, "00", "q0"), bad=cells(6, "0", "q10;0"),
        note="\"should not\" in 4.1 and 4.2; by EVA",
    ),
    Sentence(
        "filter-twice", "1.6.1", "duplicate values not allowed",
        "1-2 warning, 3-5 error", "VH-B-014",
        good=cells(6, "q1;q11"), bad=cells(6, "q;q", "a;b;a"),
        note="new in 4.3",
    ),
    Sentence(
        "filter-declared", "1.4.3", "FILTERs that have been applied to the data are described",
        "1-5 warning", "VH-B-015",
        good=(row("1 5 . A C . q .", meta=('##FILTER=<ID=q,Description="x">',)),),
        bad=cells(6, "q", "PASS;q"),
        note="recommended",
    ),
    Sentence(
        "contig-declared", "1.4.7",
        "It is recommended for VCF ... contigs referred to in the file",
        "1-5 warning", "VH-B-016",
        good=(row("2 5 . A C . . ."),), bad=(row(ROW, meta=("##contig=<ID=2>",)),),
        note="told only if the header declares others",
    ),
    Sentence(
        "missing-values", "1.6", "In all cases, missing values are specified with a dot",
        good=(row("1 5 . A . . . ."), row("1 5 . A C . . . . .", samples="s")),
        note="an empty cell is an error of its column (above); of FORMAT VH-M-001",
    ),
    Sentence(
        "same-data-for-all", "1.6.2",
        "the same types of data must be present for all samples",
        "1-5 error", "VH-B-001",
        good=(row("1 5 . A C . . . GT 0/1 0/0", samples="s t"),),
        bad=(row("1 5 . A C . . . GT 0/1", samples="s t"),
             row("1 5 . A C . . . GT 0/1 0/0 1/1", samples="s t")),
    ),
)  # fmt: skip

COLUMN_GROUPS = {"The #CHROM line": _HEADER, "Records and their fixed columns": _LINES}
"""Heading of the page to its sentences, in order."""
