rule reads_batch:
    """Write what is told of all together: sheets for the ingest, the page."""
    input:
        people=get_people_done,
    output:
        job="jobs/reads_batch/{batch}.json",
    log:
        "logs/reads_batch/{batch}.log",
    threads: JOBS["threads"]["reads_batch"]
    resources:
        mem_mb=mem_mb("reads_batch"),
        runtime=minutes("reads_batch"),
    params:
        about=about("reads_batch"),
    message:
        SAID
    shell:
        "varhouse stage reads_batch --run run.json --threads {threads}"
        " -o {output.job} 2> {log}"
