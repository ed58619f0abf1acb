// The page of a report.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "headstart/text.h"
#include "report/charts.h"
#include "report/page_style.h"
#include "report/render.h"
#include "report/run_report.h"

namespace headstart {
namespace {

constexpr std::size_t kLargestMatrix = 20;  // classes; beyond it the pairs confused most are listed

std::string section(const std::string& title, const std::string& body) {
  return body.empty() ? ""
                      : fmt::format("<section>\n<h2>{}</h2>\n{}</section>\n", escape_markup(title), body);
}

std::string per_cent(double share) { return fmt::format("{:.1f}&nbsp;%", 100.0 * share); }

std::string fact_table(const std::vector<Fact>& facts) {
  if (facts.empty()) {
    return "";
  }
  std::string out = "<table class=\"facts\">\n";
  for (const auto& fact : facts) {
    out += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", escape_markup(fact.name),
                       escape_markup(fact.value));
  }
  return out + "</table>\n";
}

std::string multi_label_headline(const MultiLabelEvaluation& e, const std::string& measured_on) {
  std::string out = "<div class=\"tiles\">\n";
  out +=
      tile(fmt::format("{:.3f}", e.mean_average_precision), "mAP", "mean average precision of the classes");
  out += tile(fmt::format("{:.3f}", e.macro_f1), "macro F1", "mean F1 of the classes");
  out += tile(fmt::format("{:.3f}", e.micro_f1), "micro F1", "of all classes together");
  out += tile(per_cent(e.accuracy), "accuracy", "of all classes of all images");
  out += tile(per_cent(e.exact_accuracy), "exactly right", "images of which every class is right");
  out += tile(fmt::format("{:.3f}", e.loss), "loss", "mean binary cross-entropy");
  return out + fmt::format("</div>\n<p class=\"note\">Measured on {} images: {}.</p>\n",
                           with_thousands(e.images), escape_markup(measured_on));
}

std::string headline(const RunReport& report) {
  if (report.multi_label) {
    return multi_label_headline(*report.multi_label, report.measured_on);
  }
  if (!report.evaluation) {
    return fmt::format("<p class=\"note\">{}</p>\n", escape_markup(report.measured_on));
  }
  const Evaluation& e = *report.evaluation;
  const auto right = static_cast<std::int64_t>(std::llround(e.accuracy * static_cast<double>(e.images)));
  const Interval interval = wilson_interval(right, e.images);
  std::string out = "<div class=\"tiles\">\n";
  out += tile(per_cent(e.accuracy), "accuracy",
              fmt::format("95&nbsp;% interval {} to {}", per_cent(interval.low), per_cent(interval.high)));
  out += tile(per_cent(e.balanced_accuracy), "balanced accuracy", "mean recall of the classes");
  out += tile(fmt::format("{:.3f}", e.macro_f1), "macro F1", "mean F1 of the classes");
  out += tile(fmt::format("{:.3f}", e.loss), "loss", "mean cross-entropy");
  out += tile(per_cent(e.calibration_error), "calibration error",
              report.temperature == 1.0 ? std::string("not calibrated")
                                        : fmt::format("temperature {:.3f}", report.temperature));
  if (report.known) {
    out += tile(per_cent(unknown_share(report.known->accepted, report.known->images)), "called unknown",
                "unlike the training photos");
  }
  return out + fmt::format("</div>\n<p class=\"note\">Measured on {} images: {}.</p>\n",
                           with_thousands(e.images), escape_markup(report.measured_on));
}

// Nothing is said about no images.
std::string figure_cell(double figure, std::int64_t images) {
  return images == 0 ? "<td>&ndash;</td>" : fmt::format("<td>{:.3f}</td>", figure);
}

std::string share_cells(double share, const Interval& interval, std::int64_t images) {
  return figure_cell(share, images) +
         (images == 0 ? "<td>&ndash;</td>"
                      : fmt::format("<td>{:.3f}&ndash;{:.3f}</td>", interval.low, interval.high));
}

std::string class_table(const RunReport& report) {
  const Evaluation& evaluation = *report.evaluation;
  std::string out =
      "<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">class</th><th scope=\"col\">images</th>"
      "<th scope=\"col\">recall</th><th scope=\"col\">95&nbsp;% interval</th><th scope=\"col\">precision</th>"
      "<th scope=\"col\">95&nbsp;% interval</th><th scope=\"col\">F1</th>";
  out += report.known ? "<th scope=\"col\">called unknown</th>" : "";
  out += "</tr></thead>\n<tbody>\n";
  for (std::size_t c = 0; c < evaluation.classes.size(); ++c) {
    const ClassMetrics& one = evaluation.classes[c];
    const std::int64_t right = evaluation.confusion[c][c];
    std::int64_t predicted = 0;
    for (const auto& row : evaluation.confusion) {
      predicted += row[c];
    }
    const Interval recall = wilson_interval(right, one.support);
    const Interval precision = wilson_interval(right, predicted);
    const KnownShare known = report.known ? report.known->classes.at(c) : KnownShare{};
    const auto unknown = figure_cell(unknown_share(known.accepted, known.images), known.images);
    out += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td>{}{}{}{}</tr>\n", escape_markup(one.name),
                       one.support, share_cells(one.recall, recall, one.support),
                       share_cells(one.precision, precision, predicted), figure_cell(one.f1, one.support),
                       report.known ? unknown : "");
  }
  return out + "</tbody></table></div>\n";
}

std::string multi_label_table(const MultiLabelEvaluation& evaluation) {
  std::string out =
      "<p class=\"note\">A class is said to be on a photo where its probability is above one half; the "
      "average "
      "precision is over all thresholds.</p>\n<div class=\"scroll\"><table>\n"
      "<thead><tr><th>class</th><th>images</th><th>average precision</th><th>recall</th><th>95&nbsp;%</th>"
      "<th>precision</th><th>95&nbsp;%</th><th>F1</th></tr></thead>\n<tbody>\n";
  for (const LabelMetrics& one : evaluation.classes) {
    out += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td>{}{}{}{}</tr>\n", escape_markup(one.name),
                       one.support, figure_cell(one.average_precision, one.support),
                       share_cells(one.recall, wilson_interval(one.right, one.support), one.support),
                       share_cells(one.precision, wilson_interval(one.right, one.predicted), one.predicted),
                       figure_cell(one.f1, one.support));
  }
  return out + "</tbody></table></div>\n";
}

std::string confusion_matrix(const Evaluation& evaluation) {
  std::string out = "<div class=\"scroll\"><table class=\"matrix\">\n<thead><tr><th>label \\ predicted</th>";
  for (const auto& one : evaluation.classes) {
    out += fmt::format("<th scope=\"col\">{}</th>", escape_markup(one.name));
  }
  out += "</tr></thead>\n<tbody>\n";
  for (std::size_t label = 0; label < evaluation.classes.size(); ++label) {
    out += fmt::format("<tr><th scope=\"row\">{}</th>", escape_markup(evaluation.classes[label].name));
    for (std::size_t predicted = 0; predicted < evaluation.classes.size(); ++predicted) {
      const auto count = evaluation.confusion[label][predicted];
      const auto support = std::max<std::int64_t>(1, evaluation.classes[label].support);
      const double share = static_cast<double>(count) / static_cast<double>(support);
      out += fmt::format("<td class=\"{}\" style=\"--share:{:.0f}%\">{}</td>",
                         label == predicted ? "right" : "wrong", 100.0 * std::sqrt(share), count);
    }
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string confused_pairs(const Evaluation& evaluation) {
  const auto pairs = most_confused(evaluation, kLargestMatrix);
  std::string out =
      "<div class=\"scroll\"><table>\n<thead><tr><th>label</th><th>taken "
      "for</th><th>images</th></tr></thead>\n";
  for (const auto& pair : pairs) {
    out += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td></tr>\n",
                       escape_markup(evaluation.classes[pair.label].name),
                       escape_markup(evaluation.classes[pair.predicted].name), pair.count);
  }
  return out + "</table></div>\n";
}

std::string gallery(const std::vector<Thumbnail>& thumbnails) {
  if (thumbnails.empty()) {
    return "";
  }
  const auto image = [](const std::string& uri, const std::string& text, const std::string& path) {
    return fmt::format("<img src=\"{}\" alt=\"{}\" title=\"{}\">", uri, escape_markup(text),
                       escape_markup(path));
  };
  const bool pairs = std::any_of(thumbnails.begin(), thumbnails.end(),
                                 [](const Thumbnail& one) { return !one.evidence.empty(); });
  std::string out = pairs ? "<div class=\"gallery pairs\">\n" : "<div class=\"gallery\">\n";
  for (const auto& one : thumbnails) {
    std::string images = image(one.uri, one.caption, one.path);
    if (!one.evidence.empty()) {
      images =
          fmt::format("<div>{}{}</div>", images, image(one.evidence, "Grad-CAM: " + one.caption, one.path));
    }
    out += fmt::format("<figure>{}<figcaption>{} <b>{}</b></figcaption></figure>\n", images,
                       escape_markup(one.caption), escape_markup(one.detail));
  }
  return out + "</div>\n";
}

std::string mistakes(const RunReport& report) {
  const bool explained = !report.mistakes.empty() && !report.mistakes.front().evidence.empty();
  return (explained
              ? "<p class=\"note\">Beside each photo, Grad-CAM: red is where the evidence lies for the class "
                "that it was taken for.</p>\n"
              : "") +
         gallery(report.mistakes);
}

std::string measurement(const RunReport& report) {
  if (report.multi_label) {
    return section("Classes", multi_label_table(*report.multi_label));
  }
  if (!report.evaluation) {
    return "";
  }
  const Evaluation& e = *report.evaluation;
  std::string out = section("Classes", class_table(report));
  out += section("Confusion", e.classes.size() <= kLargestMatrix ? confusion_matrix(e) : confused_pairs(e));
  out += section(
      "Reliability",
      "<p class=\"note\">On the dashed line, what is said with 80&nbsp;% is right in 80&nbsp;% of the "
      "cases; the columns show how many images there are.</p>\n<div class=\"chart small\">" +
          inline_svg(reliability_drawing(e.reliability), "Accuracy over confidence") + "</div>\n");
  out += section("Most confident mistakes", mistakes(report));
  return out + section("Least certain", gallery(report.uncertain));
}

}  // namespace

std::string report_html(const RunReport& report) {
  std::string out = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n"
      "<title>{}</title>\n<style>\n{}</style>\n</head>\n<body>\n<main>\n<h1>{}</h1>\n",
      escape_markup(report.title), page_style(), escape_markup(report.title));
  out += headline(report);
  out += section("The run", fact_table(report.facts));
  if (!report.curves.history.empty()) {
    out +=
        section("Curves", "<div class=\"chart\">" +
                              inline_svg(curves_drawing({report.curves}, {}), "Loss and accuracy by epoch") +
                              "</div>\n");
  }
  out += measurement(report);
  out += section("Augmented views that it learned from", gallery(report.views));
  out += section("Frozen and trained", fact_table(report.frozen));
  out += section("Time", fact_table(report.seconds));
  out += section("To repeat it",
                 fmt::format("<pre>{}</pre>\n", escape_markup(report.command)) + fact_table(report.versions));
  return out + "</main>\n</body>\n</html>\n";
}

}  // namespace headstart
