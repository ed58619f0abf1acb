// A run as a model card: Markdown under the YAML that model hubs read.
#include <algorithm>
#include <cctype>
#include <cmath>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "headstart/text.h"
#include "report/run_report.h"

namespace headstart {
namespace {

constexpr std::size_t kWorst = 3, kPairs = 5;  // classes and pairs that are named
constexpr std::int64_t kFewPhotos = 30;        // with fewer an interval is wider than a third
constexpr std::int64_t kImbalance = 3;         // times as many photos

// YAML reads JSON's texts.
std::string quoted(const std::string& text) { return nlohmann::json(valid_utf8(text)).dump(); }

// Nothing in it is markup, and it stays in one cell of a table. An underscore within a word is none.
std::string plain(const std::string& text) {
  constexpr std::string_view kMarkup = "\\`*{}[]<>#|~&!";
  const std::string valid = valid_utf8(text);
  const auto in_word = [&](std::size_t i) {
    return i < valid.size() && std::isalnum(static_cast<unsigned char>(valid[i])) != 0;
  };
  std::string result;
  for (std::size_t i = 0; i < valid.size(); ++i) {
    const char c = valid[i];
    if (kMarkup.find(c) != std::string_view::npos || (c == '_' && !(in_word(i - 1) && in_word(i + 1)))) {
      result += '\\';
    }
    result += c == '\n' || c == '\r' ? ' ' : c;
  }
  return result;
}

std::string indented(const std::string& lines) {
  std::string out;
  for (const auto& line : split(valid_utf8(lines), '\n')) {
    out += "    " + line + "\n";
  }
  return out;
}

std::string card_section(const std::string& title, const std::string& body) {
  return body.empty() ? "" : fmt::format("\n## {}\n\n{}", title, body);
}

std::string card_facts(const std::vector<Fact>& facts) {
  std::string out = "| | |\n|---|---|\n";
  for (const auto& fact : facts) {
    out += fmt::format("| {} | {} |\n", plain(fact.name), plain(fact.value));
  }
  return out;
}

std::string as_per_cent(double share) { return fmt::format("{:.1f} %", 100.0 * share); }

std::string between(const Interval& interval) {
  return fmt::format("{:.3f} to {:.3f}", interval.low, interval.high);
}

std::string measured_metrics(const RunReport& report) {
  if (!report.evaluation && !report.multi_label) {
    return "";
  }
  const double accuracy = report.multi_label ? report.multi_label->accuracy : report.evaluation->accuracy;
  const double macro_f1 = report.multi_label ? report.multi_label->macro_f1 : report.evaluation->macro_f1;
  return fmt::format(
      "metrics:\n- accuracy\n- f1\n"
      "model-index:\n- name: {}\n  results:\n  - task:\n      type: image-classification\n"
      "    dataset:\n      type: imagefolder\n      name: {}\n      split: {}\n"
      "    metrics:\n    - type: accuracy\n      value: {:.4f}\n    - type: f1\n      name: macro F1\n"
      "      value: {:.4f}\n",
      quoted(report.curves.name), quoted(report.subject.data_name), quoted(report.subject.split), accuracy,
      macro_f1);
}

std::string front_matter(const RunReport& report) {
  return fmt::format(
      "---\nlibrary_name: headstart\npipeline_tag: image-classification\ntags:\n- image-classification\n"
      "- transfer-learning\n- {}\n{}---\n",
      quoted(report.subject.network), measured_metrics(report));
}

std::string introduction(const RunReport& report) {
  const Subject& subject = report.subject;
  std::vector<std::string> names;
  names.reserve(subject.classes.size());
  for (const auto& name : subject.classes) {
    names.push_back(plain(name));
  }
  std::string out = fmt::format("\n# {}\n\nSays which of {} kinds of things {} on a photo{}: {}.\n",
                                plain(report.title), names.size(), report.multi_label ? "are" : "is",
                                report.multi_label ? ", any number of them" : "", fmt::join(names, ", "));
  if (subject.accepted_share) {
    out += fmt::format(
        "Of photos unlike those that it was trained on it says that they are unknown; the limits were set so "
        "that "
        "{} of photos of its classes are accepted.\n",
        as_per_cent(*subject.accepted_share));
  }
  return out +
         "\nThis card was written by `headstart` from the files of the run; what is not in them is not "
         "here.\n";
}

std::string photo_table(const RunReport& report) {
  const Subject& subject = report.subject;
  if (subject.photos.empty()) {
    return report.evaluation || report.multi_label
               ? "The photos of the training were not looked at for this card.\n"
               : fmt::format("{}\n", plain(report.measured_on));
  }
  std::string out = fmt::format(
      "{}, as folders or lists of labelled photos. Validation: {}.\n\n| class | training | validation | test "
      "|\n"
      "|---|--:|--:|--:|\n",
      plain(subject.data_name), subject.held_out);
  for (const auto& one : subject.photos) {
    out += fmt::format("| {} | {} | {} | {} |\n", plain(one.name), one.train, one.validation, one.test);
  }
  return out;
}

std::string card_classes(const RunReport& report) {
  const Evaluation& e = *report.evaluation;
  std::string out =
      report.known
          ? "| class | photos | recall | 95 % interval | precision | F1 | called unknown |\n"
            "|---|--:|--:|--:|--:|--:|--:|\n"
          : "| class | photos | recall | 95 % interval | precision | F1 |\n|---|--:|--:|--:|--:|--:|\n";
  for (std::size_t c = 0; c < e.classes.size(); ++c) {
    const ClassMetrics& one = e.classes[c];
    if (one.support == 0) {
      out += fmt::format("| {} | 0 | | | | |{}\n", plain(one.name), report.known ? " |" : "");
      continue;
    }
    out +=
        fmt::format("| {} | {} | {:.3f} | {} | {:.3f} | {:.3f} |", plain(one.name), one.support, one.recall,
                    between(wilson_interval(e.confusion[c][c], one.support)), one.precision, one.f1);
    if (report.known) {
      const KnownShare& known = report.known->classes.at(c);
      out += fmt::format(" {:.3f} |", unknown_share(known.accepted, known.images));
    }
    out += "\n";
  }
  return out;
}

std::string multi_label_results(const MultiLabelEvaluation& e, const std::string& measured_on) {
  const std::vector<Fact> figures{
      {"mean average precision", fmt::format("{:.3f}", e.mean_average_precision)},
      {"macro F1", fmt::format("{:.3f}", e.macro_f1)},
      {"micro F1", fmt::format("{:.3f}", e.micro_f1)},
      {"accuracy of all classes of all photos", fmt::format("{:.3f}", e.accuracy)},
      {"photos of which every class is right", fmt::format("{:.3f}", e.exact_accuracy)},
      {"loss (binary cross-entropy)", fmt::format("{:.3f}", e.loss)}};
  std::string out = fmt::format(
      "On {} photos: {}. A class is said to be on a photo where its probability is above one half.\n\n{}\n"
      "| class | photos | average precision | recall | 95 % interval | precision | F1 |\n"
      "|---|--:|--:|--:|--:|--:|--:|\n",
      with_thousands(e.images), plain(measured_on), card_facts(figures));
  for (const LabelMetrics& one : e.classes) {
    out += one.support == 0
               ? fmt::format("| {} | 0 | | | | | |\n", plain(one.name))
               : fmt::format("| {} | {} | {:.3f} | {:.3f} | {} | {:.3f} | {:.3f} |\n", plain(one.name),
                             one.support, one.average_precision, one.recall,
                             between(wilson_interval(one.right, one.support)), one.precision, one.f1);
  }
  return out;
}

std::string card_results(const RunReport& report) {
  if (report.multi_label) {
    return multi_label_results(*report.multi_label, report.measured_on);
  }
  if (!report.evaluation) {
    return fmt::format("{}\n", plain(report.measured_on));
  }
  const Evaluation& e = *report.evaluation;
  const auto right = static_cast<std::int64_t>(std::llround(e.accuracy * static_cast<double>(e.images)));
  std::vector<Fact> figures{
      {"accuracy",
       fmt::format("{:.3f}, 95 % interval {}", e.accuracy, between(wilson_interval(right, e.images)))},
      {"balanced accuracy", fmt::format("{:.3f}", e.balanced_accuracy)},
      {"macro F1", fmt::format("{:.3f}", e.macro_f1)},
      {"loss (cross-entropy)", fmt::format("{:.3f}", e.loss)},
      {"calibration error",
       fmt::format("{}, {}", as_per_cent(e.calibration_error),
                   report.temperature == 1.0 ? std::string("not calibrated")
                                             : fmt::format("at temperature {:.3f}", report.temperature))}};
  if (report.known) {
    figures.push_back(
        {"called unknown", fmt::format("{} of them", as_per_cent(unknown_share(report.known->accepted,
                                                                               report.known->images)))});
  }
  return fmt::format("On {} photos: {}.\n\n{}\n{}", with_thousands(e.images), plain(report.measured_on),
                     card_facts(figures), card_classes(report));
}

// The classes that are recognised worst, worse than the photos on average.
std::string worst_classes(const Evaluation& e) {
  std::vector<const ClassMetrics*> worst;
  for (const auto& one : e.classes) {
    if (one.support > 0 && one.recall < e.accuracy) {
      worst.push_back(&one);
    }
  }
  std::stable_sort(worst.begin(), worst.end(),
                   [](const ClassMetrics* a, const ClassMetrics* b) { return a->recall < b->recall; });
  worst.resize(std::min(worst.size(), kWorst));
  std::vector<std::string> names;
  names.reserve(worst.size());
  for (const ClassMetrics* one : worst) {
    names.push_back(fmt::format("{} ({:.3f})", plain(one->name), one->recall));
  }
  return names.empty() ? "" : fmt::format("- Recognised worst, by recall: {}.\n", fmt::join(names, ", "));
}

std::string confusions(const Evaluation& e) {
  std::vector<std::string> names;
  for (const auto& pair : most_confused(e, kPairs)) {
    names.push_back(fmt::format("{} taken for {} ({} of {})", plain(e.classes[pair.label].name),
                                plain(e.classes[pair.predicted].name), pair.count,
                                e.classes[pair.label].support));
  }
  return names.empty() ? "" : fmt::format("- Confused most often: {}.\n", fmt::join(names, "; "));
}

std::string few_photos(const Evaluation& e) {
  std::vector<std::string> names;
  for (const auto& one : e.classes) {
    if (one.support < kFewPhotos) {
      names.push_back(fmt::format("{} ({})", plain(one.name), one.support));
    }
  }
  return names.empty() ? ""
                       : fmt::format("- Measured on fewer than {} photos, so hardly known: {}.\n", kFewPhotos,
                                     fmt::join(names, ", "));
}

std::string imbalance(const std::vector<PhotoCount>& photos) {
  const auto fewer = [](const PhotoCount& a, const PhotoCount& b) { return a.train < b.train; };
  const auto [least, most] = std::minmax_element(photos.begin(), photos.end(), fewer);
  if (photos.empty() || most->train < kImbalance * least->train || least->train == 0) {
    return "";
  }
  return fmt::format("- Uneven training photos: {} of {}, {} of {}.\n", most->train, plain(most->name),
                     least->train, plain(least->name));
}

std::string weaknesses(const RunReport& report) {
  std::string out;
  if (report.evaluation) {
    const Evaluation& e = *report.evaluation;
    out += worst_classes(e) + confusions(e) + few_photos(e);
    if (report.temperature == 1.0) {
      out += fmt::format("- Its probabilities were not calibrated (calibration error {}).\n",
                         as_per_cent(e.calibration_error));
    }
  }
  out += imbalance(report.subject.photos);
  out += report.multi_label ? "- The probabilities of its classes were not calibrated.\n"
         : report.subject.accepted_share
             ? "- How many photos of other things it calls unknown was not measured here.\n"
             : "- It has an answer for every photo, also for one of something else.\n";
  if ((report.evaluation || report.multi_label) && report.subject.same_data) {
    out +=
        "- The photos that it was measured on come from the same data as those that it was trained on; "
        "others "
        "were not measured.\n";
  }
  return out;
}

std::string licence(const RunReport& report) {
  return fmt::format("The run names no licence. The photos come under the terms of their owners{}.\n",
                     report.subject.pretrained
                         ? ", the pre-trained weights that training began with under those of their publisher"
                         : "");
}

}  // namespace

std::string model_card(const RunReport& report) {
  std::vector<Fact> made = report.facts;
  made.insert(made.end(), report.frozen.begin(), report.frozen.end());
  made.insert(made.end(), report.versions.begin(), report.versions.end());
  std::string out = front_matter(report) + introduction(report);
  out += card_section("Use", indented("headstart predict model.safetensors photo.jpg\n"
                                      "headstart evaluate model.safetensors photos/\n"
                                      "headstart export model.safetensors --out model.onnx"));
  out += card_section("Results", card_results(report));
  out += card_section("Known weaknesses", weaknesses(report));
  out += card_section("Photos", photo_table(report));
  out += card_section("What the network sees", plain(report.subject.preprocessing) + "\n");
  out += card_section("How it was made", card_facts(made) + "\nTo repeat it:\n\n" + indented(report.command));
  return out + card_section("Licence", licence(report));
}

}  // namespace headstart
