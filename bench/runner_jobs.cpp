// The jobs of headstart_runner.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "bare_network.h"
#include "headstart/dataset.h"
#include "headstart/error.h"
#include "headstart/extract.h"
#include "headstart/head.h"
#include "headstart/losses.h"
#include "headstart/optimizer.h"
#include "headstart/zoo.h"
#include "images_for.h"
#include "runner.h"

namespace headstart {
namespace {

constexpr const char* kBare = "bare ";
constexpr const char* kCached = "cached ";

// A network in training and all that a step needs to stay where it is.
struct TrainedNetwork {
  TrainedNetwork(const JobOptions& options, Precision precision)
      : batch(number_of(options, "batch", 8)), graph(graph_of(options)), parameters(initialize(graph, 1)) {
    const auto mode =
        text_of(options, "from", "none") == "none" ? BatchNormMode::training : BatchNormMode::frozen;
    program.emplace(graph, parameters,
                    TrainingProgram::Options{.batch = batch, .precision = precision, .batch_norm = mode});
    optimizer.emplace(OptimizerOptions{.kind = OptimizerKind::rmsprop, .learning_rate = 1e-5},
                      program->gradients());
    images = images_for(graph, batch);
    boundary.push_back(images.data());
    if (program->boundary() != std::vector<NodeId>{0}) {
      base.emplace(graph, parameters, program->boundary(),
                   FrozenProgram::Options{.batch = batch, .precision = precision});
      boundary.clear();
      for (const auto node : program->boundary()) {
        values.emplace_back(Shape{batch * element_count(graph.node(node).shape)});
        boundary.push_back(values.back().data());
        destinations.push_back(values.back().data());
      }
    }
    for (int i = 0; i < batch; ++i) {
      labels.push_back(i % 2);
    }
  }

  static Graph graph_of(const JobOptions& options) {
    if (text_of(options, "head", "gap,dense:256,dense") == "own") {
      return network_of(options);
    }
    Graph graph = attach_head(network_of(options), {.head = text_of(options, "head", "gap,dense:256,dense")});
    const auto from = text_of(options, "from", "none");
    freeze_base(graph, graph.nodes()[1].name.substr(0, graph.nodes()[1].name.find('/')), from);
    return graph;
  }

  void run(bool frozen_part) {
    if (base && frozen_part) {
      base->run(images.data(), destinations);
    }
    const Tensor& logits = program->forward(boundary, count++);
    diff.resize(static_cast<std::size_t>(logits.size()));
    loss_of_labels(loss_for(graph), logits.values(), labels, {}, diff);
    program->backward(diff.data());
    optimizer->step(parameters, program->gradients());
  }

  int batch;
  Graph graph;
  Parameters parameters;
  std::optional<TrainingProgram> program;
  std::optional<Optimizer> optimizer;
  std::optional<SlicedProgram> base;
  Tensor images;
  std::vector<Tensor> values;
  std::vector<const float*> boundary;
  std::vector<float*> destinations;
  std::vector<int> labels;
  std::vector<float> diff;
  std::uint64_t count = 0;
};

}  // namespace

Job frozen_job(const JobOptions& options) {
  return [options](const std::string& variant) -> Work {
    const auto graph = std::make_shared<Graph>(network_of(options));
    const int batch = number_of(options, "batch", 8);
    if (variant.starts_with(kBare)) {
      const bool bf16 = variant.ends_with("bf16");
      const auto bare = std::make_shared<BareNetwork>(*graph, batch, bf16 ? DataType::bf16 : DataType::f32);
      return [graph, bare] { bare->run(); };
    }
    const auto images = std::make_shared<Tensor>(images_for(*graph, batch));
    const auto precision = precision_from(variant);
    const Parameters parameters = initialize(*graph, 1);
    ValueRanges ranges;
    if (precision == Precision::int8) {
      ranges = measure_ranges(*graph, parameters, {graph->output()}, images_for(*graph, 1)).ranges;
    }
    const auto program = std::make_shared<SlicedProgram>(
        *graph, parameters, std::vector<NodeId>{graph->output()},
        FrozenProgram::Options{.batch = batch, .precision = precision, .ranges = &ranges});
    const auto output = std::make_shared<Tensor>(Shape{batch * element_count(graph->output_shape())});
    return [program, images, output] {
      float* destination = output->data();
      program->run(images->data(), {&destination, 1});
    };
  };
}

Job step_job(const JobOptions& options) {
  return [options](const std::string& variant) -> Work {
    const bool cached = variant.starts_with(kCached);
    const auto precision = precision_from(cached ? variant.substr(std::string(kCached).size()) : variant);
    const auto step = std::make_shared<TrainedNetwork>(options, precision);
    return [step, cached] { step->run(!cached); };
  };
}

Job head_job(const JobOptions& options) {
  return [options](const std::string& variant) -> Work {
    constexpr int kSamples = 2000, kFeatures = 8192, kBatch = 20;
    Graph features("features");
    features.add("input_1", Input{.shape = {kFeatures}}, std::vector<NodeId>{});
    const auto graph = std::make_shared<Graph>(
        attach_head(features, {.head = text_of(options, "head", "dense:256,dropout:0.5,dense")}));
    const auto parameters = std::make_shared<Parameters>(initialize(*graph, 1));
    const auto program = std::make_shared<TrainingProgram>(
        *graph, *parameters,
        TrainingProgram::Options{.batch = kBatch, .precision = precision_from(variant), .factored = true});
    const auto optimizer = std::make_shared<Optimizer>(
        OptimizerOptions{.kind = OptimizerKind::rmsprop, .learning_rate = 2e-5}, *parameters);
    const auto table = std::make_shared<Tensor>(Shape{kSamples, kFeatures});
    for (std::int64_t i = 0; i < table->size(); ++i) {
      (*table)[i] = static_cast<float>(i * 7919 % 255) / 255.0F;
    }
    return [=] {
      std::vector<int> labels(kBatch);
      std::vector<float> diff(kBatch);
      for (int i = 0; i < kBatch; ++i) {
        labels[static_cast<std::size_t>(i)] = i % 2;
      }
      for (int first = 0; first < kSamples; first += kBatch) {
        const float* batch = table->data() + std::int64_t{first} * kFeatures;
        const Tensor& logits = program->forward({&batch, 1}, static_cast<std::uint64_t>(first));
        loss_of_labels(loss_for(*graph), logits.values(), labels, {}, diff);
        program->backward(diff.data());
        const float* next = batch + std::int64_t{kBatch} * kFeatures;
        const bool is_last = first + kBatch == kSamples;
        optimizer->step(*parameters, program->gradients(), 1.0,
                        program->factored_gradients(std::span(&next, is_last ? 0 : 1)));
      }
    };
  };
}

// Both cores at each of the three; computing alone is on one decoded batch again and again.
Job pipeline_job(const JobOptions& options) {
  struct Photos {
    Dataset dataset;
    std::vector<LoaderItem> items;
    Graph graph;
    Parameters parameters;
    Preprocessing preprocessing;
  };
  const int count = number_of(options, "count", 400);
  Graph graph = network_of(options);
  const auto photos =
      std::make_shared<Photos>(Photos{.dataset = read_dataset(text_of(options, "data", "")).train,
                                      .items = {},
                                      .graph = graph,
                                      .parameters = initialize(graph, 1),
                                      .preprocessing = default_preprocessing(
                                          architecture(text_of(options, "network", "mobilenet_v2")), graph)});
  const int samples = static_cast<int>(photos->dataset.samples.size());
  for (int i = 0; i < count; ++i) {
    photos->items.push_back({.sample = i % samples, .view = 0});
  }
  return [options, photos](const std::string& variant) -> Work {
    const auto words = variant.find(' ');
    const auto precision = precision_from(variant.substr(words + 1));
    const auto what = variant.substr(0, words);
    if (what == "decode") {
      return [photos] {
        Loader loader(photos->dataset, photos->items, {.preprocessing = photos->preprocessing, .workers = 2});
        while (loader.next()) {
        }
      };
    }
    if (what == "compute") {
      JobOptions alone = options;
      alone.insert_or_assign("batch", std::string("4"));
      const Work work = frozen_job(alone)(to_string(precision));
      return [work, photos] {
        for (std::size_t done = 0; done < photos->items.size(); done += 4) {
          work();
        }
      };
    }
    return [photos, precision] {
      Progress silent;
      extract(photos->dataset, photos->items, photos->graph, photos->parameters,
              {.outputs = {photos->graph.output()},
               .preprocessing = photos->preprocessing,
               .precision = precision},
              silent, [](std::size_t, std::span<const float* const>) {});
    };
  };
}

}  // namespace headstart
