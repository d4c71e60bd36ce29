"""varhouse: cohorts in, one release of the variation store out.

    genes, source --.
    intake ---------+-> plan -> cohort -> settle -> commit
    validate -> read'

A job is a list of parts (a file, a cohort, some partitions), and what is there is not made
again. `varhouse.ingest.setup.sizing` shares the work out: a small ingest is the job `whole`,
or `commit` alone comes after the files. `varhouse ingest STORE --config FILE` prepares a run
(run.json) and starts this file.
"""

from snakemake.utils import min_version

min_version("9.27")


# Jobs use the `varhouse` of the environment that Snakemake runs in. Only with
# --sdm apptainer do they run in an image (workflow/envs/varhouse.def makes it).
container: config.get("container", "varhouse.sif")


include: "workflow/rules/common.smk"


if JOBS["whole"]:

    include: "workflow/rules/whole.smk"

else:

    include: "workflow/rules/genes.smk"
    include: "workflow/rules/source.smk"
    include: "workflow/rules/intake.smk"
    include: "workflow/rules/validate.smk"
    include: "workflow/rules/read.smk"
    include: "workflow/rules/plan.smk"
    include: "workflow/rules/cohort.smk"
    include: "workflow/rules/settle.smk"
    include: "workflow/rules/commit.smk"


rule all:
    default_target: True
    input:
        "jobs/whole.json" if JOBS["whole"] else "jobs/commit.json",
