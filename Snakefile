"""varhouse: cohorts in, one release of the variation store out; reads in, gVCFs out.

    genes, source --.
    intake ---------+-> plan -> cohort -> settle -> commit
    validate -> read'

A job is a list of parts (a file, a cohort, some partitions), and what is there is not made
again. `varhouse.ingest.setup.sizing` shares the work out: a small ingest is the job `whole`,
or `commit` alone comes after the files. `varhouse ingest STORE --config FILE` prepares a run
(run.json) and starts this file.

    reads_index -> reads_align -> reads_finish -> reads_call -> reads_gvcf -> reads_batch

`varhouse call --config FILE` prepares such a run; somebody with few reads is one job,
reads_person.
"""

from snakemake.utils import min_version

min_version("9.27")


# Jobs use the `varhouse` of the environment that Snakemake runs in. Only with
# --sdm apptainer do they run in an image (workflow/envs/varhouse.def makes it).
container: config.get("container", "varhouse.sif")


include: "workflow/rules/common.smk"


if RUN.get("kind") == "reads":

    include: "workflow/rules/reads_common.smk"
    include: "workflow/rules/reads_check.smk"
    include: "workflow/rules/reads_index.smk"
    include: "workflow/rules/reads_align.smk"
    include: "workflow/rules/reads_finish.smk"
    include: "workflow/rules/reads_call.smk"
    include: "workflow/rules/reads_gvcf.smk"
    include: "workflow/rules/reads_person.smk"
    include: "workflow/rules/reads_batch.smk"

elif JOBS["whole"]:

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
        get_targets(),
