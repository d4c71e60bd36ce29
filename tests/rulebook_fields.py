"""Sentences on INFO, FORMAT, genotypes, local alleles and structural variants."""

from rulebook import Sentence, row
from rulebook_samples import SAMPLES
from rulebook_structural import STRUCTURAL


def _info(name: str, number: str, type_: str) -> str:
    return f'##INFO=<ID={name},Number={number},Type={type_},Description="x">'


N, F, S = _info("N", "1", "Integer"), _info("F", "1", "Float"), _info("S", "1", "String")
MANY, FLAG, CH = (
    _info("M", ".", "String"),
    _info("G", "0", "Flag"),
    _info("C", "1", "Character"),
)
META = (
    N, F, S, MANY, FLAG, CH, _info("A", "A", "Integer"), _info("R", "R", "Float"),
    _info("T", "3", "Integer"),
)  # fmt: skip


def info(
    *values: str, alt: str = "C", ref: str = "A", meta: tuple[str, ...] = META, id_: str = "."
) -> str:
    """Write an example: one record for each INFO, one position apart."""
    rows = (f"1 {5 + 10 * k} {id_} {ref} {alt} . . {v}" for k, v in enumerate(values))
    return row(*rows, meta=meta)


_INFO = (
    Sentence(
        "info-column", "1.6.1",
        "Semicolon-separated series of additional information fields, or the MISSING value "
        "'.' if none are present",
        "1-5 error", "VH-I-001",
        good=(info("."), info("N=1;F=2.5;S=a"), info("G")),
        bad=(info("N=1;;F=2"), info(";N=1"), info("N=1;")),
    ),
    Sentence(
        "info-key", "1.6.1",
        "INFO keys must match the regular expression ^([A-Za-z_][0-9A-Za-z_.]*|1000G)$",
        "3-5 error", "VH-I-002",
        good=(info("N=1"), info("_a.B9=1", "1000G", meta=())),
        bad=(info("9A=1", meta=()), info("N-1=2", meta=()), info("A+B", meta=()),
             info("1000Gx", meta=()), info("é=1", meta=()), info(".A=1", meta=())),
        note="4.1 and 4.2 have no such expression",
    ),
    Sentence(
        "info-key-empty", "1.6.1",
        "Each subfield consists of a short key with optional values in the format: "
        "key[=value[,...,value]]",
        "1-5 error", "VH-I-002",
        good=(info("N=1;S=x=y"),),
        bad=(info("=1"), info("N=1;=2")),
        note="an = in a value is reported below",
    ),
    Sentence(
        "info-equals", "1.6.1",
        "Literal semicolon (';') and equals sign ('=') characters are not permitted in these "
        "values",
        note="not reported: protein names of COSMIC, Funcotator and VEP without escapes end "
        "with = (`p.Leu5=`), and every reader splits at the first one",
        good=(info("S=p.Leu5="), info("S=a=b")),
    ),
    Sentence(
        "info-space-old", "4.1, 4.2: 1.4.1",
        "INFO: (String, no white-space, semi-colons, or equals-signs permitted)",
        "1-2 error", "VH-I-010",
        good=(info("S=a_b"),),
        bad=(info("S=a~b"), info("M=a,b~c")),
    ),
    Sentence(
        "info-space", "1.6.1", "Space characters are allowed in values", note="from 4.3 on",
        test="test_rules.py::test_blanks_in_info_values",
    ),
    Sentence(
        "info-twice", "1.6.1", "Duplicate keys are not allowed",
        "1-2 warning, 3-5 error", "VH-I-003",
        good=(info("N=1;F=1"),),
        bad=(info("N=1;N=2"), info("N=1;F=2;N=1"), info("G;G")),
        note="4.1 and 4.2 do not say so",
    ),
    Sentence(
        "info-declared", "1.6.1",
        "The exact format of each INFO key should be specified in the meta-information",
        "1-5 warning", "VH-I-004",
        good=(info("N=1"),), bad=(info("N=1;Q=2"), info("Q", meta=())),
    ),
    Sentence(
        "info-value-missing", "1",
        "Zero length fields are not allowed, a dot ('.') must be used instead",
        "1-5 error", "VH-I-005",
        good=(info("N=.", "F=.", "S=.", "A=.", "T=."),),
        bad=(info("N="), info("N=;F=1"), info("F"), info("S;N=1")),
        note="4.1 and 4.2 have key=value alone",
    ),
    Sentence(
        "info-flag", "1.4.2",
        "The `Flag' type indicates that the INFO field does not contain a Value entry",
        "1-5 error", "VH-I-006",
        good=(info("G"), info("DB;H2;H3;SOMATIC;VALIDATED;1000G", meta=())),
        bad=(info("G=yes"), info("G=TRUE"), info("G=2"), info("G="), info("G=."),
             info("DB=rs1", meta=())),
    ),
    Sentence(
        "info-flag-digit", "1.4.2",
        "The `Flag' type indicates that the INFO field does not contain a Value entry",
        "1-5 warning", "VH-I-012",
        good=(info("G"),), bad=(info("G=1"), info("G=0"), info("DB=1", meta=())),
        note="a common habit: read as set, as htslib does, also `=0`",
    ),
    Sentence(
        "info-number", "1.4.2",
        "The Number entry is an Integer that describes the number of values that can be "
        "included with the INFO field",
        "1-5 error", "VH-I-007",
        good=(info("N=1;T=1,2,3"), info("T=.,.,."), info("T=."), info("M=a", "M=a,b,c")),
        bad=(info("N=1,2"), info("T=1,2"), info("T=1,2,3,4"), info("S=a,b"), info("T=.,.")),
    ),
    Sentence(
        "info-number-a", "1.4.2",
        "A: The field has one value per alternate allele",
        "1-5 error", "VH-I-007",
        good=(info("A=1"), info("A=1,2", alt="C,G"), info("A=.,2", alt="C,G"),
              info("A=1", alt="."), info("A=.", alt="C,G")),
        bad=(info("A=1,2"), info("A=1", alt="C,G"), info("A=1,2,3", alt="C,G"),
             info("A=.,.,.", alt="C,G")),
        note="where ALT is missing, one value is let pass",
    ),
    Sentence(
        "info-number-r", "1.4.2",
        "R: The field has one value for each possible allele, including the reference",
        "1-5 error", "VH-I-007",
        good=(info("R=1,2"), info("R=1,2,3", alt="C,G"), info("R=1", alt="."),
              info("R=.,2")),
        bad=(info("R=1"), info("R=1,2,3"), info("R=1,2", alt="C,G")),
        note="R is new in 4.2; a 4.1 file that declares it is read alike",
    ),
    Sentence(
        "info-number-joined", "1.4.2",
        "The Number entry is an Integer that describes the number of values that can be "
        "included with the INFO field",
        "1-5 warning", "VH-I-013",
        good=(info("AS_SB_TABLE=6,8|2,1", meta=(_info("AS_SB_TABLE", ".", "String"),)),),
        bad=(info("AS_SB_TABLE=6,8|2,1|0,0", meta=(_info("AS_SB_TABLE", "1", "String"),)),
             info("AS_RAW_MQRankSum=|0.6,1,0.8,2|NaN",
                  meta=(_info("AS_RAW_MQRankSum", "1", "String"),)),
             info("AS_FilterStatus=map_qual,strand_bias",
                  meta=(_info("AS_FilterStatus", "A", "String"),)),
             info("AS_FilterStatus=weak_evidence|SITE", alt="C,G",
                  meta=(_info("AS_FilterStatus", "A", "String"),)),
             info("AS_SB_TABLE=6,8|2,1", meta=(_info("AS_SB_TABLE", "R", "String"),))),
        note="GATK's allele-specific annotations, whatever Number they are declared with",
    ),
    Sentence(
        "info-commas", "1.6.1",
        "literal commas (',') are permitted only as delimiters for lists of values",
        "1-5 warning", "VH-I-014",
        good=(info("S=a%2Cb", "M=a%2Cb,c"), info('M="a,b"')),
        bad=(info('S="a,b"'), info('S="x,y,z";N=1'), info('S=a_"b,c"')),
        note="quotes mean nothing in INFO; other values than the Number says are an error",
    ),
    Sentence(
        "info-integer", "1.3", "Integer (32-bit, signed)",
        "1-5 error", "VH-I-008",
        good=(info("N=-2147483640", "N=2147483647", "N=+5", "N=007"),),
        bad=(info("N=2147483648"), info("N=-2147483649"), info("N=1.0"), info("N=1e3"),
             info("N=x"), info("N=0x1F"), info("N=1~"), info("N=--1")),
    ),
    Sentence(
        "info-integer-reserved", "1.3",
        "For the Integer type, the values from -2^31 to -2^31+7 cannot be stored in the "
        "binary version and therefore are disallowed in both VCF and BCF",
        "1-5 error", "VH-I-008",
        good=(info("N=-2147483640"),),
        bad=(info("N=-2147483648"), info("N=-2147483641")),
        note="in 4.1 and 4.2 the same follows from BCF, section 6.3.3",
    ),
    Sentence(
        "info-float", "1.3",
        "Float (32-bit IEEE-754, formatted to match the regular expressions "
        "^[-+]?[0-9]*\\.?[0-9]+([eE][-+]?[0-9]+)?$ or ^[-+]?(INF|INFINITY|NAN)$ case "
        "insensitively",
        "1-5 error", "VH-I-008",
        good=(info("F=1", "F=-.5", "F=+1.5e-10", "F=1E5", "F=nan", "F=NaN", "F=-Inf", "F=+INF",
                   "F=infinity", "F=1e-400", "F=1e400", "F=-NAN"),),
        bad=(info("F=x"), info("F=1.2.3"), info("F=1e"), info("F=0x10"),
             info("F=in"), info("F=1_0"), info("F=NA"), info("F=1.5f")),
        note="4.1 and 4.2 give no expression",
    ),
    Sentence(
        "info-character", "1.3", "Character", "1-5 error", "VH-I-008",
        good=(info("C=x", "C=é", "C=%"),), bad=(info("C=xy"), info("C=%3A")),
        note="one character; percent encoding needs String",
    ),
    Sentence(
        "info-string", "1.3", "String", good=(info("S=any|thing/at(all)", 'S="a"', "S=%3B"),),
        note="any text",
    ),
    Sentence(
        "info-reserved-values", "1.6.1",
        "AA, AC, AD, ADF, ADR, AF, AN, BQ, CIGAR, DB, DP, END, MQ, MQ0, NS ... (table of "
        "reserved INFO keys)",
        "1-5 error", "VH-I-008",
        good=(info("AA=T;AC=1;AF=0.5;AN=2;BQ=30.5;DP=9;MQ=50;MQ0=0;NS=1", meta=()),
              info("AC=1,2;AF=0.1,0.2", alt="C,G", meta=())),
        bad=(info("AC=x", meta=()), info("AN=2.5", meta=()), info("AF=high", meta=()),
             info("DP=3x", meta=()), info("NS=a", meta=()), info("MQ0=1.5", meta=())),
        note="also where the header does not declare them",
    ),
    Sentence(
        "info-reserved-number", "1.6.1",
        "AC and AF: A; AN, BQ, DP, MQ, MQ0, NS: 1 (table of reserved INFO keys)",
        "1-5 error", "VH-I-007",
        good=(info("AC=1,2", alt="C,G", meta=()),),
        bad=(info("AC=1,2", meta=()), info("AN=1,2", meta=()), info("DP=1,2", meta=()),
             info("AF=0.1", alt="C,G", meta=()), info("NS=1,2,3", meta=())),
    ),
    Sentence(
        "info-counts-not-negative", "1.6.1",
        "Allele count ...; Total number of alleles ...; Combined depth ...; Number of ...",
        "1-5 error", "VH-I-009",
        good=(info("AC=0;AN=0;DP=0;NS=0;MQ0=0", meta=()),),
        bad=(info("AC=-1", meta=()), info("AN=-2", meta=()), info("DP=-3", meta=()),
             info("NS=-1", meta=()), info("MQ0=-1", meta=())),
    ),
    Sentence(
        "info-af", "1.6.1", "Allele frequency for each ALT allele",
        "1-5 error", "VH-I-009",
        good=(info("AF=0", "AF=1", "AF=0.5", "AF=1e-5", "AF=.", meta=()),),
        bad=(info("AF=1.5", meta=()), info("AF=-0.1", meta=()), info("AF=50", meta=())),
    ),
    Sentence(
        "info-cigar", "1.6.1",
        "Cigar string describing how to align an alternate allele to the reference allele",
        "1-5 error", "VH-I-011",
        good=(info("CIGAR=1X", "CIGAR=.", "CIGAR=10M2I3D", meta=()),
              info("CIGAR=1X,1M1I", alt="C,AC", meta=())),
        bad=(info("CIGAR=M10", meta=()), info("CIGAR=10Q", meta=()), info("CIGAR=10", meta=()),
             info("CIGAR=1X,zz", alt="C,G", meta=())),
    ),
    Sentence(
        "info-declared-otherwise", "1.6.1", "those listed ... are reserved (albeit optional)",
        "1-5 error", "VH-H-006",
        good=(info(".", meta=(_info("AC", "A", "Integer"), _info("AF", "A", "Float"))),),
        bad=(info(".", meta=(_info("AC", "A", "Float"),)),
             info(".", meta=(_info("AN", "A", "Integer"),)),
             info(".", meta=(_info("DB", "1", "String"),)),
             info(".", meta=(_info("NS", "1", "Float"),)),
             info(".", meta=(_info("AC", "3", "Integer"),))),
    ),
    Sentence(
        "info-declared-by-habit", "1.6.1",
        "AC: A, AF: A, DP: Integer, END: 1 (table of reserved INFO keys)",
        "1-5 warning", "VH-H-024",
        good=(info("AC=1", meta=(_info("AC", "A", "Integer"),)),),
        bad=(info("AC=1", meta=(_info("AC", "1", "Integer"),)),
             info("AC=1,2", alt="C,G", meta=(_info("AC", "1", "Integer"),)),
             info("AC=1", alt="C,G", meta=(_info("AC", "1", "Integer"),)),
             info("AF=0.1,0.2,0.3", alt="C,G", meta=(_info("AF", ".", "Float"),)),
             info("DP=5.5", meta=(_info("DP", "1", "Float"),)),
             info("END=9", meta=(_info("END", ".", "Integer"),)),
             info("CIPOS=-5,5", meta=(_info("CIPOS", "2", "String"),)),
             info("CIEND=0,0", meta=(_info("CIEND", "2", "String"),))),
        note="names the tool; records may have as many values as the header or the table says",
    ),
)  # fmt: skip

GROUPS: dict[str, tuple[Sentence, ...]] = {"INFO": _INFO, **SAMPLES, **STRUCTURAL}
"""Heading of the page to its sentences, in order."""
