// `headstart models`: the zoo as a table.
#include <memory>

#include <fmt/format.h>

#include "commands.h"
#include "headstart/summary.h"
#include "headstart/text.h"
#include "headstart/weights.h"
#include "headstart/zoo.h"
#include "output.h"

namespace headstart::app {
namespace {

constexpr std::int64_t kBytesPerParameter = 4;

// Keras has a file for the whole network and one without its top, which is all that `train` needs.
struct CachedFiles {
  bool whole = false, no_top = false;
};

CachedFiles cached_files(const Architecture& row) {
  const auto whole = official_weights(row.name, 1.0, row.input_size, true, row.flavour);
  const auto no_top = official_weights(row.name, 1.0, row.input_size, false, row.flavour);
  CachedFiles cached{.whole = whole && find_cached_weights(*whole)};
  cached.no_top = no_top == whole ? cached.whole : no_top && find_cached_weights(*no_top);
  return cached;
}

std::string cached_text(const Architecture& row) {
  const CachedFiles cached = cached_files(row);
  return cached.whole ? "cached" : cached.no_top ? "cached, no top" : "-";
}

std::string percent(const std::optional<double>& value) {
  return value ? fmt::format("{:.1f}", *value) : "-";
}

// Of one image at the usual size.
std::int64_t multiply_adds_of(const Architecture& row) {
  return summarize(build_architecture(row, {})).multiply_adds;
}

std::string work_text(std::int64_t multiply_adds) {
  const auto count = static_cast<double>(multiply_adds);
  return count < 1e9 ? fmt::format("{:.3g} M", count / 1e6) : fmt::format("{:.3g} G", count / 1e9);
}

template <typename T>
Json optional_json(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

// Keras and torchvision both have some of the names; the weights choose between them.
std::string flavour_name(const Architecture& row) {
  return row.flavour == Flavour::torch ? "torch" : "keras";
}

void print_models_json() {
  Json list = Json::array();
  for (const auto& row : architectures()) {
    const CachedFiles cached = cached_files(row);
    list.push_back({{"name", row.name},
                    {"flavour", flavour_name(row)},
                    {"parameters", row.parameters},
                    {"depth", optional_json(row.depth)},
                    {"size_bytes", row.parameters * kBytesPerParameter},
                    {"multiply_adds", multiply_adds_of(row)},
                    {"input_size", row.input_size},
                    {"top1", optional_json(row.top1)},
                    {"top5", optional_json(row.top5)},
                    {"cached", cached.whole},
                    {"cached_no_top", cached.no_top}});
  }
  print_json(list);
}

void print_models_table() {
  std::vector<std::vector<std::string>> rows;
  for (const auto& row : architectures()) {
    rows.push_back({row.name, flavour_name(row), with_thousands(row.parameters),
                    row.depth ? fmt::format("{}", *row.depth) : "-",
                    fmt::format("{:.1f} MB", static_cast<double>(row.parameters * kBytesPerParameter) / 1e6),
                    work_text(multiply_adds_of(row)),
                    fmt::format("{0}x{0}x{1}", row.input_size, row.channels), percent(row.top1),
                    percent(row.top5), cached_text(row)});
  }
  print_table({{"name", Align::left},
               {"flavour", Align::left},
               {"parameters", Align::right},
               {"depth", Align::right},
               {"size", Align::right},
               {"mult-adds", Align::right},
               {"input", Align::right},
               {"top-1", Align::right},
               {"top-5", Align::right},
               {"weights", Align::left}},
              rows);
}

}  // namespace

void add_models(CLI::App& program) {
  auto* command = program.add_subcommand(
      "models", "The networks: parameters, depth, size, work, input, published accuracy");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "One JSON document");
  command->footer(
      "Depth counts layers as Keras's first table of its networks did (activations and normalisations\n"
      "too, but not everywhere); a network that the table did not have shows -. Parameters are the\n"
      "published figures: torchvision's leave out the statistics of norms, which `summary` counts as\n"
      "Keras does. Mult-adds are the millions (M) or billions (G) of multiplications, with as many\n"
      "additions, that an image takes. Of weights `cached, no top` are those that `train` needs, not\n"
      "`predict`.\n\nExample:\n  "
      "headstart models");
  command->callback([json] { *json ? print_models_json() : print_models_table(); });
}

}  // namespace headstart::app
