"""`varhouse submit`: packs for archives and surveys, made from the ledger and the store."""

import argparse
import logging
from pathlib import Path
from typing import Any

from varhouse.cli.values import read_day

log = logging.getLogger("varhouse.submit")

_TEXT = """\
Packs for archives (gvm, cnsa, eva), the return to the national survey, and declarations of
important genetic families. Each is a folder that appears whole, or not at all; all that is
missing or wrong is told at once, with where to enter it. docs/submission.md tells of every
field. Decision support, not legal advice.
"""


def add_parser(commands: Any) -> None:
    """Declare `varhouse submit`."""
    parser = commands.add_parser(
        "submit",
        help="packs for GVM, CNSA and EVA, national survey, important families",
        description=_TEXT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    steps = parser.add_subparsers(title="packs", metavar="PACK", dest="pack", required=True)
    _add_template(steps)
    for target, what in _ARCHIVES.items():
        _add_archive(steps, target, what)
    _add_survey(steps)
    _add_pedigrees(steps)


def _add(steps: Any, name: str, run: Any, what: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = steps.add_parser(
        name,
        help=what,
        description=text,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("store", type=Path, metavar="STORE", help="the store's folder")
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="DIR", help="the folder to make"
    )
    parser.add_argument(
        "--on",
        type=read_day,
        metavar="DATE",
        help="the day on which it is asked (default: today)",
    )
    parser.set_defaults(run=run)
    return parser


# --- the file of details ---


def _add_template(steps: Any) -> None:
    parser = steps.add_parser(
        "template",
        help="an empty file for --details, each key explained",
        description="example:  varhouse submit template submission.yaml\n\n"
        "Writes a YAML file with all that packs may take from --details: what it is, which\n"
        "archive requires it, and where else it is looked for.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the file to write")
    parser.set_defaults(run=_run_template)


def _run_template(args: argparse.Namespace) -> int:
    from varhouse.errors import UsageError
    from varhouse.files import write_text
    from varhouse.submission.template import template
    from varhouse.submission.texts import DONE

    if args.file.exists():
        raise UsageError(DONE["there"].say(file=args.file))
    write_text(args.file, template())
    log.info("-> %s", args.file)
    return 0


# --- archives ---

_ARCHIVES = {
    "gvm": "the five modules of the Genome Variation Map (NGDC)",
    "cnsa": "project, sample, experiment, assembly, variation of CNSA (CNGBdb)",
    "eva": "metadata of the European Variation Archive, as eva-sub-cli takes it",
}
_PACK = """\
example:
  varhouse submit {target} demo/store --cohort beijing --details submission.yaml -o pack

Writes the VCF of the cohort (BGZF, with its index), the modules as text, workbook and
{target}.json, catalogue.json and CITATION.cff, manifest.tsv and md5sum.txt.
What the archive asks and neither the ledger nor the sheets of the ingest say is taken from
--details, a YAML file with submitter, project, sample, analysis, catalogue.
--content aggregate has AC, AN and AF of the cohort, as anybody may see them; no person is in
it. --content individual has all calls, and a row for each sample. Out of a governed store both
go by the egress gate: --to is the archive, as the ledger names it.
"""


def _add_archive(steps: Any, target: str, what: str) -> None:
    parser = _add(steps, target, _run_archive, what, _PACK.format(target=target))
    parser.add_argument("--cohort", required=True, metavar="C", help="name of the cohort")
    parser.add_argument("--details", type=Path, metavar="FILE", help="what no ledger holds")
    parser.add_argument(
        "--content",
        choices=("aggregate", "individual"),
        default="aggregate",
        help="counts of the cohort (default), or calls of its people",
    )
    parser.add_argument(
        "--samples", metavar="LIST", help="these people: names with commas, or a file of them"
    )
    parser.add_argument("--release", metavar="R", help="number or tag (default: the newest)")
    parser.add_argument("--to", metavar="NAME", help="the archive, a recipient of the ledger")
    parser.add_argument("--purpose", default="", metavar="TEXT", help="what it is for")
    if target == "eva":
        parser.add_argument(
            "--schema", type=Path, metavar="FILE", help="ask eva_schema.json of EVA, too"
        )


def _run_archive(args: argparse.Namespace) -> int:
    from varhouse.cli.export import _read_names
    from varhouse.sharing.request import parse_content
    from varhouse.submission.packs import Order, make_pack
    from varhouse.submission.texts import DONE

    names = _read_names(args.samples)
    made = make_pack(
        Order(
            store=args.store,
            target=args.pack,
            cohort=args.cohort,
            folder=args.output,
            content=parse_content(args.content),
            details=args.details,
            release=args.release,
            recipient=args.to,
            purpose=args.purpose,
            samples=tuple(names) if names else None,
            official=getattr(args, "schema", None),
            on=args.on,
        )
    )
    for uri in made.absent:
        log.warning("%s", DONE["absent"].say(uri=uri, schema=args.schema))
    for note in made.notes:
        log.warning("%s", note)
    told = DONE["pack"].say(records=made.records, people=made.people, out=args.output)
    log.info("%s", told)
    return 0


# --- survey ---

_SURVEY = """\
example:
  varhouse submit survey demo/store -o survey

The return to the national survey of human genetic resources, which is every five years: of
each province, of several and of none that is known, and of the nation: distinct people, by
assay, cohorts, families, institutions, storage sites, papers by kind and validity. Hong Kong,
Macao and Taiwan are listed apart. Nothing of a single person is in it; small counts are as
they are, as the return is for the authority. Writes survey.tsv, .zh.tsv, .xlsx and .json,
papers.tsv and .zh.tsv, manifest.tsv and md5sum.txt.
"""


def _add_survey(steps: Any) -> None:
    what = "the return to the national survey, by province and for the nation"
    parser = _add(steps, "survey", _run_survey, what, _SURVEY)
    parser.add_argument(
        "--round", default="", metavar="NAME", help="cohorts of this round alone"
    )


def _run_survey(args: argparse.Namespace) -> int:
    from varhouse.governance.ledger import Ledger
    from varhouse.submission.folder import check_free
    from varhouse.submission.survey import NATIONAL, make_return, write_return
    from varhouse.submission.texts import DONE

    check_free(args.output)
    found = make_return(args.store, args.on or Ledger.open(args.store).today(), args.round)
    for note in found.notes:
        log.warning("%s", note)
    write_return(found, args.output, args.store)
    nation = found.rows[NATIONAL]
    told = DONE["survey"].say(
        people=nation["people"], cohorts=nation["cohorts"], out=args.output
    )
    log.info("%s", told)
    return 0


# --- pedigrees ---

_PEDIGREES = """\
example:
  varhouse submit pedigrees demo/store --ped families.ped --disease 'Huntington disease' \\
      --icd10 G10 -o families

Finds, in each family and for each disease, the people who are related by blood, and the
generations in which some of them are affected. Writes families.tsv, .zh.tsv, .xlsx and .json,
declaration.zh.md and declaration.en.md (drafts), ledger-proposed.tsv (entries of the ledger
that follow; nothing is entered), manifest.tsv and md5sum.txt.
A file is a PED or FAM (family, person, father, mother, sex 1/2, affected 2/1), or a sheet
with a header (text or .xlsx) with the columns person, father and mother, and if there are any
family, sex, affected, disease, icd10, omim, adopted, cohort.
"""


def _add_pedigrees(steps: Any) -> None:
    what = "important genetic families: find them, draft their declaration"
    parser = _add(steps, "pedigrees", _run_pedigrees, what, _PEDIGREES)
    parser.add_argument(
        "--ped", required=True, nargs="+", type=Path, metavar="FILE", help="pedigrees"
    )
    parser.add_argument("--cohort", default="", metavar="C", help="their cohort in the ledger")
    parser.add_argument("--disease", default="", metavar="NAME", help="where no row says it")
    parser.add_argument("--icd10", default="", metavar="CODE", help="of that disease")
    parser.add_argument("--omim", default="", metavar="NUMBER", help="of that disease")
    parser.add_argument(
        "--ids",
        choices=("family", "across"),
        default="family",
        help="ids of people mean somebody in a family (default), or across all files",
    )
    parser.add_argument(
        "--affected",
        type=int,
        choices=(1, 2),
        help="the number that says affected: 2 (a PED: 1 is not, 0 unknown), or 1 (0 is not)",
    )
    parser.add_argument(
        "--definition",
        type=Path,
        metavar="FILE",
        help="definitions and common diseases in place of those that come with varhouse",
    )


def _run_pedigrees(args: argparse.Namespace) -> int:
    from varhouse.governance.ledger import Ledger
    from varhouse.submission.diseases import read_book
    from varhouse.submission.folder import check_free
    from varhouse.submission.pedigrees import find_families, write_findings
    from varhouse.submission.texts import PED, VERDICT

    check_free(args.output)
    ledger = Ledger.open(args.store)
    on = args.on or ledger.today()
    records = ledger.cohorts(on)
    found = find_families(
        args.ped,
        read_book(args.definition),
        on,
        disease=args.disease,
        icd10=args.icd10,
        omim=args.omim,
        cohort=args.cohort,
        across=args.ids == "across",
        affected=args.affected,
    )
    for note in found.notes:
        log.info("%s", note)
    for cohort in {c for f in found.families for c in f.cohort.split(";") if c}:
        if cohort not in records:
            log.warning("%s", PED["no_cohort"].say(cohort=cohort))
    write_findings(found, records, args.output, on)
    for verdict, text in VERDICT.items():
        log.info("%5d  %s", len(found.of(verdict)), text.say())
    log.info("-> %s", args.output)
    return 0
