rule validate:
    """Check a file that is so large that several jobs read it."""
    input:
        vcf=get_split_file,
    output:
        "jobs/validate/{file}.json",
    log:
        "logs/validate/{file}.log",
    threads: JOBS["threads"]
    resources:
        mem_mb=mem_mb("validate"),
        runtime=minutes("validate"),
    params:
        about=about("validate"),
    message:
        SAID
    shell:
        "varhouse stage validate --run run.json --threads {threads}"
        " --file {wildcards.file} -o {output} 2> {log}"
