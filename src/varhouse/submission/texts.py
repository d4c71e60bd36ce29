"""What packs, surveys and declarations say, in Chinese and English."""

from dataclasses import dataclass, field

from varhouse.language import Text


@dataclass
class Said:
    """What is said of an input: what was taken for what, and what is wrong."""

    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


ADVICE = Text(
    "Decision support, not legal advice: check it against the law in force and the guide of "
    "the authority.",
    "仅供决策参考,不构成法律意见:请以现行法律法规和主管部门的办事指南为准。",
)

PED: dict[str, Text] = {
    "where": Text("in the pedigrees", "家系文件中"),
    "empty": Text("{files}: nobody is in it", "{files}: 文件中没有任何个体"),
    "encoding": Text(
        "{file}: not UTF-8, read as {encoding}", "{file}: 不是 UTF-8,按 {encoding} 读取"
    ),
    "short": Text(
        "{at}: {n} columns, a PED has six (family, person, father, mother, sex, affected)",
        "{at}: 只有 {n} 列,PED 需要六列(家系、个体、父亲、母亲、性别、患病)",
    ),
    "more": Text("... and {n:,} more like it", "……另有 {n:,} 处同类问题"),
    "sex": Text(
        "{at}: sex is not 1, 2 or 0 (male, female, not known; M, F, U; 1, 2, 0)",
        "{at}: 性别不是 1、2 或 0(男、女、未知)",
    ),
    "affected": Text(
        "{at}: affected is not 2, 1 or 0 (yes, no, not known), nor yes or no",
        "{at}: 患病状态不是 2、1 或 0(是、否、未知),也不是“是”或“否”",
    ),
    "ones": Text(
        "{file}: the column affected holds 1 alone: is that affected (a sheet of 0 and 1) or "
        "unaffected (a PED)? write yes and no, or say --affected 1 or 2",
        "{file}: 患病列中只有 1:是“患病”(0/1 编码)还是“未患病”(PED 编码)?请改写为“是”“否”,"
        "或加 --affected 1 或 2",
    ),
    "two": Text(
        "{file}: affected is said to be 1, and the file has 2: is it coded 1 and 2?",
        "{file}: 指定 1 表示患病,但文件中有 2:是否为 1/2 编码?",
    ),
    "binary": Text(
        "{file}: affected is coded 0 and 1: read as no and yes",
        "{file}: 患病列为 0/1 编码:读作“否”“是”",
    ),
    "nobody": Text(
        "{file}: nobody is affected (2); 0 and 1 are read as a PED has them: not known, no; "
        "if 1 is affected and 0 is not, say --affected 1",
        "{file}: 没有患病者(2);0 和 1 按 PED 的含义读取:未知、未患病;"
        "若 1 表示患病、0 表示未患病,请加 --affected 1",
    ),
    "nameless": Text("{at}: a row without an id of the person", "{at}: 该行没有个体编号"),
    "twice": Text(
        "{at}: this person stands in {first}, too, with other parents, sex or cohort",
        "{at}: 该个体已出现在 {first},但父母、性别或队列不同",
    ),
    "shared": Text(
        "{n:,} ids stand in several families and are taken for different people; are they the "
        "same ones? --ids across",
        "{n:,} 个编号出现在多个家系中,按不同的人处理;若为同一人,请用 --ids across",
    ),
    "without_row": Text(
        "{n:,} parents have no row of their own: taken as founders, affection not known",
        "{n:,} 名父母没有自己的行:作为始祖处理,患病状态未知",
    ),
    "father_sex": Text("{at}: the father is a woman", "{at}: 父亲的性别为女"),
    "mother_sex": Text("{at}: the mother is a man", "{at}: 母亲的性别为男"),
    "own_parent": Text("{at}: somebody is his own parent", "{at}: 个体是自己的父母"),
    "same_parent": Text(
        "{at}: father and mother are one person", "{at}: 父亲和母亲是同一个人"
    ),
    "both_roles": Text(
        "{n:,} people without a row are father in one row and mother in another",
        "{n:,} 名没有自己的行的人在一行中是父亲,在另一行中是母亲",
    ),
    "circle": Text(
        "a circle of parents: {names} (each is a child of the next)",
        "亲子关系成环:{names}(每人都是后一人的子女)",
    ),
    "icd": Text(
        "{code!r} is no code of ICD-10 (a capital letter and two digits, as in G10 or H53.5)",
        "{code!r} 不是 ICD-10 编码(一个大写字母加两位数字,例如 G10、H53.5)",
    ),
    "no_cohort": Text(
        "cohort {cohort} is not in the ledger: its holder and papers are left open",
        "台账中没有队列 {cohort}:持有单位和批件留空",
    ),
}

DISEASE: dict[str, Text] = {
    "no_definition": Text(
        "{n} definitions of an important family hold on {day}, one is needed",
        "{day} 有 {n} 条重要遗传家系的定义有效,应恰有一条",
    ),
    "bad": Text("{file}: {what}, entry {n}: {why}", "{file}: {what} 第 {n} 条: {why}"),
}

VERDICT: dict[str, Text] = {
    "important": Text("important genetic family: declare it", "重要遗传家系:应当申报"),
    "common": Text("common disease, outside the definition", "常见疾病,不在定义范围内"),
    "review": Text("for a person to decide", "需人工判定"),
    "fewer": Text(
        "fewer generations or people than the definition asks", "代数或人数未达到定义"
    ),
}

REASON: dict[str, Text] = {
    "generations": Text(
        "affected members by blood in {n} generations, {least} are needed",
        "有血缘关系的患病成员涉及 {n} 代,要求 {least} 代",
    ),
    "people": Text(
        "{n} affected members by blood, {least} are needed",
        "有血缘关系的患病成员 {n} 人,要求 {least} 人",
    ),
    "skipped": Text(
        "{n} generations between affected ones have nobody affected ({carriers} carriers by "
        "descent): affected generations alone do not reach the number",
        "患病各代之间有 {n} 代无患病者(按亲缘推断的携带者 {carriers} 人):"
        "仅计患病代数未达到要求",
    ),
    "common": Text(
        "{disease} is {entry}, which the list of common diseases names",
        "{disease} 属于常见疾病清单中的 {entry}",
    ),
    "unsure": Text(
        "{disease} resembles {entry} of the list of common diseases, by name or code alone: "
        "decide, and say the ICD-10 code or OMIM number",
        "{disease} 仅名称或编码与常见疾病清单中的 {entry} 相近:请判定,"
        "并补充 ICD-10 编码或 OMIM 号",
    ),
    "unnamed": Text(
        "the disease is not named: name it (column disease, or --disease)",
        "未写明疾病:请写明(疾病列,或 --disease)",
    ),
    "married_in": Text(
        "{n} affected people married in or belong to another line, and do not count",
        "{n} 名患病者为婚入或属于另一支系,不计入",
    ),
}

HEAD: dict[str, Text] = {
    "family": Text("family", "家系编号"),
    "cohort": Text("cohort", "队列"),
    "disease": Text("disease", "疾病或性状"),
    "icd10": Text("ICD-10", "ICD-10 编码"),
    "omim": Text("OMIM", "OMIM 号"),
    "people": Text("people", "家系人数"),
    "affected": Text("affected people", "患病人数"),
    "affected_by_blood": Text("affected people related by blood", "有血缘关系的患病人数"),
    "generations": Text("generations", "代数"),
    "affected_generations": Text("affected generations", "患病代数"),
    "span": Text("generations from the first affected to the last", "首末患病代的跨度"),
    "carriers": Text("carriers by descent", "按亲缘推断的携带者"),
    "married_in": Text("affected people not related by blood", "无血缘关系的患病人数"),
    "consanguine": Text("children of related parents", "近亲婚配子女数"),
    "verdict": Text("verdict", "判定"),
    "reason": Text("reason", "理由"),
}

DECLARATION: dict[str, Text] = {
    "title": Text(
        "Declaration of important genetic families (draft)", "重要遗传家系申报书(草稿)"
    ),
    "holder": Text("Declaring unit", "申报单位"),
    "code": Text("Unified social credit code", "统一社会信用代码"),
    "investigator": Text("Responsible person", "负责人"),
    "ethics": Text("Ethics review", "伦理审查"),
    "collection": Text("Collection approval", "采集审批"),
    "consent": Text("Informed consent", "知情同意"),
    "provinces": Text("Provinces of collection (GB/T 2260)", "采集省份(GB/T 2260)"),
    "site": Text("Where the data is kept", "数据保存地点"),
    "definition": Text("Definition", "定义依据"),
    "none": Text("not entered", "未登记"),
    "families": Text("Families to declare", "应申报的家系"),
    "review": Text("Families for a person to decide", "需人工判定的家系"),
    "nothing": Text("none", "无"),
    "certainty": Text("certainty of the source: {certainty}", "依据的确定程度: {certainty}"),
    "signed": Text(
        "Checked and signed by: ________    Date: ________",
        "审核签字:________    日期:________",
    ),
}

CHECK: dict[str, Text] = {
    "view": Text(
        "{store} is a view of a governed store, and no pack is made of one",
        "{store} 是受管理的库的视图库,不能由其制作提交包",
    ),
    "view_fix": Text("give the store itself: {store}", "请给出该库本身: {store}"),
    "missing": Text("is missing", "缺失"),
    "one_of": Text(
        "neither an accession nor a description of the sample is there",
        "既没有样本编号,也没有样本描述",
    ),
    "value": Text("{value!r} does not fit: {allowed}", "{value!r} 不符合要求: {allowed}"),
    "words": Text("{n} words, {most} at most", "{n} 个词,最多 {most} 个"),
    "years": Text("{value} is more than {years} years ahead", "{value} 距今超过 {years} 年"),
    "rows": Text(" (in {n:,} entries)", "(共 {n:,} 条)"),
    "enter": Text("; enter it in: {where}", ";填写位置: {where}"),
    "from_details": Text("--details, {field}", "--details 文件的 {field}"),
    "from_ledger": Text("the ledger, {field}", "台账的 {field}"),
    "from_store": Text("the sheets of the ingest, {field}", "入库时的样本表或队列表, {field}"),
    "from_sheet": Text("the sample sheet, column {field}", "样本表的 {field} 列"),
    "computed": Text("made by varhouse", "由 varhouse 生成"),
    "key": Text("no key {key}{near}", "没有名为 {key} 的项{near}"),
    "no_mapping": Text("{key}: must be a mapping of keys to values", "{key}: 应为键值对"),
    "one_value": Text("{key}: one value, no list or mapping", "{key}: 应为单个值"),
    "flag": Text("{key}: must be true or false", "{key}: 应为 true 或 false"),
    "date": Text(
        "{key}: {value!r} is no date (YYYY-MM-DD)", "{key}: {value!r} 不是日期(年-月-日)"
    ),
    "where": Text("in the pack {target} of {cohort}", "队列 {cohort} 的 {target} 提交包中"),
    "names": Text(
        "samples of the pack are not those of the VCF, letter by letter: {names}",
        "提交包的样本名与 VCF 不一致(区分大小写): {names}",
    ),
    "twice": Text("{module}: {value!r} stands twice", "{module}: {value!r} 重复出现"),
    "alias": Text(
        "{module}: {value!r} is no analysis of the pack",
        "{module}: {value!r} 不是本包中的分析",
    ),
    "sample_ref": Text(
        "{module}: {value!r} is no sample of the pack", "{module}: {value!r} 不是本包中的样本"
    ),
    "no_file": Text("{name} of the files is not in the pack", "文件清单中的 {name} 不在包内"),
    "number": Text(
        "the project says {said:,} samples, the pack has {n:,}",
        "项目信息中为 {said:,} 个样本,包内为 {n:,} 个",
    ),
    "code": Text("{value!r} of {where} is no {what}", "{where} 的 {value!r} 不是有效的{what}"),
    "withdrawn": Text(
        "the cohort {cohort} was withdrawn: it may be submitted nowhere",
        "队列 {cohort} 已撤回,不得提交",
    ),
    "no_rows": Text(
        "no count of the cohort {cohort} may be shown: every one is masked, or it has no "
        "allele; `first: cohorts` of policy.small_counts keeps counts of cohorts, and masks "
        "those of strata",
        "队列 {cohort} 没有可展示的计数:全部被屏蔽,或没有变异;"
        "policy.small_counts 的 `first: cohorts` 可在屏蔽分层时保留队列计数",
    ),
    "no_cohort": Text("no cohort {cohort} in the store{near}", "库中没有队列 {cohort}{near}"),
    "no_sample": Text(
        "no sample {name!r} in the cohort{near}", "队列中没有样本 {name!r}{near}"
    ),
    "nobody": Text(
        "the cohort {cohort} has no people in the store: it came as counts alone",
        "队列 {cohort} 在库中没有个体:入库的只是计数",
    ),
    "eva_human": Text(
        "EVA gives ids to variants of other species than man; genotypes of people belong into "
        "an archive with controlled access",
        "EVA 只为人以外物种的变异编号;人的基因型应提交到受控访问的数据库",
    ),
    "samples": Text(
        "--samples goes with --content individual: an aggregate pack is of the whole cohort",
        "--samples 只能与 --content individual 同用:汇总级提交包针对整个队列",
    ),
    "recipient": Text(
        "the store is governed: name the archive as recipient, --to NAME",
        "该库受管理:请用 --to 指明作为接收方的数据库",
    ),
}

SURVEY: dict[str, Text] = {
    "code": Text("code (GB/T 2260)", "行政区划代码(GB/T 2260)"),
    "name": Text("province", "省级行政区"),
    "people": Text("people", "个体数(去重)"),
    "people_WGS": Text("people with genome sequence", "全基因组测序人数"),
    "people_WES": Text("people with exome sequence", "全外显子组测序人数"),
    "people_array": Text("people on arrays", "芯片检测人数"),
    "people_panel": Text("people with targeted panels", "靶向测序人数"),
    "people_NIPT": Text("women with NIPT", "无创产前检测人数"),
    "people_other": Text("people by an assay that is not said", "检测类型未说明的人数"),
    "cohorts": Text("cohorts", "队列数"),
    "pedigree_cohorts": Text("cohorts of important families", "重要遗传家系队列数"),
    "families": Text("families", "家系数"),
    "region_cohorts": Text("cohorts of specific regions", "特定地区人群队列数"),
    "institutions": Text("institutions (legal holders)", "持有单位数"),
    "storage_sites": Text("storage sites", "存储地点数"),
    "permits_valid": Text("papers in force", "有效批件数"),
    "permits_ended": Text("papers that ended or have not begun", "已失效或尚未生效的批件数"),
}

SURVEY_ROWS: dict[str, Text] = {
    "several": Text("several provinces", "涉及多个省份"),
    "unknown": Text("province not known", "省份未知"),
    "national": Text("national sum", "全国合计"),
    "all": Text("sum with Hong Kong, Macao and Taiwan", "含港澳台合计"),
}

SURVEY_PAPERS: dict[str, Text] = {
    "kind": Text("kind of paper", "批件类型"),
    "state": Text("state", "状态"),
    "n": Text("papers", "批件数"),
    "valid": Text("in force", "有效"),
    "ended": Text("ended", "已失效"),
    "later": Text("not yet begun", "尚未生效"),
}

SURVEY_SAID: dict[str, Text] = {
    "title": Text(
        "Return to the national survey of human genetic resources (draft)",
        "全国人类遗传资源调查汇总表(草稿)",
    ),
    "counts": Text(
        "People are distinct persons, as far as accessions, names and calls tell; somebody "
        "with two assays counts in both columns of assays, once in all people. A cohort, "
        "paper or site of one province counts there, of several in its own row, so that "
        "each column adds up; an institution counts where it is registered. No small count "
        "is masked: the return is for the authority.",
        "个体数按样本登记号、样本名和基因型去重;同一人有两种检测时,在两个检测列中各计一次,"
        "总人数只计一次。仅涉及一省的队列、批件和存储地点计入该省,涉及多省的单列,"
        "因此各列可加总;持有单位按注册地计入。本表供主管部门使用,未作小计数保护。",
    ),
    "not_governed": Text(
        "the store has no ledger: institutions, papers and sites are not known",
        "该库没有台账:持有单位、批件和存储地点未知",
    ),
    "withdrawn": Text("{n} withdrawn cohorts are left out", "{n} 个已撤回的队列未计入"),
    "least": Text(
        "cohort {cohort} has people of several assays and no number of distinct people: the "
        "greatest of them is taken; enter people_total in the ledger",
        "队列 {cohort} 有多种检测但没有去重总人数:取其中最大值;请在台账中填写 people_total",
    ),
    "apart": Text(
        "cohort {cohort}: the ledger says {ledger:,} people, the store has {store:,}",
        "队列 {cohort}: 台账为 {ledger:,} 人,库中为 {store:,} 人",
    ),
    "nobody": Text(
        "cohort {cohort}: neither the store nor the ledger knows how many people it has",
        "队列 {cohort}: 库和台账均未给出人数",
    ),
    "no_round": Text("no cohort of round {round!r}", "没有第 {round!r} 轮的队列"),
}

DOCUMENT: dict[str, Text] = {
    "field": Text("field", "字段"),
    "title": Text("heading", "名称"),
    "required": Text("required", "必填"),
    "source": Text("value from (the first that has one)", "取值来源(依次取第一个有值者)"),
    "sure": Text("how sure", "确定程度"),
    "yes": Text("yes", "是"),
    "seen": Text("seen", "已查阅"),
    "memory": Text("memory", "凭记忆"),
}

TEMPLATE: dict[str, Text] = {
    "head": Text(
        "Details for varhouse submit --details: what the ledger does not hold",
        "varhouse submit --details 所用的文件:台账中没有的内容",
    ),
    "catalogue": Text("for catalogue.json", "用于 catalogue.json"),
    "required": Text("required by {targets}", "{targets} 必填"),
    "else": Text("else from {sources}", "否则取自{sources}"),
}

MISTAKES = Text("{n} mistake(s) {where}\n{lines}", "{where}有 {n} 处错误\n{lines}")
IN_FILE = Text("in {file}", "{file} 中")

DONE: dict[str, Text] = {
    "pack": Text(
        "{records:,} records, {people:,} people -> {out}",
        "{records:,} 条记录,{people:,} 人 -> {out}",
    ),
    "survey": Text(
        "{people:,} people, {cohorts:,} cohorts -> {out}",
        "{people:,} 人,{cohorts:,} 个队列 -> {out}",
    ),
    "absent": Text(
        "{uri} is not beside {schema}: not asked", "{schema} 旁没有 {uri}: 未按其检查"
    ),
    "there": Text(
        "{file}: is there already; fix: give another name", "{file}: 已存在;请换一个名称"
    ),
}
"""What commands say when they are done."""
