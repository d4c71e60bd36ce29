"""The questions that `varhouse query` answers, and which options go with which.

Without one of `--by`, `--carriers`, `--callable` a row is an allele, or a row of `--table`.
"""

import argparse

from varhouse.errors import UsageError

ALLELES, TABLE, BY, CARRIERS, CALLABLE = (
    "alleles",
    "--table",
    "--by",
    "--carriers",
    "--callable",
)

_TAKES = {
    "cohort": (CALLABLE, CARRIERS, BY),
    "people": (CALLABLE, CARRIERS),
    "stratum_by": (CALLABLE,),
    "explain": (ALLELES, TABLE),
}
"""Options that go with some questions alone."""

_COUNT = "`varhouse frequencies STORE --people` counts those of a group"
_FIX = {
    ("cohort", ALLELES): f"af_COHORT is a column, --where chooses among alleles; {_COUNT}",
    ("cohort", TABLE): "--where 'cohort == \"NAME\"'",
    ("people", BY): _COUNT,
    ("people", ALLELES): f"--where chooses among alleles; {_COUNT}",
    ("stratum_by", BY): "leave it out: --by says what people are counted by",
}


def question_of(args: argparse.Namespace) -> str:
    """Tell which question the options ask.

    Raises
    ------
    UsageError
        If two are asked at once, or an option does not go with the question.
    """
    # Who is assessed by what is one question.
    asked = [
        question
        for question, given in (
            (CALLABLE, args.callable),
            (CARRIERS, args.carriers),
            (BY, args.by and not args.callable),
            (TABLE, args.table),
        )
        if given
    ]
    if asked == [CALLABLE, TABLE]:
        raise UsageError(
            "--callable does not go with --table", "--table callable has the rows as stored"
        )
    if len(asked) > 1:
        raise UsageError(f"{' and '.join(asked)} are two questions", "ask one after the other")
    question = asked[0] if asked else ALLELES
    for name, questions in _TAKES.items():
        if getattr(args, name) and question not in questions:
            option = f"--{name.replace('_', '-')}"
            fix = _FIX.get((name, question), _FIX.get((name, ALLELES), ""))
            listed = ", ".join(questions[:-1]) + " or " + questions[-1]
            raise UsageError(
                f"{option} goes with {listed if questions[1:] else questions[0]}", fix
            )
    if args.format == "vcf" and question != ALLELES:
        if question == TABLE:
            raise UsageError(
                "VCF holds the overview of alleles: it does not go with --table",
                "leave it out, or choose another --format",
            )
        what = {CALLABLE: "bases", CARRIERS: "people", BY: "groups"}
        raise UsageError(
            f"{question} is of {what[question]}: a VCF holds the overview of alleles",
            "--format tsv",
        )
    if question == CARRIERS:
        _check_chosen(args)
    return question


def _check_chosen(args: argparse.Namespace) -> None:
    options = ("region", "gene", "id", "where", "cohort", "people")
    if not any(getattr(args, name) for name in options):
        listed = ", ".join(f"--{name}" for name in options[:-1])
        raise UsageError(
            "nothing says whose carriers",
            f"{listed} or --{options[-1]}; `varhouse genotypes --carriers --all` gives all",
        )


def as_genotypes(args: argparse.Namespace) -> argparse.Namespace:
    """Ask `varhouse genotypes` the question --carriers."""
    lacking = {"sample": [], "all": False, "blocks": False, "fields": "GT"}
    return argparse.Namespace(**{**vars(args), **lacking})


def callable_by(args: argparse.Namespace) -> str | None:
    """Give the kind of stratum that --callable is asked for, by --by or --stratum-by.

    Raises
    ------
    UsageError
        If there are several.
    """
    kinds = list(args.by)
    if args.stratum_by:
        kinds.append(args.stratum_by)
    kinds = list(dict.fromkeys("all" if k == "cohort" else k for k in kinds))
    if len(kinds) > 1 or any("," in kind for kind in kinds):
        raise UsageError(
            f"--callable takes one kind of stratum, not {', '.join(kinds)}",
            "leave it out: each is a row",
        )
    return kinds[0] if kinds else None
