"""The style sheet of the page: light, dark, paper; wide and narrow.

Cohort colours are those of Okabe and Ito, told apart with any colour vision; their
yellow, which vanishes on white, is replaced by a brown. Marks and dashes differ as
well, so a grey print can be read.
"""

_LIGHT = """
--paper:#fff;--ink:#1b1f24;--soft:#57606a;--rule:#d8dee4;--tint:#f4f6f8;--warn:#9a3412;
--warnbg:#fff4ec;--link:#0055a5;
--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#b0568c;--c4:#c98500;--c5:#3f9fd8;--c6:#333;
--c7:#8c6d1f;
"""

_DARK = """
--paper:#14171b;--ink:#e8eaed;--soft:#a3adb8;--rule:#343b43;--tint:#1d2127;--warn:#ffb68a;
--warnbg:#2c2019;--link:#7cc0ff;
--c0:#56b4e9;--c1:#ff8a50;--c2:#2fc79b;--c3:#e69ac4;--c4:#f2b134;--c5:#9ad4f5;--c6:#f5f5f5;
--c7:#cdb45e;
"""

_RULES = """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Noto Sans CJK SC",
"PingFang SC","Microsoft YaHei",sans-serif;font-variant-numeric:tabular-nums}
main,header,footer{max-width:1320px;margin:0 auto;padding:0 20px}
header{padding-top:28px}
h1{font-size:1rem;font-weight:600;color:var(--soft);margin:0}
.headline{font-size:1.55rem;line-height:1.35;font-weight:600;margin:.35em 0 .6em;
max-width:46em;text-wrap:pretty}
h2{font-size:1.25rem;margin:2.2em 0 .6em;padding-top:.5em;border-top:1px solid var(--rule)}
h3{font-size:1.02rem;margin:1.6em 0 .5em}
figure h3{margin-top:0}
p{max-width:60em;margin:.4em 0}
a{color:var(--link)}
.soft{color:var(--soft)}
.badge{display:inline-block;border:1px solid var(--rule);border-radius:4px;padding:0 .5em;
font-size:.85rem;color:var(--soft);margin-left:.5em}
nav{font-size:.92rem;margin:.8em 0 0;display:flex;flex-wrap:wrap;gap:2px 1.1em}
.facts{display:flex;flex-wrap:wrap;gap:10px;margin:1em 0 0;padding:0;list-style:none}
.facts li{background:var(--tint);border:1px solid var(--rule);border-radius:8px;
padding:8px 14px;min-width:min-content;flex:1 1 118px;max-width:220px}
.facts b{display:block;font-size:1.3rem;line-height:1.3;font-weight:650}
.facts span{font-size:.86rem;color:var(--soft)}
table{border-collapse:collapse;width:100%;font-size:.93rem}
caption{text-align:left;color:var(--soft);padding:.3em 0}
th,td{text-align:left;vertical-align:top;padding:6px 10px 6px 0;
border-bottom:1px solid var(--rule);overflow-wrap:anywhere}
th{font-weight:600;color:var(--soft);overflow-wrap:normal}
td.n,th.n{text-align:right;white-space:nowrap}
td.why{width:34%;min-width:16em}
td.name{font-weight:600;min-width:6em;overflow-wrap:break-word}
td.state{white-space:nowrap}
tr.held td{background:var(--warnbg)}
tr.held .state{color:var(--warn);font-weight:600}
.why p{margin:0 0 .35em}
.why details{margin:0}
#lineage td{overflow-wrap:break-word}
code,.mono{font:0.88em/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;
overflow-wrap:anywhere}
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,370px),1fr));
gap:34px 32px;align-items:start}
@media (min-width:1000px){.plots.two{grid-template-columns:repeat(2,1fr)}}
figure{margin:0;min-width:0;break-inside:avoid}
figure.across{grid-column:1/-1}
figure svg{display:block;width:100%;height:auto;max-width:520px;overflow:visible}
figure.across svg{max-width:none}
figcaption{font-size:.92rem;color:var(--soft);margin-top:.5em;max-width:60em;
overflow-wrap:anywhere}
.key{display:flex;flex-wrap:wrap;gap:2px 16px;list-style:none;margin:.4em 0 0;padding:0;
font-size:.9rem}
.key li{display:flex;align-items:center;gap:6px;overflow-wrap:anywhere;min-width:0}
.key svg.swatch{width:30px;height:12px;flex:none;display:inline-block}
svg text{font-family:inherit;fill:var(--ink)}
svg .tick{font-size:11px;fill:var(--soft)}
svg .axis{font-size:11.5px;fill:var(--soft)}
svg .name{font-size:11.5px;font-weight:600}
svg .label{font-size:10.5px;paint-order:stroke;stroke:var(--paper);stroke-width:3px}
svg .grid{stroke:var(--rule);stroke-width:1}
svg .base{stroke:var(--soft);stroke-width:1}
svg .box{fill:none;stroke:var(--rule)}
svg .line{fill:none;stroke-width:1.7;stroke-linejoin:round}
svg .mark{stroke:var(--paper);stroke-width:.8}
svg .cell{fill:var(--c0)}
svg .diagonal{stroke:var(--ink);stroke-width:1;stroke-dasharray:4 3;opacity:.6}
svg .median{stroke:var(--ink);stroke-width:2}
svg .beyond{fill:var(--soft)}
svg .ring{fill:none;stroke:var(--warn);stroke-width:1.8}
svg.mpl *{stroke-linejoin:round}
svg .dots{fill:none;stroke-linecap:round}
.key span{font-size:1.05em;line-height:1}
svg.narrow{display:block}svg.wide{display:none}
@media (min-width:820px){figure svg.narrow{display:none}figure svg.wide{display:block}}
dl{display:grid;grid-template-columns:minmax(9em,max-content) 1fr;gap:4px 20px;margin:0;
font-size:.94rem}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere;min-width:0}
details{margin:.8em 0}
summary{cursor:pointer;color:var(--link)}
footer{color:var(--soft);font-size:.88rem;padding-top:2em;padding-bottom:2.5em}
@media screen and (max-width:1000px){
table.stack tbody{display:grid;gap:12px;align-items:start;
grid-template-columns:repeat(auto-fill,minmax(min(100%,340px),1fr))}
table.stack{display:block}
table.stack caption{display:block}
table.stack thead{display:none}
table.stack tr{display:grid;grid-template-columns:1fr 1fr;column-gap:22px;
border:1px solid var(--rule);border-radius:8px;padding:6px 12px;margin:0}
table.stack tr.held{background:var(--warnbg)}
table.stack td{display:flex;justify-content:space-between;gap:14px;border:0;padding:3px 0;
text-align:right;width:auto;min-width:0;white-space:normal}
table.stack td::before{content:attr(data-label);color:var(--soft);text-align:left;flex:none;
max-width:50%}
table.stack td:empty{display:none}
table.stack td:not(.n){grid-column:1/-1}
table.stack td.name{text-align:left;font-size:1.05rem}
table.stack td.name::before{content:none}
table.stack td.why{display:block;text-align:left}
table.stack td.why:empty{display:none}
}
@media (max-width:640px){
main,header,footer{padding-left:16px;padding-right:16px}
.headline{font-size:1.25rem}
.facts li{flex-basis:calc(50% - 10px);min-width:0;max-width:none}
dl{grid-template-columns:1fr;gap:0}
dd{margin:0 0 .6em}
}
@media print{
@page{margin:14mm}
body{font-size:10.5pt}
main,header,footer{max-width:none;padding:0}
nav,.get{display:none}
.plots{grid-template-columns:repeat(2,1fr);gap:22px}
figure svg.narrow{display:none}figure svg.wide{display:block}
h2,h3,h2+p,section>h3+p,h3+p+p.soft{break-after:avoid}
tr,li{break-inside:avoid}
svg,tr.held td,.facts li{-webkit-print-color-adjust:exact;print-color-adjust:exact}
}
"""


def style_sheet() -> str:
    """Give the style sheet as text."""
    series = "".join(
        f"svg .line.s{i}{{stroke:var(--c{i})}}svg .mark.s{i},svg .bar.s{i}{{fill:var(--c{i})}}"
        for i in range(8)
    )
    dark = f"@media screen and (prefers-color-scheme:dark){{:root{{{_DARK}}}}}"
    return f":root{{color-scheme:light dark;{_LIGHT}}}{dark}{_RULES}{series}"
