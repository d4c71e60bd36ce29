"""Sentences on ALT of structural variants and their keys."""

from rulebook import Sentence, row


def _info(name: str, number: str, type_: str) -> str:
    return f'##INFO=<ID={name},Number={number},Type={type_},Description="x">'


_ONE = [("END", "Integer"), ("SVTYPE", "String")]
META = (
    *(_info(name, "1", type_) for name, type_ in _ONE),
    _info("IMPRECISE", "0", "Flag"),
    _info("MATEID", ".", "String"),
)
CN = (
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">',
    '##FORMAT=<ID=CN,Number=1,Type=Float,Description="x">',
    '##FORMAT=<ID=CICN,Number=2,Type=Float,Description="x">',
)


def sv(alt: str, *infos: str, ref: str = "A", id_: str = ".") -> str:
    """Write an example: one record of an ALT for each INFO."""
    rows = (
        f"1 {5 + 100 * k} {id_ if id_ == '.' else id_ + str(k)} {ref} {alt} . . {i}"
        for k, i in enumerate(infos)
    )
    return row(*rows, meta=META)


def copies(alt: str, info: str, keys: str, sample: str) -> str:
    """Write an example with copy numbers of a sample."""
    return row(f"1 5 . A {alt} . . {info} {keys} {sample}", meta=(*META, *CN), samples="s")


_ALT = (
    Sentence(
        "alt-symbolic", "1.6.1",
        "an angle-bracketed ID String ('<ID>') ... no whitespace, commas, or "
        "angle-brackets are "
        "permitted in the ID String itself",
        "1-5 error", "VH-B-007",
        good=(row("1 5 . A <R> . . .", "1 6 . A <ctg1> . . .", "1 7 . A C,<X> . . ."),),
        bad=(row("1 5 . A <A<B> . . ."), row("1 5 . A <DEL . . ."), row("1 5 . A DEL> . . ."),
             row("1 5 . A <> . . ."), row("1 5 . A <D~L> . . ."), row("1 5 . A <A>> . . .")),
    ),
    Sentence(
        "alt-type", "1.4.5",
        "a colon-separated list of types and subtypes ... The first level type must be one "
        "of the "
        "following: DEL, INS, DUP, INV, CNV",
        "1-5 error", "VH-V-001",
        good=(sv("<DEL:ME:ALU>", "SVLEN=-5;SVCLAIM=D"), sv("<INS:ME>", "SVLEN=5"),
              sv("<CNV:X>", "SVLEN=5"), sv("<DUP:TANDEM>", "SVLEN=5;SVCLAIM=D")),
        bad=(sv("<ABC:D>", "SVLEN=1"), sv("<del:ME>", "SVLEN=1"), sv("<TRA:X>", "SVLEN=1")),
        note="an ID without a colon is free: `<R>`, `<TRA>`; <*:DEL> of GATK 3 is a warning",
    ),
    Sentence(
        "alt-unspecified", "1.6.1, 5.5", "the unspecified allele '<*>'",
        good=(row("1 5 . A C,<*> . . .", "1 9 . A G . . .", "1 12 . A T . . .",),
              row("1 5 . A C,<NON_REF> . . .", "1 9 . A G . . .", "1 12 . A T . . .")),
        note="`<NON_REF>` of GATK is its alias",
        test="test_gvcf.py::test_a_gvcf_is_valid_and_told",
    ),
    Sentence(
        "alt-breakend", "5.4",
        "t[p[, t]p], ]p]t, [p[t ... The position p of the mate breakend, indicated by a "
        "string of "
        "the form 'chr:pos'",
        "1-5 error", "VH-B-007",
        good=(row("1 5 . G G]17:198982] . . .", "1 6 . T ]13:123456]T . . .",
                  "1 7 . A [17:198983[A . . .", "1 8 . T ]13:1]AGTNNNNNCAT . . .",
                  "1 9 . C C[<ctg1>:7[ . . .", "1 10 . C C[HLA-A*01:01:7[ . . ."),),
        bad=(row("1 5 . G ]17:198982] . . ."), row("1 5 . G G]17:198982[ . . ."),
             row("1 5 . G G]17] . . ."), row("1 5 . G G]:5] . . ."),
             row("1 5 . G G]17:x] . . ."),
             row("1 5 . G G]17:] . . ."), row("1 5 . G G]17:5]C . . ."),
             row("1 5 . G ]17:5 . . ."),
             row("1 5 . G X]17:5] . . .")),
    ),
    Sentence(
        "alt-telomere", "5.4.6",
        "the virtual telomeric breakends are at positions 0 and N+1",
        good=(row("1 0 . N .[13:123457[ . . .", "1 1 . T ]13:123456]T . . ."),),
        note="REF N there is no sign of another assembly",
        test="test_ingest_policy.py::test_ref_n_of_symbolic_alleles_is_unchecked",
    ),
    Sentence(
        "alt-inserted-contig", "5.4, Large Insertions",
        "In the special case of the complete insertion of a sequence between two base pairs, "
        "it is recommended to use the shorthand notation: C<ctg1>",
        "1-5 error", "VH-B-007",
        good=(row("1 5 . T C<ctg1> . . .", "1 6 . T TGA<ctg_2.1> . . .",
                  "1 7 . T C,T<ctg1> . . ."),),
        bad=(row("1 5 . T <ctg1>C . . ."), row("1 5 . T C<> . . ."),
             row("1 5 . T C<ctg1>G . . ."), row("1 5 . T R<ctg1> . . ."),
             row("1 5 . T .<ctg1> . . ."), row("1 5 . T C<ctg1 . . .")),
        note="the bases stand first in every version of the text",
    ),
    Sentence(
        "alt-single-breakend", "5.4.9", "single breakends ... 'G.' and '.A'",
        "1-5 error", "VH-B-007",
        good=(row("1 5 . G G. . . .", "1 6 . A .A . . .", "1 7 . A .TGCA . . ."),),
        bad=(row("1 5 . G G.A . . ."), row("1 5 . G .. . . ."), row("1 5 . G .X . . .")),
    ),
    Sentence(
        "alt-iupac", "1.6.1", "a non-empty String of bases (A,C,G,T,N; case insensitive)",
        "1-5 error", "VH-B-007",
        good=(row("1 5 . A acgtnN . . ."),),
        bad=(row("1 5 . A R . . ."), row("1 5 . A AY . . ."), row("1 5 . A U . . .")),
        note="an ambiguous allele is symbolic: `<R>`",
    ),
)  # fmt: skip

_KEYS = (
    Sentence(
        "svtype",
        "4.1 to 4.4: 3",
        "Value should be one of DEL, INS, DUP, INV, CNV, BND",
        "1-5 warning",
        "VH-V-001",
        good=(sv("<INV>", "SVTYPE=INV;SVLEN=5"),),
        bad=(sv("<TRA>", "SVTYPE=TRA"),),
    ),
    Sentence(
        "svlen-symbolic",
        "3 (from 4.4 on)",
        "SVLEN must be specified for symbolic structural variant alleles",
        "4-5 error",
        "VH-V-002",
        good=(
            sv("<INS>", "SVLEN=5"),
            sv("<DEL>,<INS>", "SVLEN=5,7;SVCLAIM=D,."),
            sv("<X>", "."),
        ),
        bad=(
            sv("<INS>", "."),
            sv("<DEL>", "SVCLAIM=D;END=9"),
            sv("<DEL>,<INS>", "SVLEN=5,.;SVCLAIM=D,."),
            sv("<INV>", "SVLEN=."),
        ),
    ),
    Sentence(
        "svlen-other",
        "3 (from 4.4 on)",
        "The missing value . should be used for all other ALT alleles, including ALT alleles "
        "using breakend notation",
        "4-5 warning",
        "VH-V-003",
        good=(sv("C", "SVLEN=."), sv("<INS>,C", "SVLEN=5,.")),
        bad=(sv("C", "SVLEN=5"),),
    ),
    Sentence(
        "svlen-absolute",
        "3 (from 4.4 on)",
        "the absolute value of SVLEN should be taken and a negative SVLEN should be "
        "treated as "
        "positive values",
        good=(sv("<DEL>", "SVLEN=-5;SVCLAIM=D"), sv("<INS>", "SVLEN=5")),
    ),
    Sentence(
        "svlen-difference",
        "4.1 to 4.3: 3",
        "Difference in length between REF and ALT alleles",
        "1-2 warning, 3 error",
        "VH-V-016",
        good=(
            sv("ACCC", "SVLEN=3"),
            sv("A", "SVLEN=-3", ref="ACCC"),
            sv("A", "SVLEN=.", ref="ACC"),
            sv("ACCC", "SVLEN=30;IMPRECISE"),
            sv("AC,ACC", "SVLEN=1,2"),
        ),
        bad=(
            sv("ACCC", "SVLEN=30"),
            sv("A", "SVLEN=-1", ref="ACCC"),
            sv("AC,ACC", "SVLEN=1,9"),
        ),
        note="an imprecise record has a best estimate; the example of 4.1 and 4.2 breaks it",
    ),
    Sentence(
        "svlen-sign",
        "4.1 to 4.3: 3",
        "Longer ALT alleles (e.g. insertions) have positive values, shorter ALT alleles (e.g. "
        "deletions) have negative values",
        "1-3 warning",
        "VH-V-017",
        good=(sv("<INS>", "SVLEN=5"), sv("<INV>", "SVLEN=5"), sv("<CNV>", "SVLEN=5")),
        bad=(
            sv("<DEL>", "SVLEN=5;SVCLAIM=D"),
            sv("<DUP>", "SVLEN=-5;SVCLAIM=D"),
            sv("A", "SVLEN=3", ref="ACCC"),
            sv("<INS>", "SVLEN=-5"),
        ),
        note="GATK-SV and DRAGEN write lengths; callers that put no base before an "
        "insertion are "
        "one off",
    ),
    Sentence(
        "svclaim-missing",
        "3 (from 4.4 on)",
        "DEL/DUP: SVCLAIM must be specified",
        "4-5 error",
        "VH-V-004",
        good=(
            sv("<DEL>", "SVLEN=5;SVCLAIM=DJ"),
            sv("<INS>", "SVLEN=5"),
            sv("<CNV>", "SVLEN=5"),
        ),
        bad=(sv("<DEL>", "SVLEN=5"), sv("<DUP:TANDEM>", "SVLEN=5")),
    ),
    Sentence(
        "svclaim-value",
        "3 (from 4.4 on)",
        "DEL/DUP: D, J, or DJ; CNV: D or '.'; INV/INS: J, DJ, or '.'; breakend: J or '.'",
        "4-5 error",
        "VH-V-005",
        good=(
            sv("<DEL>", "SVLEN=5;SVCLAIM=D", "SVLEN=5;SVCLAIM=J", "SVLEN=5;SVCLAIM=DJ"),
            sv("<CNV>", "SVLEN=5;SVCLAIM=D", "SVLEN=5;SVCLAIM=."),
            sv("<INV>", "SVLEN=5;SVCLAIM=J", "SVLEN=5;SVCLAIM=DJ"),
            sv("A[2:5[", "SVCLAIM=J"),
            sv("<DEL>,C", "SVLEN=5,.;SVCLAIM=D,."),
        ),
        bad=(
            sv("<DEL>", "SVLEN=5;SVCLAIM=."),
            sv("<DUP>", "SVLEN=5;SVCLAIM=X"),
            sv("<CNV>", "SVLEN=5;SVCLAIM=J"),
            sv("<INV>", "SVLEN=5;SVCLAIM=D"),
            sv("A[2:5[", "SVCLAIM=DJ"),
            sv("<DEL>", "SVLEN=5;SVCLAIM=JD"),
        ),
    ),
    Sentence(
        "sv-pairs",
        "3 (from 4.4 on)",
        "CIPOS, CIEND, CILEN, CICN: If present, the number of entries must be twice the "
        "number of "
        "ALT alleles",
        "4-5 error",
        "VH-V-006",
        good=(
            sv("<INS>", "SVLEN=5;CIPOS=-1,1;CIEND=-2,2;CILEN=-1,1;CICN=-1,1"),
            sv("<INS>,C", "SVLEN=5,.;CIPOS=-1,1,0,0;CIEND=0,0,.,."),
        ),
        bad=(
            sv("<INS>", "SVLEN=5;CIPOS=-1"),
            sv("<INS>", "SVLEN=5;CIEND=-1,1,0"),
            sv("<INS>,C", "SVLEN=5,.;CIPOS=-1,1"),
            sv("<INS>", "SVLEN=5;CILEN=1,2,3,4"),
        ),
    ),
    Sentence(
        "sv-pairs-old",
        "4.1 to 4.3: 3",
        "CIPOS, CIEND, CILEN: Number=2",
        "1-3 error",
        "VH-I-007",
        good=(sv("<INS>", "SVLEN=5;CIPOS=-1,1"),),
        bad=(sv("<INS>", "SVLEN=5;CIPOS=-1"), sv("<INS>", "SVLEN=5;CIEND=-1,1,0")),
    ),
    Sentence(
        "sv-quadruples",
        "3 (from 4.4 on)",
        "MEINFO, METRANS: the number of entries must be four (4) times the number of ALT "
        "alleles",
        "4-5 error",
        "VH-V-006",
        good=(sv("<INS:ME>", "SVLEN=5;MEINFO=L1,1,5,+"),),
        bad=(
            sv("<INS:ME>", "SVLEN=5;MEINFO=L1,1,5"),
            sv("<INS:ME>,C", "SVLEN=5,.;MEINFO=L1,1,5,+"),
            sv("<INS:ME>", "SVLEN=5;METRANS=1,2"),
        ),
    ),
    Sentence(
        "sv-interval",
        "3 (from 4.4 on)",
        "Each CIPOS interval must span 0. That is, the lower bound cannot be greater than "
        "0, and "
        "the upper bound cannot be less than 0",
        "4-5 error",
        "VH-V-007",
        good=(sv("<INS>", "SVLEN=5;CIPOS=0,0", "SVLEN=5;CIPOS=-5,9;CIEND=-1,0"),),
        bad=(
            sv("<INS>", "SVLEN=5;CIPOS=1,2"),
            sv("<INS>", "SVLEN=5;CIPOS=-5,-1"),
            sv("<INS>", "SVLEN=5;CIEND=2,3"),
        ),
    ),
    Sentence(
        "cn-svlen",
        "4 (from 4.4 on)",
        "When FORMAT CN is present, all <CNV>, <DEL> and <DUP> alleles must have the same "
        "SVLEN",
        "4-5 error",
        "VH-V-015",
        good=(
            copies("<DEL>,<DUP>", "SVLEN=5,5;SVCLAIM=D,D", "GT:CN", "1/2:2"),
            copies("<DEL>,<DUP>", "SVLEN=5,9;SVCLAIM=D,D", "GT", "1/2"),
            copies("<DEL>,<INS>", "SVLEN=5,9;SVCLAIM=D,.", "GT:CN", "1/2:2"),
            copies("<DEL>,C", "SVLEN=5,.;SVCLAIM=D,.", "GT:CN", "1/2:2"),
            copies("<DEL>,<DUP>", "SVLEN=-5,5;SVCLAIM=D,D", "GT:CN", "1/2:2"),
        ),
        bad=(
            copies("<DEL>,<DUP>", "SVLEN=5,9;SVCLAIM=D,D", "GT:CN", "1/2:2"),
            copies("<CNV>,<CNV>", "SVLEN=5,6", "GT:CN", "1/2:3"),
            copies("<CNV:TR>,<DEL>", "SVLEN=5,6;SVCLAIM=.,D;RUS=CA;RN=1,.", "GT:CN", "1/2:3"),
        ),
    ),
    Sentence(
        "cicn-cn",
        "4 (from 4.4 on)",
        "CICN: Confidence interval around copy number",
        "4-5 error",
        "VH-V-011",
        good=(copies("<CNV>", "SVLEN=5", "GT:CN:CICN", "0/1:3:-1,1"),),
        bad=(copies("<CNV>", "SVLEN=5", "GT:CICN", "0/1:-1,1"),),
        note="as EVA's validator reads it: an interval around nothing",
    ),
    Sentence(
        "cnl",
        "4",
        "CNL specifies a list of log10 likelihoods for each potential copy number, "
        "starting from zero",
        good=(
            row(
                "1 5 . A <CNV> . . SVLEN=5 GT:CNL ./.:-1,-2,0,-5,-6,-7,-8",
                samples="s",
                meta=(*META, CN[0], '##FORMAT=<ID=CNL,Number=G,Type=Float,Description="x">'),
            ),
        ),
        note="declared with Number=G, which is the count of genotypes: any count passes",
        test="test_rules.py::test_copy_number_likelihoods_are_as_many_as_copy_numbers",
    ),
    Sentence(
        "tr-counts",
        "3 (from 4.4 on)",
        "The length of these fields must match the sum of all RN values for the record ... "
        "If this "
        "field is missing, the RN for each <CNV:TR> allele is assumed to be 1 and 0 otherwise",
        "4-5 error",
        "VH-V-008",
        good=(
            sv("<CNV:TR>", "SVLEN=30;RUS=CAG", "SVLEN=30;RN=3;RUS=CAG,TG,CAGG;RUC=10,7,3"),
            sv("<CNV:TR>,<CNV:TR>", "SVLEN=30,30;RUS=CAG,CAG,CA,CAG;RN=1,3;RB=90,15,2,12"),
            sv("<CNV:TR>,C", "SVLEN=30,.;RN=1,.;RUS=CAG"),
        ),
        bad=(
            sv("<CNV:TR>", "SVLEN=30;RUS=CAG,CA"),
            sv("<CNV:TR>", "SVLEN=30;RN=2;RUS=CAG"),
            sv("<CNV:TR>", "SVLEN=30;RUS=CAG;RUC=1,2"),
            sv("<CNV:TR>", "SVLEN=30;RUL=3;RB=9,9"),
            sv("<CNV:TR>", "SVLEN=30;RUS=CAG;RUC=3;CIRUC=-1,1,0"),
            sv("<CNV:TR>", "SVLEN=30;RUL=3;RUC=2;RUB=3"),
        ),
    ),
    Sentence(
        "tr-unit",
        "5.7 (from 4.4 on)",
        "RUS or RUL must be specified for each <CNV:TR>",
        "4-5 error",
        "VH-V-009",
        good=(sv("<CNV:TR>", "SVLEN=30;RUL=3"),),
        bad=(
            sv("<CNV:TR>", "SVLEN=30"),
            sv("<CNV:TR>", "SVLEN=30;RUC=3"),
            sv("<CNV:TR>", "SVLEN=30;RUL=3;CIRUC=-1,1"),
            sv("<CNV:TR>", "SVLEN=30;RUL=3;RUB=3"),
        ),
        note="CIRUC, CIRB and RUB need RUC, RB and RUC",
    ),
    Sentence(
        "tr-values",
        "3 (from 4.4 on)",
        "RUS may contain only IUPAC nucleotide codes ...; the length of each RUS entry "
        "must match "
        "the corresponding RUL; ... RUC must also be present and must contain only integer "
        "values",
        "4-5 error",
        "VH-V-010",
        good=(
            sv(
                "<CNV:TR>",
                "SVLEN=30;RUS=CAN;RUL=3",
                "SVLEN=30;RUS=.;RUL=3",
                "SVLEN=30;RUL=3;RUC=2;RUB=3,4",
            ),
        ),
        bad=(
            sv("<CNV:TR>", "SVLEN=30;RUS=CAZ"),
            sv("<CNV:TR>", "SVLEN=30;RUS=CAG;RUL=2"),
            sv("<CNV:TR>", "SVLEN=30;RUL=3;RUC=2.5;RUB=3,4"),
            sv("<CNV:TR>", "SVLEN=30;RUL=3;RUC=.;CIRUC=-1,1"),
        ),
    ),
    Sentence(
        "tr-interval",
        "3 (from 4.4 on)",
        "The lower bound must be less than or equal to zero and the upper bound must be "
        "greater "
        "than or equal to zero",
        "4-5 error",
        "VH-V-007",
        good=(sv("<CNV:TR>", "SVLEN=30;RUS=CAG;RUC=65;CIRUC=-15,."),),
        bad=(
            sv("<CNV:TR>", "SVLEN=30;RUS=CAG;RUC=65;CIRUC=1,2"),
            sv("<CNV:TR>", "SVLEN=30;RUS=CAG;RB=65;CIRB=-3,-2"),
        ),
    ),
    Sentence(
        "end-before",
        "4.1 to 4.4: 1.6.1, 3",
        "End position of the variant (for use with symbolic alleles)",
        "1-5 warning",
        "VH-V-013",
        good=(sv("<INS>", "SVLEN=5;END=5"),),
        bad=(sv("<R>", "END=2"),),
        note="no sentence forbids it; indexes of htslib do not hold such records",
    ),
    Sentence(
        "end-before-any",
        "4.1 to 4.4: 1.6.1, 3, 5.5",
        "End reference position, indicating the variant spans positions POS-END",
        "1-4 warning, 5 error",
        "VH-V-013",
        good=(sv("C", "END=5"),),
        bad=(sv("C", "END=2"), sv(".", "END=1"), sv("C,*", "END=0")),
        note="whatever the ALT; in a gVCF a block with such an END is held back (VH-F-033)",
    ),
    Sentence(
        "end-computed",
        "1.6.1 (4.5)",
        "must be set to the maximum end reference position (1-based) of: the position of "
        "the final "
        "base of the REF allele, ... SVLEN ..., and ... FORMAT LEN",
        "5 error",
        "VH-V-013",
        good=(
            sv("<DEL>", "SVLEN=10;SVCLAIM=D;END=15"),
            sv("C", "END=5"),
            sv("C", "END=7", ref="ACG"),
        ),
        bad=(sv("<DEL>", "SVLEN=10;SVCLAIM=D;END=99"), sv("C", "END=9")),
    ),
    Sentence(
        "mate",
        "5.4",
        "The two breakends at either end of a novel adjacency are called mates",
        "1-5 warning",
        "VH-V-014",
        good=(row("1 5 a A A[2:5[ . . MATEID=b", "2 5 b A ]1:5]A . . MATEID=a", meta=META),),
        bad=(row("1 5 a A A[2:5[ . . MATEID=b", meta=META),),
        note="the file may hold a part",
    ),
    Sentence(
        "mate-back",
        "5.4",
        "Each adjacency ties together 2 breakends",
        "1-5 warning",
        "VH-V-018",
        good=(
            row(
                "1 5 a A A[2:5[,A[2:9[ . . MATEID=b,c",
                "2 5 b A ]1:5]A . . MATEID=a",
                "2 9 c A ]1:5]A . . MATEID=a",
                meta=META,
            ),
        ),
        bad=(
            row(
                "1 5 a A A[2:5[ . . MATEID=b",
                "2 5 b A ]1:5]A . . MATEID=c",
                "2 9 c A ]1:9]A . . MATEID=b",
                meta=META,
            ),
        ),
        note="examples of the specification break it",
    ),
    Sentence(
        "sv-flags",
        "3",
        "IMPRECISE, NOVEL: Number=0, Type=Flag",
        "1-5 error",
        "VH-I-006",
        good=(sv("<INS>", "SVLEN=5;IMPRECISE;NOVEL"),),
        bad=(sv("<INS>", "SVLEN=5;IMPRECISE=yes"),),
    ),
    Sentence(
        "sv-types",
        "3",
        "CIPOS, SVLEN, HOMLEN: Integer ...",
        "1-5 error",
        "VH-I-008",
        good=(sv("<INS>", "SVLEN=5;CIPOS=-3,3;HOMLEN=2;HOMSEQ=GA"),),
        bad=(
            sv("<INS>", "SVLEN=x"),
            sv("<INS>", "SVLEN=5;CIPOS=a,b"),
            sv("<INS>", "SVLEN=5;HOMLEN=1.5"),
        ),
    ),
)

STRUCTURAL: dict[str, tuple[Sentence, ...]] = {
    "ALT of structural variants": _ALT,
    "Keys of structural variants": _KEYS,
}
"""Heading of the page to its sentences, in order."""
