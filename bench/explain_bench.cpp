// Maps of evidence after loading: one photo, programs compiled anew as for a call of `headstart explain`; a
// folder of a hundred; the prediction alone beside it; and the sheet's PNG.
//   build/release/bench/explain_bench --benchmark_filter=resnet50
#include <benchmark/benchmark.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "headstart/explain.h"
#include "headstart/image.h"
#include "headstart/predict.h"
#include "headstart/zoo.h"

namespace headstart {
namespace {

const std::string kFlowers = HEADSTART_SHARED_DIR "/data/flowers/val/daisy";

std::vector<std::string> photos(std::size_t count) {
  auto paths = image_files(kFlowers);
  paths.resize(std::min(paths.size(), count));
  return paths;
}

Model model_of(const std::string& network) {
  Model model;
  model.graph = build_architecture(architecture(network), {});
  model.parameters = initialize(model.graph, 1);
  return model;
}

bool has_photos(benchmark::State& state) {
  const bool there = std::filesystem::exists(kFlowers);
  if (!there) {
    state.SkipWithError("needs ../shared/data/flowers");
  }
  return there;
}

void Explain(benchmark::State& state, const std::string& network, std::size_t count) {
  if (!has_photos(state)) {
    return;
  }
  const Model model = model_of(network);
  const auto paths = photos(count);
  for (auto _ : state) {
    Progress silent;
    explain_files(model, paths, {}, silent, [](std::size_t, const Explanation&) {});
  }
  state.counters["photos"] = static_cast<double>(paths.size());
}

void Classify(benchmark::State& state, const std::string& network, std::size_t count) {
  if (!has_photos(state)) {
    return;
  }
  const Model model = model_of(network);
  const auto paths = photos(count);
  for (auto _ : state) {
    Progress silent;
    benchmark::DoNotOptimize(classify(model, paths, 1, {}, silent));
  }
  state.counters["photos"] = static_cast<double>(paths.size());
}

BENCHMARK_CAPTURE(Explain, resnet50_one, "resnet50", 1)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(Classify, resnet50_one, "resnet50", 1)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(Explain, resnet50_hundred, "resnet50", 100)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(Classify, resnet50_hundred, "resnet50", 100)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(Explain, mobilenet_one, "mobilenet", 1)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(Classify, mobilenet_one, "mobilenet", 1)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(Explain, mobilenet_hundred, "mobilenet", 100)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(Classify, mobilenet_hundred, "mobilenet", 100)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

void WritePng(benchmark::State& state) {
  if (!has_photos(state)) {
    return;
  }
  const Image photo = read_image(photos(1).front());
  const Image sheet = tile(std::vector<Image>(64, photo), 8);
  const std::string path = std::filesystem::temp_directory_path() / "headstart_explain_bench.png";
  for (auto _ : state) {
    write_png(sheet, path);
  }
  state.counters["MB"] = static_cast<double>(std::filesystem::file_size(path)) / 1e6;
  std::filesystem::remove(path);
}
BENCHMARK(WritePng)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace headstart
