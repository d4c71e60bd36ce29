"""Sentences on the file as a whole and on meta lines in general."""

from rulebook import ROW, Sentence, V, row, vcf
from rulebook_columns import COLUMN_GROUPS
from rulebook_lines import GT, LINE_GROUPS, field, meta

_FILE = (
    Sentence(
        "tabs", "1", "data lines ... (text fields separated by tabs)",
        "1-5 error", "VH-H-002",
        good=(vcf(),),
        bad=(vcf().replace("\t", " "), vcf().replace("\t", ",")),
    ),
    Sentence(
        "newlines", "1",
        "implementations must support both LF (\\n) and CR+LF (\\r\\n) newline conventions",
        good=(vcf(), vcf().replace("\n", "\r\n"), vcf().replace("\n", "\r\n") + "\r\n"),
        note="4.1 and 4.2 do not say it; such files are valid all the same",
    ),
    Sentence(
        "lone-return", "1.2",
        "Line separators must be CR+LF or LF and they are allowed only as line separators",
        "1-2 warning, 3-5 error", "VH-F-008",
        bad=(row("1 5 . A C . . S=a_b").replace("_", "\r"), vcf("##source=a\rb")),
        good=(vcf("##source=ab"),),
    ),
    Sentence(
        "mixed-newlines", "1.2", "Line separators must be CR+LF or LF",
        "1-5 warning", "VH-F-008",
        good=(vcf(),), bad=(vcf().replace("\n", "\r\n", 1), vcf()[:-1] + "\r\n"),
        note="either is allowed; a mixture shows that a file was put together",
    ),
    Sentence(
        "utf-8", "1.2", "The character encoding of VCF files is UTF-8",
        "1-2 warning, 3-5 error", "VH-F-009",
        good=(vcf("##source=Grünflächen 汉字"), vcf(samples="张三", rows=(ROW + " GT 0/1",)),
              row("1 5 . A C . . S=é")),
        bad=(vcf("##source=Gr\udcfcn"), row("1 5 . A C . . S=\udce9")),
        note="4.1 and 4.2 name no encoding",
    ),
    Sentence(
        "byte-order-mark", "1.2", "VCF files must not contain a byte order mark",
        "1-3 warning, 4-5 error", "VH-F-007",
        good=(vcf(),), bad=("\ufeff" + vcf(),),
    ),
    Sentence(
        "control-characters", "1.2",
        "non-printable characters U+0000-U+0008, U+000B-U+000C, U+000E-U+001F are disallowed",
        "1-2 warning, 3-5 error", "VH-F-016",
        good=(row("1 5 . A C . . S=a\x7f"),),
        bad=tuple(vcf(f"##source=a{chr(c)}b") for c in (1, 8, 11, 12, 14, 31)),
    ),
    Sentence(
        "no-nul", "1.2", "non-printable characters U+0000-... are disallowed",
        "1-5 error", "VH-F-016",
        good=(vcf(),), bad=(vcf("##source=a\0b"), row("1 5 . A C . . S=a\0")),
        note="in 4.1 and 4.2 too: readers in C end the line there",
    ),
    Sentence(
        "last-newline", "1.6", "The last data line must end with a line separator",
        "1-2 warning, 3-5 error", "VH-F-005",
        good=(vcf(),), bad=(vcf(end=""), vcf(samples="s", rows=(ROW + " GT 0/1",), end="")),
    ),
    Sentence(
        "header-newline", "1.5", "The header line names the 8 fixed, mandatory columns",
        "1-5 error", "VH-F-005",
        good=(vcf(rows=()),), bad=(vcf(rows=(), end=""), vcf(rows=(), samples="s", end="")),
        note="of a line that stops at the end of the file nobody knows whether it is whole",
    ),
    Sentence(
        "no-records", "1.6", "data lines each containing information about a position",
        "1-5 warning", "VH-F-006",
        good=(vcf(),), bad=(vcf(rows=()),),
        note="no sentence asks for records",
    ),
    Sentence(
        "blank-last-line", "1.6", "(silent on lines with nothing in them)",
        "1-5 warning", "VH-B-004",
        good=(vcf(),), bad=(vcf() + "\n", vcf() + "\n\n\n", vcf() + "\r\n",
                            vcf(rows=()) + "\n"),
    ),
    Sentence(
        "blank-line-between", "1", "Zero length fields are not allowed",
        "1-5 error", "VH-B-004",
        good=(vcf(),), bad=(row(ROW, "", "1 6 . A C . . ."), row("", ROW)),
    ),
    Sentence(
        "fileformat-first", "1.4.1",
        "A single 'fileformat' line is always required, must be the first line in the file",
        "1-5 error", "VH-H-001",
        good=(vcf(),),
        bad=(vcf().split("\n", 1)[1], f"##source=x\n{vcf()}", f"\n{vcf()}", f" {vcf()}",
             vcf().replace("fileformat", "FileFormat"), vcf().replace("##", "#", 1)),
    ),
    Sentence(
        "fileformat-value", "1.4.1", "For VCF version 4.5, this line is: ##fileformat=VCFv4.5",
        "1-5 error", "VH-H-001",
        good=(vcf(),),
        bad=tuple(vcf().replace(f"VCFv4.{V}", x) for x in
                  (f"VCF4.{V}", f"vcfv4.{V}", f"VCFv4.{V} ", f" VCFv4.{V}", f"VCFv4.{V}.0",
                   "VCFv4.6", "VCFv5.0", f'"VCFv4.{V}"', "")),
        note="VCF 3.3 and 4.0 are other formats, which are not read",
    ),
    Sentence(
        "fileformat-single", "1.4.1", "A single 'fileformat' line is always required",
        "1-5 error", "VH-H-021",
        good=(vcf(),), bad=(vcf(f"##fileformat=VCFv4.{V}"), vcf("##fileformat=VCFv4.2")),
    ),
    Sentence(
        "bcf-magic", "6.2", "The characters \"BCF\" ... major_version 2, minor_version 2",
        "1-5 error", "VH-F-001", test="test_bcf.py::test_damaged_headers_are_told",
    ),
    Sentence(
        "bcf-contigs", "6.1",
        "No record may refer to a contig not present in the header itself",
        "1-5 error", "VH-F-002", test="test_bcf_header.py::test_what_the_header_lacks",
    ),
    Sentence(
        "bcf-typed", "6.1",
        "All INFO and GENOTYPE fields must be fully typed in the BCF2 header",
        "1-5 error", "VH-F-002", test="test_bcf_header.py::test_what_the_header_lacks",
    ),
    Sentence(
        "bcf-idx", "6.2.1",
        "a new IDX field can be used to explicitly define the position which is dropped on "
        "BCF-to-VCF conversion",
        test="test_bcf_header.py::test_idx_is_no_key_of_a_vcf",
    ),
    Sentence(
        "bcf-header-rules", "6.2", "A BCF2 header follows exactly the specification as VCF",
        test="test_bcf_header.py::test_the_header_is_judged_as_that_of_a_vcf",
    ),
)  # fmt: skip

_META = (
    Sentence(
        "meta-key-value", "1.4", "File meta-information ... must be key=value pairs",
        "1-5 error", "VH-H-007",
        good=meta("##fileDate=20261128", "##source=a b c", "##x=y=z", '##x="a, b"',
                  "##reference=file:///a/b.fa", "##x=a<b", "##x=[1, 2]", "##x==",
                  '##cmd=view -i "AF<0.1 && DP>5" x.vcf; Date=Sat Nov 28', "##a b=c",
                  "##note=a > b", "##" + "k" * 300 + "=" + "v" * 5000),
        bad=meta("##Some random plain text", "##", "##x", "##=x"),
    ),
    Sentence(
        "meta-empty-value", "1.4", "a value (which may not be empty ...)",
        "1-5 error", "VH-H-007",
        good=meta("##x=."), bad=meta("##reference=", "##source="),
        note="before 4.4 by \"must be key=value pairs\"",
    ),
    Sentence(
        "meta-before-header", "1.4",
        "must appear first in the VCF file, before the header line",
        "1-5 error", "VH-B-001",
        good=(vcf("##x=y"),), bad=(vcf() + "##x=y\n", row("##x=y", ROW)),
    ),
    Sentence(
        "meta-two-marks", "1.4", "File meta-information lines start with \"##\"",
        "1-5 error", "VH-H-002",
        good=(vcf("##x=y"),), bad=(vcf("#x=y"), vcf("x=y"), vcf("# a remark")),
    ),
    Sentence(
        "meta-any-order", "1.4", "Other than ##fileformat, they may appear in any order",
        good=(vcf(GT, "##contig=<ID=1>", "##x=y", '##FILTER=<ID=q,Description="q">', "##x"
                  "=z"),),
    ),
    Sentence(
        "unstructured-bracket", "1.4",
        "a value (which ... must not start with a '<' character)",
        "1-3 warning, 4-5 error", "VH-H-008",
        good=meta("##x=a<b", "##x=>", "##x=<ID=a>"), bad=meta("##x=<a", "##x=<ID=a,b=c"),
    ),
    Sentence(
        "structured-pairs", "1.4",
        "the value is itself a comma-separated list of key=value pairs, enclosed within < >",
        "1-3 warning, 4-5 error", "VH-H-009",
        good=meta('##x=<ID=a,b="c, d">', "##x=<ID=a,Values=[p, q]>", '##x=<ID=a,b="x=<y>">',
                  '##x=<"free text, with commas">', "##x=<ID=a,b=c d e>",
                  '##DRAGENCommandLine=<ID=dragen,Version="SW: 05.021, HW: 05",Date="Sat">',
                  '##GATKCommandLine=<ID=HC,CommandLine="a --b c=[d, e] \\"f\\"",V=3.4>'),
        bad=meta("##x=<abc>", "##x=<ID=a,b>", "##x=<ID=a,,b=c>"),
        note="a line of a kind that the text does not define",
    ),
    Sentence(
        "structured-defined", "1.4",
        "if they are present then they must be completely well-formed",
        "1-5 error", "VH-H-009",
        good=meta('##ALT=<ID=DEL,Description="a, b">',
                  '##FILTER=<ID=q,Description="a=b<c>,d">',
                  '##contig=<ID=1,species="Homo, sapiens",length=9>',
                  '##INFO=<ID=X,Number=1,Type=String,Description="say \\"hi\\", \\\\ and >">',
                  '##FILTER=<ID=q,Description="">', '##ALT=<ID=D"E"L,Description="quotes">'),
        bad=meta('##ALT=<ID=DEL,Description="not "escaped">', "##INFO=X",
                 '##FILTER=<ID=q,Description="open>', '##FILTER=<ID=q Description="x">',
                 '##contig=<ID=1,length=9,>', '##FILTER=<ID=q,Description="x"y>',
                 '##INFO=<ID=X,Number=1,Type=String,Description="x",,Source="s">',
                 '##FORMAT=<ID=X, Number=1,Type=String,Description="x">',
                 '##contig=<ID=1,species=Homo "sapiens">', "##contig=<ID=1,leng th=9>",
                 '##SAMPLE=<ID=s,Description=x">'),
    ),
    Sentence(
        "structured-keys-twice", "1.4", "they must be completely well-formed",
        "1-5 error", "VH-H-009",
        good=meta("##contig=<ID=1,length=9>", "##x=<ID=a,b=c,b=d>"),
        bad=meta('##INFO=<ID=X,ID=Y,Number=1,Type=Float,Description="x">',
                 '##FILTER=<ID=q,Description="x",Description="y">', "##contig=<ID=1,ID=2>"),
        note="which one holds is a guess; another key that stands twice is a warning",
    ),
    Sentence(
        "structured-closed", "1.4", "enclosed within '<' and '>' characters",
        "1-5 error", "VH-H-008",
        good=meta("##contig=<ID=1>"),
        bad=meta('##INFO=<ID=X,Number=1,Type=Float,Description="x"', "##contig=<ID=1",
                 '##ALT=<ID=DEL,Description="x"', "##SAMPLE=<ID=s", "##PEDIGREE=<ID=s"),
    ),
    Sentence(
        "trailing-blank", "1.4", "they must be completely well-formed",
        "1-5 warning", "VH-H-009",
        good=meta("##contig=<ID=1>"), bad=meta("##contig=<ID=1> ", "##contig=<ID=1>\t"),
        note="readers pass over it",
    ),
    Sentence(
        "escaped-backslash", "1.4.2",
        "Double-quote character must be escaped with backslash \\ and backslash as \\\\",
        "3-5 error", "VH-H-009",
        good=meta('##FILTER=<ID=q,Description="C:\\\\dir\\\\">'),
        bad=meta('##FILTER=<ID=q,Description="C:\\dir\\">'),
        note="4.1, 4.2: \"can be escaped\"; a single backslash before another letter passes",
    ),
    Sentence(
        "structured-id", "1.4", "All structured lines require an ID",
        "3-5 warning", "VH-H-010",
        good=meta("##x=<ID=a>"), bad=meta("##x=<a=b>", "##commandline=<a=b,c=d>"),
        note="of kinds that the text does not define; tools write such lines",
    ),
    Sentence(
        "structured-id-unique", "1.4", "an ID which must be unique within their type",
        "1-2 warning, 3-5 error", "VH-H-021",
        good=(vcf("##contig=<ID=a>", '##FILTER=<ID=a,Description="x">',
                  '##INFO=<ID=a,Number=1,Type=String,Description="x">',
                  '##FORMAT=<ID=a,Number=1,Type=String,Description="x">'),),
        bad=(vcf("##contig=<ID=a>", "##contig=<ID=a,length=5>"), vcf(GT, GT),
             vcf('##FILTER=<ID=q,Description="x">', '##FILTER=<ID=q,Description="y">'),
             vcf('##ALT=<ID=DEL,Description="x">', '##ALT=<ID=DEL,Description="x">'),
             vcf("##SAMPLE=<ID=s>", "##SAMPLE=<ID=s>")),
    ),
    Sentence(
        "other-id-unique", "1.4", "an ID which must be unique within their type",
        "1-5 warning", "VH-H-021",
        good=(vcf("##x=<ID=a>", "##x=<ID=b>"),),
        bad=(vcf('##GATKCommandLine=<ID=a,b="1">', '##GATKCommandLine=<ID=a,b="2">'),),
        note="of kinds that the text does not define: a tool that ran twice writes two",
    ),
    Sentence(
        "key-order", "1.4",
        "the order of fields should be ID, Number, Type, Description, then any optional",
        "1-5 warning", "VH-H-016",
        good=(field(),),
        bad=meta('##INFO=<ID=X,Type=Integer,Number=1,Description="x">',
                 '##FILTER=<Description="x",ID=q>', "##contig=<length=5,ID=1>"),
        note="before 4.4 the text gives the order no meaning",
    ),
    Sentence(
        "optional-quoted", "1.4",
        "The values of optional fields must be written as quoted strings, even for numeric",
        "2 warning, 3-5 error", "VH-H-015",
        good=(field(rest=',Description="x",Source="dbsnp",Version="138",Other="1"'),
              *meta("##contig=<ID=1,length=9,assembly=B36,taxonomy=x>",
                    "##SAMPLE=<ID=s,Assay=Exome,DOI=url>", "##contig=<ID=1,IDX=0>")),
        bad=(field(rest=',Description="x",Source=dbsnp'),
             field("FORMAT", rest=',Description="x",Version=138'),
             *meta('##FILTER=<ID=q,Description="x",Level=3>',
                   '##ALT=<ID=DEL,Description="x",Source=me>',
                   '##ALT=<ID=DEL,Number=1,Type=String,Description="x">')),
        note="4.2 \"should\", 4.3 \"must be stored as strings\"; contig, SAMPLE and PEDIGREE "
             "stand unquoted in the examples of every version, IDX in BCF",
    ),
    Sentence(
        "declared-entries", "1.4",
        "It is recommended to include meta-information lines describing the entries used",
        good=(row("7 5 . A C . low,er X=1"), row("1 5 . A C . q;r FOO;BAR=1 GT:Z 0/1:a",
                                                samples="s")),
        note="VH-B-015, VH-B-016, VH-I-004 and VH-M-004 are warnings",
    ),
)  # fmt: skip

GROUPS = {"The file": _FILE, "Meta lines": _META, **LINE_GROUPS, **COLUMN_GROUPS}
"""Heading of the page to its sentences, in order."""
