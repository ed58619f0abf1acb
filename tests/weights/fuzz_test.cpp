// Damaged files, deterministically: every truncation or bit flip gives tensors or an Error, never a crash.
// Run under AddressSanitizer in CI. HEADSTART_FUZZ_SECONDS=120 runs each reader that long (the default is
// bounded by a count).
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "core/random.h"
#include "headstart/error.h"
#include "weights/weight_bytes.h"

namespace headstart::test {
namespace {

struct Seed {
  std::string name;
  Bytes bytes;
  Folder siblings;
};

// Reads every value, so that a tensor which reaches outside of the file is seen.
double sum_of(const WeightFile& file) {
  double sum = 0;
  for (const auto& [name, tensor] : file.tensors) {
    for (const float value : tensor.values()) {
      sum += static_cast<double>(value);
    }
  }
  return sum;
}

// Also builds the graph that the file describes, when it does.
WeightFile read_and_map(const Seed& seed) {
  auto file = read_bytes(seed.bytes, seed.name, seed.siblings);
  if (!file.architecture_json.empty()) {
    map_weights_leniently(graph_of(file), file);
  }
  return file;
}

std::uint8_t interesting(Random& random) {
  constexpr std::uint8_t kValues[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
  return kValues[random.below(5)];
}

// One to four faults: a bit, a byte, eight bytes (a length or offset), a piece moved, the end cut off.
void damage(Bytes& bytes, Random& random) {
  const auto faults = 1 + random.below(4);
  for (std::uint32_t i = 0; i < faults && !bytes.empty(); ++i) {
    const auto size = static_cast<std::uint32_t>(bytes.size());
    const auto at = random.below(size);
    switch (random.below(6)) {
      case 0:
      case 1:
        bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ (1U << random.below(8)));
        break;
      case 2:
        bytes[at] = interesting(random);
        break;
      case 3: {
        const std::uint64_t values[] = {random.below(size), ~std::uint64_t{0},
                                        std::uint64_t{1} << random.below(64),
                                        std::uint64_t{size} - random.below(16)};
        const auto value = values[random.below(4)];
        std::memcpy(bytes.data() + at, &value, std::min<std::size_t>(8, size - at));
        break;
      }
      case 4: {
        const auto length = std::min(1 + random.below(64), size - at);
        const auto from = random.below(size - length + 1);
        std::memmove(bytes.data() + at, bytes.data() + from, length);
        break;
      }
      default:
        if (random.below(4) == 0) {
          bytes.resize(at);
        }
    }
  }
}

bool has_time(std::chrono::steady_clock::time_point begin, std::uint32_t round, std::uint32_t rounds) {
  if (const char* seconds = std::getenv("HEADSTART_FUZZ_SECONDS")) {
    return std::chrono::steady_clock::now() - begin < std::chrono::seconds(std::atoi(seconds));
  }
  constexpr auto kBound = std::chrono::seconds(5);
  return round < rounds && std::chrono::steady_clock::now() - begin < kBound;
}

void fuzz(const std::vector<Seed>& seeds, std::uint32_t rounds) {
  const auto begin = std::chrono::steady_clock::now();
  std::uint32_t round = 0;
  std::uint32_t errors = 0;
  std::uint32_t finite = 0;
  for (; has_time(begin, round, rounds); ++round) {
    Random random(round, RandomPurpose::test);
    auto seed = seeds[random.below(static_cast<std::uint32_t>(seeds.size()))];
    if (!seed.siblings.empty() && random.below(3) == 0) {
      damage(seed.siblings.begin()->second, random);
    } else {
      damage(seed.bytes, random);
    }
    try {
      finite += std::isfinite(sum_of(read_and_map(seed))) ? 1 : 0;
    } catch (const Error&) {
      ++errors;
    }
  }
  EXPECT_GT(errors, 0U);
  std::printf("%u damaged files, %u refused, %u read with finite values\n", round, errors, finite);
}

void truncate_everywhere(const Seed& seed) {
  const auto step = std::max<std::size_t>(1, seed.bytes.size() / 2000);
  for (std::size_t length = 0; length < seed.bytes.size(); length += step) {
    const Bytes bytes(seed.bytes.begin(), seed.bytes.begin() + static_cast<std::ptrdiff_t>(length));
    try {
      sum_of(read_bytes(bytes, seed.name, seed.siblings));
    } catch (const Error&) {
      continue;
    }
    FAIL() << seed.name << " of " << length << " bytes was read whole";
  }
}

Seed golden_seed(const std::string& name) { return {name, golden(name), {}}; }

void add_shared(std::vector<Seed>& seeds, const std::string& name) {
  const auto path = shared_path("weights/" + name);
  if (std::filesystem::exists(path)) {
    seeds.push_back({name, load(path), {}});
  }
}

std::vector<Seed> h5_seeds() {
  std::vector<Seed> seeds;
  for (const auto* name :
       {"fixed.h5", "variable.h5", "chunked.h5", "compact.h5", "latest.h5", "whole_model.h5", "pieces.h5",
        "numbered.h5", "big_endian_double.h5", "named.weights.h5", "plain.weights.h5"}) {
    seeds.push_back(golden_seed(name));
  }
  return seeds;
}

std::vector<Seed> torch_seeds() {
  return {golden_seed("zip.pth"), golden_seed("legacy.pth"), golden_seed("zip_checkpoint.pth"),
          golden_seed("legacy_checkpoint.pth"), golden_seed("plain.keras")};
}

std::vector<Seed> safetensors_seeds() {
  return {
      {"a.safetensors",
       safetensors_bytes(R"({"__metadata__":{"k":"v"},"u":{"dtype":"U8","shape":[2,2],"data_offsets":[0,4]},)"
                         R"("h":{"dtype":"F16","shape":[2,1],"data_offsets":[4,8]},)"
                         R"("f":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})",
                         16),
       {}}};
}

std::vector<Seed> tfjs_seeds() {
  return {
      {"model.json",
       to_bytes(
           R"({"weightsManifest":[{"paths":["a"],"weights":[{"name":"conv/kernel","shape":[2,1],"dtype":"float32"},)"
           R"({"name":"conv/bias","shape":[3],"dtype":"float32","quantization":{"dtype":"uint8","scale":0.5,"min":-1}},)"
           R"({"name":"dense/bias","shape":[1],"dtype":"float32","quantization":{"dtype":"float16"}}]}]})"),
       {{"a", Bytes(13, 1)}}}};
}

std::vector<Seed> onnx_seeds() {
  return {golden_seed("folded.onnx"),
          golden_seed("nameless.onnx"),
          golden_seed("kept.onnx"),
          golden_seed("densenet.onnx"),
          golden_seed("vit.onnx"),
          golden_seed("vit_any_batch.onnx"),
          {"external.onnx", golden("external.onnx"), {{"external.bin", golden("external.bin")}}}};
}

TEST(Fuzz, KerasH5) { fuzz(h5_seeds(), 20'000); }
TEST(Fuzz, Torch) { fuzz(torch_seeds(), 20'000); }
TEST(Fuzz, Safetensors) { fuzz(safetensors_seeds(), 20'000); }
TEST(Fuzz, Tfjs) { fuzz(tfjs_seeds(), 20'000); }

TEST(Fuzz, Onnx) { fuzz(onnx_seeds(), 20'000); }

TEST(Fuzz, RealFiles) {
  std::vector<Seed> seeds;
  add_shared(seeds, "cifar10_resnet20.th");
  add_shared(seeds, "mobilenet_v1_0.25_224.h5");
  add_shared(seeds, "squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5");
  if (seeds.empty()) {
    GTEST_SKIP() << "needs the shared folder beside the checkout, not here";
  }
  fuzz(seeds, 200);
}

TEST(Truncation, OfEveryFormatIsAnError) {
  for (const auto& seeds : {h5_seeds(), torch_seeds(), safetensors_seeds(), tfjs_seeds(), onnx_seeds()}) {
    for (const auto& seed : seeds) {
      truncate_everywhere(seed);
    }
  }
}

}  // namespace
}  // namespace headstart::test
