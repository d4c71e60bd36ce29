rule genes:
    """Compile the gene model, once for each annotation and reference."""
    input:
        annotation=get_nameable([RUN["genes"]] if RUN["genes"] else []),
    output:
        "jobs/genes.json",
    log:
        "logs/genes.log",
    threads: JOBS["threads"]
    resources:
        mem_mb=mem_mb("genes"),
        runtime=minutes("genes"),
    params:
        about=about("genes"),
    message:
        SAID
    shell:
        "varhouse stage genes --run run.json --threads {threads}"
        " -o {output} 2> {log}"
