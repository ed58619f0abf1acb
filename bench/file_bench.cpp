// What lies between the disk and the networks: the feature cache, kept pictures, model files, the export.
//   build/release/bench/file_bench --benchmark_filter=Cache
#include <benchmark/benchmark.h>

#include <unistd.h>

#include <filesystem>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "headstart/export.h"
#include "headstart/kept_images.h"
#include "headstart/model.h"
#include "headstart/zoo.h"
#include "train/feature_cache.h"

namespace headstart {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kFloats = 7 * 7 * 1280;  // MobileNetV2's last feature map
constexpr std::size_t kRecords = 64;

// Gone at the end.
class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("headstart_file_bench_" + std::to_string(::getpid()))) {
    fs::create_directories(path_);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  std::string file(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

std::vector<std::string> identities(std::int64_t round) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kRecords; ++i) {
    names.push_back(std::to_string(round) + "-" + std::to_string(i));
  }
  return names;
}

void CacheAppend(benchmark::State& state) {
  const Folder folder;
  const std::vector<float> records(kRecords * kFloats, 0.5F);
  std::int64_t round = 0;
  for (auto _ : state) {
    state.PauseTiming();
    fs::remove_all(folder.file("cache"));
    const auto names = identities(round++);
    state.ResumeTiming();
    FeatureCache cache(folder.file("cache"), kFloats);
    cache.begin_append();
    cache.append(names, records.data());
    cache.end_append();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(records.size() * sizeof(float)));
}
BENCHMARK(CacheAppend)->Unit(benchmark::kMillisecond)->UseRealTime();

// Opened anew, every record checked and read.
void CacheRead(benchmark::State& state) {
  const Folder folder;
  const auto names = identities(0);
  {
    const std::vector<float> records(kRecords * kFloats, 0.5F);
    FeatureCache cache(folder.file("cache"), kFloats);
    cache.begin_append();
    cache.append(names, records.data());
    cache.end_append();
  }
  for (auto _ : state) {
    const FeatureCache cache(folder.file("cache"), kFloats);
    float sum = 0.0F;
    for (const auto& name : names) {
      const float* record = cache.find(name);
      sum = std::accumulate(record, record + kFloats, sum);
    }
    benchmark::DoNotOptimize(sum);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * kRecords * kFloats * sizeof(float)));
}
BENCHMARK(CacheRead)->Unit(benchmark::kMillisecond)->UseRealTime();

void KeepAndFind(benchmark::State& state) {
  constexpr int kImages = 1024;
  const auto image = std::make_shared<const Image>(
      Image{.width = 8, .height = 8, .pixels = std::vector<std::uint8_t>(8 * 8 * 3)});
  for (auto _ : state) {
    KeptImages kept(std::size_t{1} << 20);
    for (int i = 0; i < kImages; ++i) {
      kept.keep(i, image);
    }
    for (int i = 0; i < kImages; ++i) {
      benchmark::DoNotOptimize(kept.find(i));
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * kImages);
}
BENCHMARK(KeepAndFind)->Unit(benchmark::kMicrosecond);

Model mobilenet_v2() {
  Model model;
  const Architecture& row = architecture("mobilenet_v2");
  model.graph = build_architecture(row, {});
  model.parameters = initialize(model.graph, 1);
  model.preprocessing = default_preprocessing(row, model.graph);
  return model;
}

void SaveModel(benchmark::State& state) {
  const Folder folder;
  const Model model = mobilenet_v2();
  for (auto _ : state) {
    save_model(model, folder.file("model.safetensors"));
  }
}
BENCHMARK(SaveModel)->Unit(benchmark::kMillisecond)->UseRealTime();

void LoadModel(benchmark::State& state) {
  const Folder folder;
  save_model(mobilenet_v2(), folder.file("model.safetensors"));
  for (auto _ : state) {
    benchmark::DoNotOptimize(load_model(folder.file("model.safetensors")));
  }
}
BENCHMARK(LoadModel)->Unit(benchmark::kMillisecond)->UseRealTime();

void ExportOnnx(benchmark::State& state) {
  const Folder folder;
  const Model model = mobilenet_v2();
  for (auto _ : state) {
    benchmark::DoNotOptimize(export_onnx(model, folder.file("model.onnx")));
  }
}
BENCHMARK(ExportOnnx)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace headstart
