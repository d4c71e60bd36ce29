rule cohort:
    """Join the chunks of some cohorts; their samples, files and own rows."""
    input:
        plan="jobs/plan.json",
    output:
        "jobs/cohort/{job}.json",
    log:
        "logs/cohort/{job}.log",
    threads: 1
    resources:
        mem_mb=mem_mb("cohort"),
        runtime=minutes("cohort"),
    params:
        about=about("cohort"),
    message:
        SAID
    shell:
        "varhouse stage cohort --run run.json --threads {threads}"
        " --job {wildcards.job} -o {output} 2> {log}"
