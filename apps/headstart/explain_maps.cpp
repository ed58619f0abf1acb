#include "explain_maps.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "headstart/npy.h"
#include "headstart/text.h"
#include "output.h"
#include "photo_output.h"

namespace headstart::app {
namespace {

constexpr std::size_t kShownMaps = 400;  // pictures on a contact sheet
constexpr int kSheetSide = 160, kColumns = 10;
constexpr std::size_t kClasses = 50;  // average maps on it, the most frequent classes first

// "top3": 3.
std::optional<int> top_of(const std::string& text) {
  const auto top = text.starts_with("top") ? number_from<int>(text.substr(3)) : std::nullopt;
  return top && *top >= 1 && *top <= 20 ? top : std::nullopt;
}

ExplainOptions explain_options(const ExplainCommand& options, const Model& model) {
  ExplainOptions explain = options.explain;
  explain.layer = options.layer;
  if (const auto top = top_of(options.classes)) {
    explain.top = *top;
  } else if (!options.classes.empty()) {
    explain.classes = chosen_classes(model, options.classes);
  }
  return explain;
}

bool any_read(const std::vector<Explanation>& explanations) {
  return std::ranges::any_of(explanations, [](const Explanation& each) { return each.error.empty(); });
}

SheetText sheet_text(const Model& model, const ExplainOptions& explain) {
  const auto layer = layer_of(model, explain);
  return {.labels = class_labels(model),
          .method = to_string(explain.method) + (layer ? " at " + model.graph.node(*layer).name : "")};
}

Json explanation_json(const Model& model, const SheetText& text, const Explanation& explanation) {
  if (!explanation.error.empty()) {
    return {{"image", explanation.path}, {"error", explanation.error}};
  }
  Json classes = Json::array();
  for (const auto& each : explanation.classes) {
    const auto i = static_cast<std::size_t>(each.ranked.index);
    classes.push_back({{"index", each.ranked.index},
                       {"id", i < model.class_ids.size() ? model.class_ids[i] : ""},
                       {"name", text.labels[i]},
                       {"probability", number(each.ranked.probability)},
                       {"maximum", number(each.map.maximum)},
                       {"border", number(static_cast<float>(border_share(each.map.values)))},
                       {"height", each.map.values.shape()[0]},
                       {"width", each.map.values.shape()[1]}});
  }
  Json document{{"image", explanation.path}, {"classes", classes}};
  if (explanation.strangeness) {
    document["unknown"] = explanation.unknown();
    document["strangeness"] = number(*explanation.strangeness);
  }
  return document;
}

// (maps, h, w), one after the other.
void write_heat_maps(const std::vector<Explanation>& explanations, const std::string& path) {
  std::vector<const Tensor*> maps;
  for (const auto& explanation : explanations) {
    for (const auto& each : explanation.classes) {
      maps.push_back(&each.map.values);
    }
  }
  const Shape& shape = maps.front()->shape();
  Tensor all({static_cast<std::int64_t>(maps.size()), shape[0], shape[1]});
  for (std::size_t i = 0; i < maps.size(); ++i) {
    std::copy_n(maps[i]->data(), maps[i]->size(),
                all.data() + static_cast<std::int64_t>(i) * maps[i]->size());
  }
  write_npy(all, path);
}

void say_zero_maps(const SheetText& text, const Explanation& explanation, Progress& progress) {
  for (const auto& each : explanation.classes) {
    if (each.map.is_zero()) {
      progress.message(fmt::format("note: {}: nothing speaks for {} ({}): the map is all zeros",
                                   explanation.path, text.labels[static_cast<std::size_t>(each.ranked.index)],
                                   text.method));
    }
  }
}

std::vector<CaptionedPicture> overlay_cells(const ExplainCommand& options, const Model& model,
                                            const SheetText& text,
                                            const std::vector<Explanation>& explanations) {
  std::vector<Explanation> shown;
  for (const auto& explanation : explanations) {
    if (shown.size() < kShownMaps && !explanation.classes.empty()) {
      shown.push_back(explanation);
    }
  }
  auto pictures = evidence_thumbnails(shown, model.preprocessing, kSheetSide, options.overlay);
  std::vector<CaptionedPicture> cells;
  cells.reserve(shown.size());
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const auto& ranked = shown[i].unknown() ? shown[i].ranking.front() : shown[i].classes.front().ranked;
    const auto& label = text.labels[static_cast<std::size_t>(ranked.index)];
    const auto said = fmt::format("{} {:.2f}", label, ranked.probability);
    cells.push_back({.picture = std::move(pictures[i]),
                     .caption = shown[i].unknown() ? fmt::format("unknown ({})", said) : said});
  }
  return cells;
}

std::vector<CaptionedPicture> average_cells(const ExplainCommand& options, const SheetText& text,
                                            std::vector<ClassEvidence> classes) {
  std::stable_sort(classes.begin(), classes.end(),
                   [](const ClassEvidence& a, const ClassEvidence& b) { return a.pictures > b.pictures; });
  classes.resize(std::min(classes.size(), kClasses));
  std::vector<CaptionedPicture> cells;
  cells.reserve(classes.size());
  for (const auto& each : classes) {
    const PictureWindow whole{.width = kSheetSide, .height = kSheetSide};
    const Tensor heat = heat_over(each.mean, kSheetSide, kSheetSide, whole);
    cells.push_back({.picture = coloured(heat, options.overlay.colormap),
                     .caption = fmt::format("{} ({})", text.labels[static_cast<std::size_t>(each.index)],
                                            each.pictures)});
  }
  return cells;
}

// The overlays, and under them the average map of each class.
void write_contact_sheet(const ExplainCommand& options, const Model& model, const SheetText& text,
                         const std::vector<Explanation>& explanations,
                         const std::vector<ClassEvidence>& classes) {
  const auto overlays = overlay_cells(options, model, text, explanations);
  const auto title = fmt::format("{}: {} of {} pictures", text.method, overlays.size(), explanations.size());
  std::vector<Image> sheets{contact_sheet(overlays, kColumns, kSheetSide, title)};
  if (const auto averages = average_cells(options, text, classes); !averages.empty()) {
    sheets.push_back(contact_sheet(averages, kColumns, kSheetSide, "Average map of each class"));
  }
  write_png(stacked(sheets), options.output);
}

void report_classes(const SheetText& text, const std::vector<ClassEvidence>& classes, Progress& progress) {
  for (const auto& each : classes) {
    if (each.border > kBorderWarning) {
      progress.message(fmt::format(
          "warning: {}: {:.0f} % of the evidence sits on the border of the pictures (even: 36 %); "
          "the network may go by the surroundings",
          text.labels[static_cast<std::size_t>(each.index)], 100.0 * each.border));
    }
  }
}

void print_explanation(const ExplainCommand& options, const SheetText& text, const Explanation& explanation) {
  const auto label = [&](const RankedClass& ranked) {
    return text.labels[static_cast<std::size_t>(ranked.index)];
  };
  if (explanation.unknown()) {
    const RankedClass& nearest = explanation.ranking.front();
    fmt::print("{}  {}\n", explanation.path, unknown_text(label(nearest), nearest.probability));
    if (options.classes.empty()) {
      return;
    }
  }
  for (const auto& each : explanation.classes) {
    fmt::print("{}  {:6.4f}  {}\n", explanation.path, each.ranked.probability, label(each.ranked));
  }
}

void print_results(const ExplainCommand& options, const Model& model, const SheetText& text,
                   const std::vector<Explanation>& explanations, const std::vector<ClassEvidence>& classes) {
  if (options.json) {
    Json images = Json::array(), averages = Json::array();
    for (const auto& explanation : explanations) {
      images.push_back(explanation_json(model, text, explanation));
    }
    for (const auto& each : classes) {
      averages.push_back({{"name", text.labels[static_cast<std::size_t>(each.index)]},
                          {"pictures", each.pictures},
                          {"border", number(static_cast<float>(each.border))},
                          {"on_border", each.border > kBorderWarning}});
    }
    print_json({{"model", options.request.model},
                {"method", text.method},
                {"out", any_read(explanations) ? Json(options.output) : Json()},
                {"images", images},
                {"classes", averages}});
    return;
  }
  for (const auto& explanation : explanations) {
    print_explanation(options, text, explanation);
  }
  fmt::print("{} -> {}\n", text.method, options.output);
}

}  // namespace

std::vector<int> chosen_classes(const Model& model, const std::string& text) {
  std::vector<int> classes;
  const auto labels = class_labels(model);
  if (std::find(labels.begin(), labels.end(), text) != labels.end()) {
    return {find_class(model, text)};  // a name with a comma
  }
  for (const auto& name : split(text, ',')) {
    classes.push_back(find_class(model, name));
  }
  return classes;
}

void explain_maps(const ExplainCommand& options, const Model& model, Progress& progress, Outcome& outcome) {
  check_overlay(options.overlay);
  const ExplainOptions explain = explain_options(options, model);
  const SheetText text = sheet_text(model, explain);
  note_nameless(model, progress);
  const auto paths = image_files(options.data);
  keep_photos(paths, options.output);
  keep_photos(paths, options.heatmap);
  std::vector<Explanation> explanations(paths.size());
  explain_files(model, paths, explain, progress, [&](std::size_t picture, Explanation explanation) {
    explanations[picture] = std::move(explanation);
  });
  for (const auto& explanation : explanations) {
    if (!explanation.error.empty()) {
      print_photo_error(explanation.path, explanation.error);
      outcome.exit_status = 1;
    }
    say_zero_maps(text, explanation, progress);
  }
  std::error_code ignored;
  std::vector<ClassEvidence> classes;
  const bool read = any_read(explanations);
  if (read && std::filesystem::is_directory(options.data, ignored)) {
    classes = evidence_by_class(explanations);
    report_classes(text, classes, progress);
    write_contact_sheet(options, model, text, explanations, classes);
  } else if (read) {
    const Explanation& explanation = explanations.front();
    write_png(explanation_sheet(read_image(explanation.path), explanation, text, model.preprocessing,
                                options.overlay),
              options.output);
  }
  if (read && !options.heatmap.empty()) {
    write_heat_maps(explanations, options.heatmap);
  }
  if (read || options.json) {
    print_results(options, model, text, explanations, classes);
  }
}

}  // namespace headstart::app
