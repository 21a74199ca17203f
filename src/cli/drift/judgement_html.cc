// A judgement as one HTML file with pictures drawn as SVG: histograms against the reference, and
// evidence as the rows came.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "base/xml.h"
#include "cli/drift/judgement.h"

namespace kedge::cli {
namespace {

constexpr std::string_view kStyle = R"(
:root{color-scheme:light dark;--ink:#1b2430;--soft:#64707f;--line:#d9dfe6;--paper:#fff;--page:#f5f7f9;
--now:#2767c4;--ref:#9aa7b6;--bad:#c2371f;--good:#2b7d4f}
@media(prefers-color-scheme:dark){:root{--ink:#e8edf3;--soft:#98a4b3;--line:#36404d;--paper:#1a212b;
--page:#11161d;--now:#6ba3f5;--ref:#5b6878;--bad:#f0755c;--good:#63c08d}}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1080px;margin:0 auto;padding:32px 20px}
h1{font-size:26px;margin:0 0 4px}p.lead{color:var(--soft);margin:0 0 20px}
.verdict{font-weight:600}.drift,.missing{color:var(--bad)}.same{color:var(--good)}.few{color:var(--soft)}
table{border-collapse:collapse;width:100%;background:var(--paper);border:1px solid var(--line)}
th,td{padding:7px 10px;border-bottom:1px solid var(--line);text-align:right;font-variant-numeric:tabular-nums}
th:first-child,td:first-child,th:last-child,td:last-child{text-align:left}
th{font-weight:600;color:var(--soft);font-size:13px}td small{color:var(--soft)}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(480px,1fr));gap:16px;margin-top:24px}
section{background:var(--paper);border:1px solid var(--line);padding:14px 16px}
section h2{font-size:16px;margin:0;display:flex;justify-content:space-between}
section p{margin:2px 0 8px;color:var(--soft);font-size:13px}
svg{display:block;width:100%;height:auto}svg text{fill:var(--soft);font:10px system-ui,sans-serif}
.now{fill:var(--now)}.ref{fill:none;stroke:var(--ref);stroke-width:2}
.axis{stroke:var(--line)}.path{fill:none;stroke:var(--now);stroke-width:2}
a{color:inherit}@media(max-width:560px){.cards{grid-template-columns:1fr}}
)";

template <class... Arguments>
std::string Format(const char* format, Arguments... arguments) {
  char buffer[512];
  std::snprintf(buffer, sizeof buffer, format, arguments...);
  return buffer;
}

std::string_view VerdictClass(DriftVerdict verdict) {
  switch (verdict) {
    case DriftVerdict::kDrift:
      return "drift";
    case DriftVerdict::kMissing:
      return "missing";
    case DriftVerdict::kFewValues:
      return "few";
    default:
      return "same";
  }
}

double ShareOf(const std::vector<uint64_t>& counts, size_t bin) {
  const uint64_t sum = std::accumulate(counts.begin(), counts.end(), uint64_t{0});
  return sum == 0 ? 0 : static_cast<double>(counts[bin]) / static_cast<double>(sum);
}

// Bars are the data, the stepped line is the reference; hovering a bar names the bin.
std::string Histogram(const FeatureJudgement& judged) {
  constexpr double kWidth = 460, kHeight = 130, kBottom = 112, kLeft = 34;
  const size_t bins = judged.reference.size();
  double most = 0;
  for (size_t i = 0; i < bins; ++i)
    most = std::max({most, ShareOf(judged.reference, i), ShareOf(judged.current, i)});
  most = std::max(most, 1e-9);
  const double step = (kWidth - kLeft) / static_cast<double>(bins);
  const auto y = [&](double share) { return kBottom - share / most * (kBottom - 10); };
  std::string svg = Format("<svg viewBox=\"0 0 %g %g\" role=\"img\" aria-label=\"shares by bin\">",
                           kWidth, kHeight);
  svg += Format("<text x=\"0\" y=\"16\">%.0f %%</text><text x=\"0\" y=\"%g\">0</text>", most * 100,
                kBottom);
  std::string line;
  for (size_t i = 0; i < bins; ++i) {
    const double x = kLeft + static_cast<double>(i) * step;
    const double now = y(ShareOf(judged.current, i)), ref = y(ShareOf(judged.reference, i));
    svg += Format("<rect class=\"now\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\">",
                  x + 2, now, std::max(1.0, step - 4), kBottom - now);
    svg +=
        "<title>" + EscapeXml(judged.bin_names[i]) +
        Format(": %llu of %llu, reference %.2f %%</title></rect>",
               static_cast<unsigned long long>(judged.current[i]),
               static_cast<unsigned long long>(judged.values), ShareOf(judged.reference, i) * 100);
    line += Format("%s%.1f,%.1f L%.1f,%.1f ", i == 0 ? "M" : "L", x, ref, x + step, ref);
  }
  svg += "<path class=\"ref\" d=\"" + line + "\"/>";
  svg += Format("<line class=\"axis\" x1=\"%g\" y1=\"%g\" x2=\"%g\" y2=\"%g\"/>", kLeft, kBottom,
                kWidth, kBottom);
  svg += Format("<text x=\"%g\" y=\"126\">%s</text>", kLeft,
                EscapeXml(judged.bin_names.front()).c_str());
  svg += Format("<text x=\"%g\" y=\"126\" text-anchor=\"end\">%s</text>", kWidth,
                EscapeXml(judged.bin_names.back()).c_str());
  return svg + "</svg>";
}

// log10 of the detector's evidence over the rows.
std::string EvidencePath(const FeatureJudgement& judged) {
  constexpr double kWidth = 460, kHeight = 74, kBottom = 58, kLeft = 34;
  if (judged.path.empty()) return "";
  float most = 2;
  for (const float value : judged.path) most = std::max(most, value);
  const auto y = [&](float value) {
    return kBottom - static_cast<double>(std::max(0.0F, value) / most) * (kBottom - 8);
  };
  std::string line;
  for (size_t i = 0; i < judged.path.size(); ++i) {
    const double x = kLeft + (kWidth - kLeft) * static_cast<double>(i + 1) /
                                 static_cast<double>(judged.path.size());
    line += Format("%s%.1f,%.1f ", i == 0 ? "M" : "L", x, y(judged.path[i]));
  }
  std::string svg =
      Format("<svg viewBox=\"0 0 %g %g\" role=\"img\" aria-label=\"evidence over rows\">", kWidth,
             kHeight);
  svg += Format("<text x=\"0\" y=\"14\">10^%.0f</text><text x=\"0\" y=\"%g\">1</text>",
                static_cast<double>(most), kBottom);
  svg += Format("<line class=\"axis\" x1=\"%g\" y1=\"%g\" x2=\"%g\" y2=\"%g\"/>", kLeft, kBottom,
                kWidth, kBottom);
  svg += "<path class=\"path\" d=\"" + line + "\"/>";
  return svg + Format("<text x=\"%g\" y=\"71\">evidence as the rows came</text></svg>", kLeft);
}

std::string Row(const FeatureJudgement& judged, size_t index) {
  const stats::Estimate& distance = judged.distances[static_cast<size_t>(
      judged.categorical ? stats::Distance::kLInfinity : stats::Distance::kKs)];
  const stats::Estimate& psi = judged.distances[static_cast<size_t>(stats::Distance::kPsi)];
  std::string row =
      Format("<tr><td><a href=\"#f%zu\">", index) + EscapeXml(judged.name) + "</a></td>";
  row += Format("<td>%llu</td><td>%llu</td><td>%llu</td>",
                static_cast<unsigned long long>(judged.values),
                static_cast<unsigned long long>(judged.nulls),
                static_cast<unsigned long long>(judged.outside));
  row += Format("<td>%.3f <small>%.3f to %.3f</small></td><td>%.3f</td>", distance.value,
                distance.low, distance.high, psi.value);
  row += judged.categorical ? "<td>-</td>"
                            : Format("<td>%+.2f <small>%+.2f to %+.2f</small></td>",
                                     judged.shift.value, judged.shift.low, judged.shift.high);
  return row + Format("<td>%.1f</td><td class=\"verdict %s\">%s</td></tr>", judged.log10_e_value,
                      std::string(VerdictClass(judged.verdict)).c_str(),
                      std::string(DriftVerdictName(judged.verdict)).c_str());
}

std::string Card(const FeatureJudgement& judged, size_t index) {
  std::string card = Format("<section id=\"f%zu\"><h2>", index) + EscapeXml(judged.name) +
                     Format("<span class=\"verdict %s\">%s</span></h2><p>",
                            std::string(VerdictClass(judged.verdict)).c_str(),
                            std::string(DriftVerdictName(judged.verdict)).c_str());
  std::string separator;
  for (size_t i = 0; i < stats::kDistances; ++i) {
    const auto distance = static_cast<stats::Distance>(i);
    const bool of_numbers = distance == stats::Distance::kKs || distance == stats::Distance::kW1;
    if (judged.categorical && of_numbers) continue;
    card += separator + Format("%s %.3f", std::string(stats::DistanceName(distance)).c_str(),
                               judged.distances[i].value);
    separator = " &middot; ";
  }
  if (judged.frozen > 0)
    card += Format(" &middot; frozen %llu", static_cast<unsigned long long>(judged.frozen));
  return card + "</p>" + Histogram(judged) + EvidencePath(judged) + "</section>";
}

}  // namespace

std::string ToHtml(const DataJudgement& judgement, const std::string& title) {
  const auto named = std::count_if(
      judgement.features.begin(), judgement.features.end(), [](const FeatureJudgement& judged) {
        return judged.verdict == DriftVerdict::kDrift || judged.verdict == DriftVerdict::kMissing;
      });
  std::string html = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">";
  html += "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>" +
          EscapeXml(title) + "</title><style>" + std::string(kStyle) + "</style><main><h1>" +
          EscapeXml(title) + "</h1><p class=\"lead\">";
  html += named == 0 ? Format("No drift in %zu features", judgement.features.size())
                     : Format("%lld of %zu features drifted", static_cast<long long>(named),
                              judgement.features.size());
  html += Format(
      ", %llu rows, baseline %s. At most %.0f %% of the named features are named "
      "wrongly.</p>",
      static_cast<unsigned long long>(judgement.rows), judgement.baseline_id.substr(0, 12).c_str(),
      judgement.fdr * 100);
  html +=
      "<table><tr><th>feature</th><th>values</th><th>nulls</th><th>outside</th>"
      "<th>KS or L-infinity (95 %)</th><th>PSI</th><th>effect in sd (95 %)</th>"
      "<th>evidence, log10</th><th>verdict</th></tr>";
  std::vector<size_t> order(judgement.features.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return judgement.features[a].log10_e_value > judgement.features[b].log10_e_value;
  });
  for (const size_t i : order) html += Row(judgement.features[i], i);
  html += "</table><div class=\"cards\">";
  for (const size_t i : order) html += Card(judgement.features[i], i);
  html += "</div><p class=\"lead\">Bars: this data. Grey line: the reference.</p>";
  for (const std::string& note : judgement.notes)
    html += "<p class=\"lead\">" + EscapeXml(note) + "</p>";
  return html + "</main></html>\n";
}

}  // namespace kedge::cli
