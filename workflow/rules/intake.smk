rule intake:
    """Take files in: what is wrong with them, and the shards of their records."""
    input:
        vcf=get_input_files,
    output:
        "jobs/intake/{job}.json",
    log:
        "logs/intake/{job}.log",
    threads: JOBS["threads"]
    resources:
        mem_mb=mem_mb("intake"),
        runtime=minutes("intake"),
    params:
        about=about("intake"),
    message:
        SAID
    shell:
        "varhouse stage intake --run run.json --threads {threads}"
        " --job {wildcards.job} -o {output} 2> {log}"
