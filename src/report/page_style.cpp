#include "report/page_style.h"

#include <fmt/format.h>

#include "report/render.h"

namespace headstart {
namespace {

constexpr const char* kRules = R"(* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink-text); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 940px; margin: 0 auto; padding: 24px 20px 60px; }
h1 { font-size: 26px; line-height: 1.25; margin: 8px 0 18px; overflow-wrap: anywhere; }
h2 { font-size: 17px; margin: 0 0 12px; }
section { background: var(--ink-surface); border: 1px solid var(--ink-grid); border-radius: 10px;
  padding: 18px 20px; margin: 18px 0; break-inside: avoid; }
.note { color: var(--ink-muted); margin: 0 0 12px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin-bottom: 10px; }
.tile { background: var(--ink-surface); border: 1px solid var(--ink-grid); border-radius: 10px; padding: 12px 14px;
  display: flex; flex-direction: column; }
.tile b { font-size: 25px; font-weight: 600; line-height: 1.3; }
.tile small { color: var(--ink-muted); }
.chart svg { display: block; width: 100%; height: auto; }
.chart.small { max-width: 460px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 12px; text-align: right; border-bottom: 1px solid var(--ink-grid); white-space: nowrap; }
th { font-weight: 600; }
th:first-child, .facts td { text-align: left; }
thead th { color: var(--ink-muted); font-weight: 500; }
.facts { width: 100%; }
.facts th { width: 1%; padding-left: 0; color: var(--ink-muted); font-weight: 500; vertical-align: top; }
.facts td { white-space: normal; overflow-wrap: anywhere; }
.matrix td { text-align: center; min-width: 52px; border: 1px solid var(--ink-grid); }
.matrix .right { background: color-mix(in srgb, var(--ink-series0) calc(var(--share) * .55), transparent); }
.matrix .wrong { background: color-mix(in srgb, var(--ink-series1) calc(var(--share) * .9), transparent); }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(132px, 1fr)); gap: 14px; }
.gallery.pairs { grid-template-columns: repeat(auto-fill, minmax(268px, 1fr)); }
figure { margin: 0; }
figure > div { display: grid; grid-template-columns: 1fr 1fr; gap: 4px; }
figure img { width: 100%; height: 132px; object-fit: contain; display: block; background: var(--ground);
  border-radius: 6px; }
figcaption { font-size: 12.5px; line-height: 1.35; margin-top: 5px; color: var(--ink-muted); overflow-wrap: anywhere; }
figcaption b { color: var(--ink-text); font-weight: 600; }
pre { margin: 0 0 12px; padding: 12px 14px; background: var(--ground); border-radius: 6px; white-space: pre-wrap;
  overflow-wrap: anywhere; font: 13px/1.5 ui-monospace, monospace; }
@media (max-width: 560px) {
  main { padding: 12px 10px 40px; }
  section { padding: 14px 12px; }
  .tiles { grid-template-columns: 1fr 1fr; }
  .chart { overflow-x: auto; }
  .chart svg { min-width: 640px; }
  .chart.small svg { min-width: 0; }
  .facts th, .facts td { display: block; width: auto; padding: 2px 0; border: 0; }
  .facts td { border-bottom: 1px solid var(--ink-grid); padding-bottom: 6px; }
}
)";

std::string colours(std::string (*colour)(Ink), const std::string& ground) {
  std::string rules = fmt::format("--ground:{};", ground);
  for (int i = 0; i < static_cast<int>(Ink::series0) + kSeries; ++i) {
    const auto ink = static_cast<Ink>(i);
    rules += fmt::format("--ink-{}:{};", ink_name(ink), colour(ink));
  }
  return rules;
}

}  // namespace

std::string page_style() {
  return fmt::format(
             ":root {{ color-scheme: light dark; {} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {} "
             "}} }}\n",
             colours(light_colour, "#f4f6f8"), colours(dark_colour, "#0f1318")) +
         kRules;
}

std::string tile(const std::string& value, const std::string& name, const std::string& detail) {
  return fmt::format("<div class=\"tile\"><b>{}</b><span>{}</span><small>{}</small></div>\n", value, name,
                     detail);
}

}  // namespace headstart
