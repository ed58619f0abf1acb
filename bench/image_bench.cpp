// Pictures a second, one core: decoding, resizing, normalising, augmenting (beside OpenCV's own call), the
// loader.
//   build/release/bench/image_bench --benchmark_filter=Augment
#include <benchmark/benchmark.h>

#include <filesystem>
#include <opencv2/imgproc.hpp>

#include "core/files.h"
#include "headstart/augment.h"
#include "headstart/dataset.h"
#include "headstart/image.h"

namespace headstart {
namespace {

const std::string kPets = HEADSTART_SHARED_DIR "/data/cats_vs_dogs";

Preprocessing mobilenet_input() { return with_mode({}, "tf"); }

Image textured(int width, int height) {
  Image image{width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(width * height * 3))};
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    image.pixels[i] = static_cast<std::uint8_t>((i * i / 7) ^ (i / 300));
  }
  return image;
}

void Resize(benchmark::State& state, ResizeKernel kernel) {
  const Image image = textured(400, 375);
  for (auto step : state) {
    benchmark::DoNotOptimize(resize(image, 224, 224, kernel));
  }
}
BENCHMARK_CAPTURE(Resize, nearest, ResizeKernel::nearest)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Resize, bilinear, ResizeKernel::bilinear)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Resize, bilinear_aa, ResizeKernel::bilinear_aa)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Resize, bicubic_aa, ResizeKernel::bicubic_aa)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Resize, area, ResizeKernel::area)->Unit(benchmark::kMillisecond);

// OpenCV's own resize of the same picture: bilinear without a filter, and by area.
void OpenCvResize(benchmark::State& state, int interpolation) {
  Image image = textured(400, 375);
  const cv::Mat source(375, 400, CV_8UC3, image.pixels.data());
  for (auto step : state) {
    cv::Mat target;
    cv::resize(source, target, {224, 224}, 0, 0, interpolation);
    benchmark::DoNotOptimize(target.data);
  }
}
BENCHMARK_CAPTURE(OpenCvResize, bilinear, cv::INTER_LINEAR)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(OpenCvResize, area, cv::INTER_AREA)->Unit(benchmark::kMillisecond);

void Normalize(benchmark::State& state) {
  const Image image = textured(224, 224);
  Tensor tensor({224, 224, 3});
  for (auto step : state) {
    normalize_into(image, mobilenet_input(), tensor.data());
    benchmark::DoNotOptimize(tensor.data());
  }
}
BENCHMARK(Normalize)->Unit(benchmark::kMillisecond);

void Augment(benchmark::State& state, const char* preset) {
  const Image image = textured(224, 224);
  const Augmentation augmentation = augmentation_preset(preset);
  int view = 0;
  for (auto step : state) {
    benchmark::DoNotOptimize(augment(image, augmentation, 1, 0, view++));
  }
}
BENCHMARK_CAPTURE(Augment, standard, "standard")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Augment, strong, "strong")->Unit(benchmark::kMillisecond);

// What `standard` cannot be faster than: the bare warp.
void OpenCvWarp(benchmark::State& state) {
  Image image = textured(224, 224);
  const cv::Mat source(224, 224, CV_8UC3, image.pixels.data());
  const cv::Mat matrix = cv::getRotationMatrix2D({112, 112}, 20, 1);
  for (auto step : state) {
    cv::Mat target;
    cv::warpAffine(source, target, matrix, source.size(), cv::INTER_LINEAR, cv::BORDER_REPLICATE);
    benchmark::DoNotOptimize(target.data);
  }
}
BENCHMARK(OpenCvWarp)->Unit(benchmark::kMillisecond);

void Decode(benchmark::State& state) {
  if (!std::filesystem::exists(kPets)) {
    state.SkipWithError("needs ../shared/data/cats_vs_dogs");
    return;
  }
  const auto bytes = read_file(read_dataset(kPets).train.samples.front().path);
  for (auto step : state) {
    benchmark::DoNotOptimize(decode_image(bytes, decode_options_for(mobilenet_input())));
  }
}
BENCHMARK(Decode)->Unit(benchmark::kMillisecond);

void Load(benchmark::State& state) {
  if (!std::filesystem::exists(kPets)) {
    state.SkipWithError("needs ../shared/data/cats_vs_dogs");
    return;
  }
  const Dataset dataset = read_dataset(kPets).train;
  std::vector<LoaderItem> items;
  for (std::size_t i = 0; i < dataset.samples.size(); i += 4) {
    items.push_back({static_cast<int>(i), 0});
  }
  for (auto step : state) {
    Loader loader(dataset, items,
                  {.preprocessing = mobilenet_input(), .workers = static_cast<int>(state.range(0))});
    while (loader.next()) {
    }
  }
  state.counters["images/s"] =
      benchmark::Counter(static_cast<double>(items.size()), benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(Load)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime()->UseRealTime();

}  // namespace
}  // namespace headstart
