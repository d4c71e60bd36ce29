rule read:
    """Read a share of a file that was checked."""
    input:
        vcf=get_split_file,
        checked="jobs/validate/{file}.json",
    output:
        "jobs/read/{file}/{job}.json",
    log:
        "logs/read/{file}/{job}.log",
    threads: 1
    resources:
        mem_mb=mem_mb("read"),
        runtime=minutes("read"),
    params:
        about=about("read"),
    message:
        SAID
    shell:
        "varhouse stage read --run run.json --threads {threads}"
        " --file {wildcards.file} --job {wildcards.job} -o {output} 2> {log}"
