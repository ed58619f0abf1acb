// timm's state dicts of networks that torchvision names otherwise.
#include <algorithm>

#include <gtest/gtest.h>

#include "headstart/model.h"
#include "headstart/zoo.h"
#include "weights/pytorch.h"
#include "weights/weight_bytes.h"

namespace headstart::test {
namespace {

using Names = std::vector<std::string>;

void append(Names& names, const std::string& prefix, const Names& modules) {
  for (const auto& module : modules) {
    names.push_back(prefix + module);
  }
}

// timm's modules in the order in which they compute; `repeats`: blocks of each stage, the first one without
// expansion.
Names timm_modules(const std::vector<int>& repeats, bool squeeze) {
  const Names se = squeeze ? Names{"se.conv_reduce", "se.conv_expand"} : Names{};
  Names names{"conv_stem", "bn1"};
  for (std::size_t stage = 0; stage < repeats.size(); ++stage) {
    for (int i = 0; i < repeats[stage]; ++i) {
      const auto block = "blocks." + std::to_string(stage) + "." + std::to_string(i) + ".";
      append(names, block, stage == 0 ? Names{"conv_dw", "bn1"} : Names{"conv_pw", "bn1", "conv_dw", "bn2"});
      append(names, block, se);
      append(names, block, stage == 0 ? Names{"conv_pw", "bn2"} : Names{"conv_pwl", "bn3"});
    }
  }
  append(names, "", {"conv_head", "bn2", "classifier"});
  return names;
}

struct TimmCase {
  const char* architecture;
  std::vector<int> repeats;
  bool squeeze;
};

class Timm : public testing::TestWithParam<TimmCase> {};

TEST_P(Timm, EveryTensorFindsItsPlace) {
  const auto& [name, repeats, squeeze] = GetParam();
  ArchitectureOptions options;
  options.height = options.width = 32;
  const auto graph = build_architecture(architecture(name, Flavour::torch), options);
  const auto parameters = initialize(graph, 3);
  const auto modules = timm_modules(repeats, squeeze);
  WeightFile file{.format = WeightFormat::safetensors};
  std::string before;
  std::size_t next = 0;
  for (const auto& [key, tensor] : torch_state_dict(graph, parameters)) {
    const auto module = key.substr(0, key.rfind('.'));
    next += module != before ? 1 : 0;
    before = module;
    ASSERT_LE(next, modules.size());
    file.tensors.insert(modules[next - 1] + key.substr(key.rfind('.')), tensor);
  }
  ASSERT_EQ(next, modules.size());
  const auto mapped = map_weights(graph, file);
  EXPECT_EQ(mapped.report.matched_by, "names");
  EXPECT_TRUE(mapped.report.unused.empty());
  for (const auto& [parameter, tensor] : parameters) {
    const auto& other = mapped.parameters.at(parameter);
    EXPECT_TRUE(std::equal(tensor.values().begin(), tensor.values().end(), other.values().begin()))
        << parameter;
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, Timm,
                         testing::Values(TimmCase{"mobilenet_v2", {1, 2, 3, 4, 3, 3, 1}, false},
                                         TimmCase{"efficientnet_b0", {1, 2, 2, 3, 3, 4, 1}, true}),
                         [](const auto& parameter) { return std::string(parameter.param.architecture); });

}  // namespace
}  // namespace headstart::test
