#include "explain_network.h"

#include <algorithm>

#include <fmt/format.h>

#include "headstart/error.h"
#include "headstart/explain_network.h"
#include "headstart/text.h"
#include "output.h"
#include "photo_output.h"

namespace headstart::app {
namespace {

int count_or(const ExplainCommand& options, int otherwise) {
  return options.count > 0 ? options.count : otherwise;
}

std::vector<std::string> names_of(const std::string& text) {
  return text.empty() ? std::vector<std::string>{} : split(text, ',');
}

void print_done(const ExplainCommand& options, const std::string& what, const Json& details) {
  if (options.json) {
    Json document{{"model", options.request.model}, {"kind", options.kind}, {"out", options.output}};
    document.update(details);
    print_json(document);
  } else {
    fmt::print("{} -> {}\n", what, options.output);
  }
}

}  // namespace

void explain_filters(const ExplainCommand& options, const Model& model) {
  constexpr int kColumns = 16;
  const auto pictures = filter_pictures(model, options.layer, count_or(options, 256));
  std::vector<CaptionedPicture> cells;
  for (const auto& filter : pictures.filters) {
    cells.push_back({.picture = filter, .caption = ""});
  }
  const Image& first = pictures.filters.front();
  const bool wide = first.width > 2 * first.height;
  const int side = wide ? 24 * (first.width / std::max(1, first.height)) : 56;
  const auto title = fmt::format("{}: {} of {} kernels", pictures.layer, cells.size(), pictures.all);
  write_png(contact_sheet(cells, wide ? 6 : kColumns, side, title), options.output);
  print_done(options, title, {{"layer", pictures.layer}, {"shown", cells.size()}, {"filters", pictures.all}});
}

void explain_activations(const ExplainCommand& options, const Model& model) {
  constexpr int kSide = 112, kColumns = 8;
  keep_photos({options.data}, options.output);
  const Image photo = read_image(options.data);
  const auto layers = feature_maps(model, photo, names_of(options.layer), count_or(options, 16));
  std::vector<Image> sheets;
  Json list = Json::array();
  std::string names;
  for (const auto& layer : layers) {
    std::vector<CaptionedPicture> cells;
    for (std::size_t i = 0; i < layer.maps.size(); ++i) {
      cells.push_back({.picture = coloured(layer.maps[i], options.overlay.colormap),
                       .caption = fmt::format("channel {}", layer.channels[i])});
    }
    sheets.push_back(
        contact_sheet(cells, kColumns, kSide,
                      fmt::format("{} {}: the strongest channels", layer.layer, to_string(layer.shape))));
    list.push_back({{"layer", layer.layer}, {"shape", layer.shape}, {"channels", layer.channels}});
    names += (names.empty() ? "" : ", ") + layer.layer;
  }
  write_png(stacked(sheets), options.output);
  print_done(options, names, {{"layers", list}});
}

void explain_maximize(const ExplainCommand& options, const Model& model, Progress& progress) {
  MaximizeOptions maximizing{.layer = options.layer, .seed = options.request.seed};
  maximizing.classes = !options.classes.empty();
  if (maximizing.classes) {
    maximizing.units = chosen_classes(model, options.classes);
  }
  maximizing.units.insert(maximizing.units.end(), options.filters.begin(), options.filters.end());
  maximizing.steps = options.steps > 0 ? options.steps : maximizing.steps;
  const auto made = maximize(model, maximizing, progress);
  const auto labels = maximizing.classes ? class_labels(model) : std::vector<std::string>{};
  std::vector<CaptionedPicture> cells;
  Json list = Json::array();
  for (const auto& each : made) {
    const auto name = maximizing.classes ? labels[static_cast<std::size_t>(each.unit)]
                                         : fmt::format("filter {}", each.unit);
    cells.push_back({.picture = each.picture, .caption = fmt::format("{}: {:.3g}", name, each.after)});
    list.push_back({{"unit", each.unit},
                    {"name", name},
                    {"before", number(each.before)},
                    {"after", number(each.after)},
                    {"stuck", each.stuck}});
    if (each.stuck) {
      progress.message(fmt::format(
          "note: {}: no gradient reached the picture, which shows nothing; another --seed may", name));
    }
  }
  const int side = std::clamp(made.front().picture.width, 64, 256);
  const auto layer = maximizing.classes         ? std::string("the classes' logits")
                     : maximizing.layer.empty() ? model.graph.node(evidence_layer(model.graph)).name
                                                : maximizing.layer;
  write_png(contact_sheet(cells, 3, side, "What excites " + layer), options.output);
  print_done(options, "What excites " + layer, {{"layer", layer}, {"units", list}});
}

void explain_neighbours(const ExplainCommand& options, const Model& model, Progress& progress) {
  constexpr int kSide = 160;
  keep_photos({options.data}, options.output);
  const DatasetSplits splits = read_dataset(options.train_data, LabelsOfPhoto::any_number);
  const auto neighbours =
      nearest_photos(model, options.data, splits.train, options.layer, count_or(options, 8),
                     {.precision = options.explain.precision, .threads = options.explain.threads}, progress);
  const DecodeOptions small{.minimum_width = kSide, .minimum_height = kSide};
  std::vector<CaptionedPicture> cells{{.picture = read_image(options.data, small), .caption = "the photo"}};
  Json list = Json::array();
  for (const auto& each : neighbours) {
    cells.push_back({.picture = read_image(each.path, small),
                     .caption = fmt::format("{} {:.3f}", each.label, each.similarity)});
    list.push_back({{"image", each.path}, {"label", each.label}, {"similarity", number(each.similarity)}});
    if (!options.json) {
      fmt::print("{:.4f}  {}  {}\n", each.similarity, each.label, each.path);
    }
  }
  write_png(contact_sheet(cells, 5, kSide, "The nearest photos of " + options.train_data), options.output);
  print_done(options, "nearest photos", {{"image", options.data}, {"neighbours", list}});
}

void explain_gradients(const ExplainCommand& options, const Model& model, Progress& progress) {
  const DatasetSplits splits = read_dataset(options.data);
  const auto table = layer_gradients(model, splits.train, count_or(options, 32), options.learning_rate);
  for (const auto& line : table.unreadable) {
    progress.message("skipped " + line);
  }
  write_png(gradient_chart(table), options.output);
  Json list = Json::array();
  std::vector<std::vector<std::string>> rows;
  for (const auto& row : table.layers) {
    list.push_back({{"layer", row.layer},
                    {"parameters", row.parameters},
                    {"weights", row.weights},
                    {"gradient", row.gradient},
                    {"update", row.update}});
    rows.push_back({row.layer, with_thousands(row.parameters), fmt::format("{:.3g}", row.weights),
                    fmt::format("{:.3e}", row.gradient), fmt::format("{:.3e}", row.update)});
  }
  if (!options.json) {
    print_table({{"layer"},
                 {"parameters", Align::right},
                 {"|weights|", Align::right},
                 {"|gradient|", Align::right},
                 {"update", Align::right}},
                rows);
  }
  print_done(options,
             fmt::format("{} images, loss {:.4f}, SGD at rate {}", table.images, table.loss, table.rate),
             {{"images", table.images}, {"loss", table.loss}, {"rate", table.rate}, {"layers", list}});
}

}  // namespace headstart::app
