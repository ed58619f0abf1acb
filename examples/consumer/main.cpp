// Classifies one picture with the library alone: a zoo network, its preprocessing, a compiled program.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <vector>

#include <headstart/engine.h>
#include <headstart/image.h>
#include <headstart/model.h>
#include <headstart/zoo.h>

// usage: consumer [IMAGE]; without one a gray picture is classified. The weights are random, so only the
// shape of the answer means something: load_model("model.safetensors") gives a trained headstart::Model
// instead.
int main(int argc, char** argv) try {
  const headstart::Architecture& architecture = headstart::architecture("mobilenet");
  headstart::Model model;
  model.graph = headstart::build_architecture(architecture,
                                              {.height = 128, .width = 128, .alpha = 0.25, .classes = 10});
  model.parameters = headstart::initialize(model.graph, 7);
  model.preprocessing = headstart::default_preprocessing(architecture, model.graph);

  const headstart::Image picture =
      argc > 1 ? headstart::read_image(argv[1])
               : headstart::Image{
                     .width = 160, .height = 120, .pixels = std::vector<std::uint8_t>(160 * 120 * 3, 128)};
  const headstart::Tensor input = headstart::preprocess(picture, model.preprocessing);

  headstart::FrozenProgram program(model.graph, model.parameters, {model.graph.output()}, {});
  std::vector<float> probabilities(
      static_cast<std::size_t>(headstart::element_count(model.graph.output_shape())));
  float* const outputs[] = {probabilities.data()};
  program.run(input.data(), outputs);

  std::int64_t parameters = 0;
  for (const auto& [name, tensor] : model.parameters) {
    parameters += tensor.size();
  }
  const auto best = std::max_element(probabilities.begin(), probabilities.end());
  std::printf("%s: %zu nodes, %lld parameters, output %s\n", model.graph.name().c_str(),
              model.graph.nodes().size(), static_cast<long long>(parameters),
              headstart::to_string(model.graph.output_shape()).c_str());
  std::printf("class %td with probability %.4f\n", best - probabilities.begin(), static_cast<double>(*best));
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 1;
}
