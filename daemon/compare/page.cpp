#include "daemon/compare/page.hpp"

#include <spdlog/fmt/fmt.h>

#include "daemon/compare/format.hpp"
#include "daemon/compare/notes.hpp"
#include "daemon/compare/plots.hpp"
#include "daemon/compare/svg.hpp"

namespace tracelink::compare {
namespace {

// The colours of versions are those of Okabe and Ito, which colour-blind readers can tell apart.
constexpr const char* kHead = R"html(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Comparison of versions</title>
<style>
:root { --paper: #fff; --ink: #1b1f24; --soft: #57606a; --rule: #d0d7de; --shade: #f6f8fa; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #0d1117; --ink: #e6edf3; --soft: #9da7b1; --rule: #3d444d; --shade: #161b22; }
}
.v0 { --hue: #0072b2; } .v1 { --hue: #e69f00; } .v2 { --hue: #009e73; } .v3 { --hue: #cc79a7; }
.v4 { --hue: #56b4e9; } .v5 { --hue: #d55e00; } .v6 { --hue: #b3a900; } .v7 { --hue: #8a8a8a; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 75rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
p, figcaption, .delta { color: var(--soft); }
.swatch { display: inline-block; width: .8em; height: .8em; border-radius: 2px; background: var(--hue); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--rule); text-align: right; vertical-align: top; }
th:first-child, #differences td, #errors td, #errors th { text-align: left; }
th:first-child { position: sticky; left: 0; max-width: 12rem; background: var(--paper); font-weight: normal; }
thead th { font-weight: 600; min-width: 6rem; }
.delta { display: block; font-size: .85em; }
.chance { color: var(--ink); font-weight: 600; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); gap: 1rem; }
.plot { margin: 0; padding: .7rem; background: var(--shade); border-radius: 6px; }
svg { width: 100%; height: auto; } svg text { fill: var(--ink); font-size: 10px; }
svg rect { fill: var(--hue); } svg .second { opacity: .5; }
svg .grid { stroke: var(--rule); } svg .mark { stroke: var(--ink); stroke-width: 1.5; }
svg .line path { fill: none; stroke: var(--hue); stroke-width: 2; } svg .line circle { fill: var(--hue); }
</style>
</head>
<body>
<h1>Comparison of versions</h1>
)html";

std::string class_of(std::size_t index) { return fmt::format("v{}", index); }

std::string versions_list(const Comparison& comparison) {
  std::string html = "<ul id=\"versions\">\n";
  for (std::size_t i = 0; i < comparison.versions.size(); ++i) {
    const LoggedModel& model = comparison.versions[i].model;
    html += fmt::format(
        "<li class=\"{}\" data-model=\"{}\"><span class=\"swatch\"></span> <strong>{}</strong> {}{}"
        "</li>\n",
        class_of(i), escaped(model.model_id), escaped(model.name), escaped(model.model_id),
        i == 0 ? " (baseline)" : "");
  }
  return html + "</ul>\n";
}

std::string heading(const Comparison& comparison, const char* first) {
  std::string html = fmt::format("<thead><tr><th scope=\"col\">{}</th>", first);
  for (std::size_t i = 0; i < comparison.versions.size(); ++i) {
    html += fmt::format("<th scope=\"col\" class=\"{}\"><span class=\"swatch\"></span> {}</th>",
                        class_of(i), escaped(comparison.versions[i].model.name));
  }
  return html + "</tr></thead>\n";
}

std::string p_text(const ChanceTest& test) {
  return fmt::format("{}, p = {:.3g}, adjusted {:.3g}", test.name, test.p, test.p_adjusted);
}

std::string delta_of(const Cell& cell, Unit unit) {
  if (!cell.to_baseline) return "";
  const auto& test = cell.to_baseline->test;
  const bool is_more_than_chance = test && test->is_significant();
  return fmt::format("<span class=\"delta{}\"{}>{}</span>", is_more_than_chance ? " chance" : "",
                     test ? " title=\"" + p_text(*test) + "\"" : "",
                     escaped(difference_text(cell, unit)));
}

std::string cell_of(const Version& version, const Cell& cell, Unit unit) {
  const std::string value = cell.value ? fmt::format("{:.17g}", *cell.value) : "";
  return fmt::format("<td data-model=\"{}\" data-value=\"{}\">{}{}</td>",
                     escaped(version.model.model_id), value, value_text(cell.value, unit),
                     delta_of(cell, unit));
}

std::string figures_table(const Comparison& comparison) {
  std::string html = "<h2>Figures</h2>\n<div class=\"scroll\"><table id=\"figures\">\n" +
                     heading(comparison, "") + "<tbody>\n";
  for (const Row& row : comparison.rows) {
    if (row.is_detail) continue;
    html += fmt::format("<tr data-figure=\"{}\"><th scope=\"row\" title=\"{}\">{}</th>",
                        escaped(row.name), escaped(row.name), escaped(row.label));
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      html += cell_of(comparison.versions[i], row.cells[i], row.unit);
    }
    html += "</tr>\n";
  }
  return html +
         "</tbody></table></div>\n<p>Differences are to the baseline; pp: percentage points. Those "
         "with * are more than chance: p &lt; 0.05 by Fisher’s exact test (rates) or the "
         "Mann–Whitney U test (distributions; that of latencies is shown with the median), with "
         "Holm’s adjustment for all tests of this page. Both suppose that traces are independent "
         "of "
         "each other.</p>\n";
}

std::string differing_rows(const char* kind, const Differing& differing) {
  std::string html;
  for (const auto& [key, values] : differing) {
    html += fmt::format("<tr data-{}=\"{}\"><th scope=\"row\">{} {}</th>", kind, escaped(key), kind,
                        escaped(key));
    for (const auto& value : values) html += "<td>" + (value ? escaped(*value) : "–") + "</td>";
    html += "</tr>\n";
  }
  return html;
}

std::string differences_table(const Comparison& comparison) {
  const std::string rows =
      differing_rows("param", comparison.params) + differing_rows("tag", comparison.tags);
  if (rows.empty()) return "";
  return "<h2>Params and tags that differ</h2>\n<div class=\"scroll\"><table "
         "id=\"differences\">\n" +
         heading(comparison, "") + "<tbody>\n" + rows + "</tbody></table></div>\n";
}

std::string error_rows(const Version& version, std::size_t index) {
  std::string html;
  for (const auto& [message, times] : version.errors.messages) {
    html += fmt::format(
        "<tr class=\"{}\"><th scope=\"row\"><span class=\"swatch\"></span> {}</th><td>{}</td><td>{}"
        "</td></tr>\n",
        class_of(index), escaped(version.model.name), times, escaped(message));
  }
  return html;
}

std::string errors_table(const Comparison& comparison) {
  std::string rows;
  for (std::size_t i = 0; i < comparison.versions.size(); ++i) {
    rows += error_rows(comparison.versions[i], i);
  }
  if (rows.empty()) return "";
  return fmt::format(
      "<h2>Errors</h2>\n<p>Messages of the newest {} errors of each version.</p>\n"
      "<div class=\"scroll\"><table id=\"errors\"><thead><tr><th scope=\"col\">version</th><th "
      "scope=\"col\">traces</th><th scope=\"col\">message</th></tr></thead><tbody>\n{}</tbody>"
      "</table></div>\n",
      kErrorsRead, rows);
}

std::string notes_list(const Comparison& comparison) {
  std::string items;
  for (const std::string& note : notes_of(comparison)) items += "<li>" + escaped(note) + "</li>\n";
  return items.empty() ? "" : "<ul id=\"notes\">\n" + items + "</ul>\n";
}

std::string plots(const Comparison& comparison) {
  const std::string all = latency_plot(comparison) + token_plot(comparison) +
                          error_plot(comparison) + pass_rate_plots(comparison);
  return all.empty() ? "" : "<h2>Plots</h2>\n<div class=\"plots\">\n" + all + "</div>\n";
}

}  // namespace

std::string page_of(const Comparison& comparison, const std::string& made_at) {
  return kHead + versions_list(comparison) + figures_table(comparison) +
         differences_table(comparison) + plots(comparison) + errors_table(comparison) +
         notes_list(comparison) + "<p>Made by tracelink models compare, " + escaped(made_at) +
         "</p>\n</body>\n</html>\n";
}

}  // namespace tracelink::compare
