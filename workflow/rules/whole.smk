rule whole:
    """A small ingest: every part in one process, which costs one start."""
    input:
        vcf=get_nameable([f for files in FILES.values() for f in files]),
        sources=get_nameable(list(SOURCES.values())),
        genes=get_nameable([RUN["genes"]] if RUN["genes"] else []),
    output:
        "jobs/whole.json",
    log:
        "logs/whole.log",
    threads: JOBS["threads"]
    resources:
        mem_mb=mem_mb("commit"),
        runtime=minutes("commit"),
        store_writer=1,
    params:
        about=about("whole"),
    message:
        SAID
    shell:
        "varhouse stage whole --run run.json --threads {threads}"
        " -o {output} 2> {log}"
