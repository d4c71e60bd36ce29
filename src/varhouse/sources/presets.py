"""Presets: what to take of well-known sources, chosen by `preset: NAME`.

A preset is the start of an entry of `sources`; what the entry itself says wins. Of the
fields of a preset those are taken that the file has, so that one preset serves several
releases of a source. Names of columns are those of the file, but for ClinVar's `stars`.
"""

from typing import Any

_GNOMAD_GROUPS = ("afr", "amr", "asj", "eas", "fin", "mid", "nfe", "sas", "remaining", "oth")
_GNOMAD = [
    "FILTER",
    "AC",
    "AN",
    "AF",
    "nhomalt",
    *(f"{n}_{g}" for g in _GNOMAD_GROUPS for n in ("AC", "AN", "AF", "nhomalt")),
    "AC_XY",
    "AN_XY",
    "AC_male",
    "AN_male",
    "faf95",
    "faf95_eas",
    "fafmax_faf95_max",
    "grpmax",
    "AC_grpmax",
    "AN_grpmax",
    "popmax",
    "AC_popmax",
    "AN_popmax",
]

PRESETS: dict[str, dict[str, Any]] = {
    # Stars: https://www.ncbi.nlm.nih.gov/clinvar/docs/review_status/
    "clinvar": {
        "kind": "allele",
        "fields": {
            "CLNSIG": "text", "stars": {"from": "CLNREVSTAT", "type": "stars"},
            "CLNREVSTAT": "text", "CLNDN": "text", "CLNDISDB": "text",
            "CLNSIGCONF": "text", "ALLELEID": "integer", "GENEINFO": "text", "MC": "text",
            "ONC": "text", "SCI": "text", "RS": "text",
        },
        "licence": "public domain (NCBI)",
    },
    "dbsnp": {
        "kind": "allele",
        "fields": {"RS": "integer", "dbSNPBuildID": "integer", "VC": "text", "COMMON": "flag"},
        "licence": "public domain (NCBI)",
    },
    "gnomad": {"kind": "allele", "fields": _GNOMAD, "licence": "CC0-1.0"},
    # Chinese sets: AC and AN where a set gives them; what it does not give is not made up.
    "chinamap": {
        "kind": "allele",
        "fields": {"AC": "integer", "AN": "integer", "AF": "float"},
        "licence": "ChinaMAP data access: no redistribution",
        "redistribute": False,
    },
    "nyuwa": {
        "kind": "allele",
        "fields": {"AC": "integer", "AN": "integer", "AF": "float", "nhomalt": "integer"},
    },
    "wbbc": {
        "kind": "allele",
        "fields": ["AC", "AN", "AF", "North_AF", "Central_AF", "South_AF", "Lingnan_AF"],
    },
    "cmdb": {"kind": "allele", "fields": {"AF": "float"}},
}  # fmt: skip

STARS = {
    "practice_guideline": 4,
    "reviewed_by_expert_panel": 3,
    "criteria_provided,_multiple_submitters,_no_conflicts": 2,
    "criteria_provided,_multiple_submitters": 2,
    "criteria_provided,_conflicting_interpretations": 1,
    "criteria_provided,_conflicting_classifications": 1,
    "criteria_provided,_single_submitter": 1,
    "no_assertion_criteria_provided": 0,
    "no_assertion_provided": 0,
    "no_classification_provided": 0,
    "no_interpretation_for_the_single_variant": 0,
    "no_interpretation_for_the_individual_variant": 0,
    "no_assertion_for_the_individual_variant": 0,
    "no_classification_for_the_single_variant": 0,
    "no_classifications_from_unflagged_records": 0,
}
"""ClinVar's review status to its stars; a status that is not here has none (null)."""
