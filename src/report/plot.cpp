#include "headstart/plot.h"

#include <filesystem>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/files.h"
#include "data/csv.h"
#include "headstart/error.h"
#include "headstart/text.h"
#include "report/charts.h"
#include "report/render.h"

namespace headstart {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kColumns = "epoch,stage,loss,accuracy,val_loss,val_accuracy,lr,seconds";

[[noreturn]] void refuse(const std::string& path, std::string_view what) {
  throw Error(fmt::format("[plot] the history.csv of a run ({}) was expected; received {} with {}", kColumns,
                          path, what));
}

template <typename Number>
Number number_of(const std::string& text, const std::string& path) {
  const auto value = number_from<Number>(text);
  if (!value) {
    refuse(path, "\"" + text + "\" in place of a number");
  }
  return *value;
}

EpochRecord record_of(const std::vector<std::string>& row, const std::string& path) {
  const auto real = [&](std::size_t column) { return number_of<double>(row.at(column), path); };
  return {.epoch = number_of<int>(row.at(0), path),
          .stage = row.at(1),
          .loss = real(2),
          .accuracy = real(3),
          .val_loss = real(4),
          .val_accuracy = real(5),
          .learning_rate = real(6),
          .seconds = real(7)};
}

// As .svg or .png, by the path.
void write_drawing(const Drawing& drawing, const std::string& path) {
  const std::string extension = extension_of(path);
  if (extension == ".svg") {
    write_file_atomically(path, svg_document(drawing));
  } else if (extension == ".png") {
    constexpr double kScale = 2.0;
    write_drawing_png(drawing, kScale, path);
  } else {
    throw Error(fmt::format("[plot] a file called .png or .svg was expected; received {}", path));
  }
}

}  // namespace

RunCurves read_run_curves(const std::string& run) {
  constexpr std::uint64_t kMaximumBytes = std::uint64_t{1} << 26;
  const bool is_folder = fs::is_directory(run);
  const std::string path = is_folder ? (fs::path(run) / "history.csv").string() : run;
  if (!fs::exists(path)) {
    throw Error(
        fmt::format("[plot] the folder of a run, or its history.csv, was expected; there is no {}", path));
  }
  const auto bytes = read_file(path, kMaximumBytes);
  const auto rows = parse_csv({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (rows.empty() || fmt::format("{}", fmt::join(rows[0], ",")) != kColumns) {
    refuse(path, "other columns");
  }
  RunCurves curves{.name = run, .history = {}};
  while (curves.name.size() > 1 && curves.name.back() == '/') {
    curves.name.pop_back();
  }
  for (std::size_t i = 1; i < rows.size(); ++i) {
    if (rows[i].size() != rows[0].size()) {
      refuse(path, fmt::format("{} fields in row {}", rows[i].size(), i + 1));
    }
    curves.history.push_back(record_of(rows[i], path));
  }
  return curves;
}

void plot_curves(const std::vector<RunCurves>& runs, const PlotOptions& options, const std::string& path) {
  if (!(options.smoothing >= 0.0 && options.smoothing < 1.0)) {
    throw Error(
        fmt::format("[plot] a smoothing from 0 to below 1 was expected; received {}", options.smoothing));
  }
  for (const auto& run : runs) {
    if (run.history.empty()) {
      throw Error(fmt::format("[plot] finished epochs were expected; {} has none", run.name));
    }
  }
  write_drawing(curves_drawing(runs, options), path);
}

void plot_rates(const RateCurve& curve, const std::string& path) {
  if (curve.points.size() < 2) {
    throw Error(fmt::format("[plot] at least two rates that were tried were expected; received {}",
                            curve.points.size()));
  }
  write_drawing(rates_drawing(curve), path);
}

}  // namespace headstart
