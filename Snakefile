"""varhouse: cohorts in, one release of the variation store out.

    inbox -> validate -> plan -> read (normalise, genotypes, frequencies) -> cohort --.
                                     alleles -> annotate ------------------> totals -+-> commit

`varhouse ingest STORE --config FILE` prepares a run (run.json) and starts this file.
"""

from snakemake.utils import min_version

min_version("9.27")


# Jobs use the `varhouse` of the environment that Snakemake runs in. Only with
# --sdm apptainer do they run in an image (workflow/envs/varhouse.def makes it).
container: config.get("container", "varhouse.sif")


include: "workflow/rules/common.smk"
include: "workflow/rules/source.smk"
include: "workflow/rules/normalise.smk"
include: "workflow/rules/annotate.smk"
include: "workflow/rules/aggregate.smk"
include: "workflow/rules/store.smk"


rule all:
    input:
        "commit.json",
