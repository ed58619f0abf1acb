// `headstart demo`: the whole story on data that Debian ships.
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "commands.h"
#include "fashion.h"
#include "headstart/head.h"
#include "headstart/metrics.h"
#include "headstart/open_model.h"
#include "headstart/predict.h"
#include "headstart/train.h"
#include "output.h"
#include "train_console.h"

namespace headstart::app {
namespace {

constexpr const char* kHeadLayers = "flatten,dropout:0.25,dense:softmax";
constexpr const char* kBaseName = "base";
constexpr int kImagesPerClass = 20;

struct DemoOptions {
  std::string data = kFashionFolder;
  std::uint64_t seed = 0;
  bool verbose = false;
};

struct Result {
  std::string way;
  double accuracy = 0, seconds = 0;
};

// Three 3x3 convolutions with pooling between them: 28x28x1 to 3x3x64.
Model fresh_base(std::uint64_t seed) {
  const auto convolution = [](int filters) {
    return Conv2D{.filters = filters, .kernel = {3, 3}, .activation = {Activation::Kind::relu}};
  };
  const MaxPooling2D halve{.pool = {2, 2}, .strides = {2, 2}};
  Model base = input_only({.height = kFashionSize, .width = kFashionSize, .channels = 1});
  Graph& graph = base.graph;
  graph.rename(kBaseName);
  NodeId node = graph.output();
  node = graph.add("conv1", convolution(32), node);
  node = graph.add("pool1", halve, node);
  node = graph.add("conv2", convolution(64), node);
  node = graph.add("pool2", halve, node);
  graph.add("conv3", convolution(64), node);
  base.parameters = initialize(graph, seed);
  return base;
}

// The base with what it has learnt inside `trained`.
Model base_of(const Model& trained, Model base) {
  for (auto& [name, tensor] : base.parameters) {
    tensor = trained.parameters.at(fmt::format("{}/{}", kBaseName, name));
  }
  return base;
}

double accuracy_on(const Model& model, const FashionPart& test) {
  const auto outputs =
      Predictor(model, {model.graph.output()}, Precision::automatic, 250).run(test.data.images);
  return measure(class_probabilities(model.graph, outputs[0]), test.data.labels, test.class_names).accuracy;
}

Model head_on(const Model& base, const FashionPart& part, const std::string& freeze, std::uint64_t seed) {
  const auto classes = static_cast<int>(part.class_names.size());
  Model model = with_head(base, {.head = kHeadLayers, .classes = classes}, seed);
  freeze_base(model.graph, kBaseName, freeze);
  model.class_names = part.class_names;
  return model;
}

class Demo {
 public:
  explicit Demo(const DemoOptions& options)
      : options_(options),
        train_(read_fashion(options.data, "train")),
        test_(read_fashion(options.data, "t10k")) {}

  void run() {
    const Model base = pretrain();
    const FashionPart few = some_of(select(train_, kTargetClasses), kImagesPerClass);
    const FashionPart test = select(test_, kTargetClasses);
    say(fmt::format("\nnow {} others, {} images each to learn from: {}", few.class_names.size(),
                    kImagesPerClass, names_of(few)));
    TrainOptions scratch = small_data_options();
    const Result alone =
        learn("from scratch", head_on(fresh_base(options_.seed + 1), few, "none", options_.seed), few, test,
              scratch);
    const Result frozen = learn("frozen base + new head", head_on(base, few, "all", options_.seed), few, test,
                                small_data_options());
    TrainOptions tuning = small_data_options();
    tuning.fine_tune_from = kBaseName;
    tuning.fine_tune.epochs = 30;
    tuning.fine_tune.optimizer.learning_rate = 1e-4;
    const Result tuned = learn("fine-tuned", head_on(base, few, "all", options_.seed), few, test, tuning);
    print_results({alone, frozen, tuned}, test.data.labels.size());
  }

 private:
  Model pretrain() {
    const FashionPart source = select(train_, kSourceClasses);
    const FashionPart test = select(test_, kSourceClasses);
    say(fmt::format("a small network learns {} kinds of clothes from {} images: {}",
                    source.class_names.size(), source.data.labels.size(), names_of(source)));
    TrainOptions options;
    options.head.epochs = 2;
    options.batch_size = 64;
    options.validation_fraction = 0.05;
    options.seed = options_.seed;
    const Model base = fresh_base(options_.seed);
    double seconds = 0;
    const Model trained = timed_train(head_on(base, source, "none", options_.seed), source, options, seconds);
    say(fmt::format("test accuracy {:.4f} after {:.1f} s", accuracy_on(trained, test), seconds));
    return base_of(trained, base);
  }

  TrainOptions small_data_options() const {
    TrainOptions options;
    options.head.epochs = 60;
    options.batch_size = 20;
    options.monitor = Monitor::val_loss;
    options.seed = options_.seed;
    return options;
  }

  Model timed_train(Model model, const FashionPart& data, const TrainOptions& options,
                    double& seconds) const {
    TrainConsole console;
    TrainObserver silent;
    const auto start = std::chrono::steady_clock::now();
    auto result = train(std::move(model), MemorySplits{.train = data.data, .validation = {}}, options,
                        options_.verbose ? console : silent);
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return std::move(result.model);
  }

  Result learn(const std::string& way, Model model, const FashionPart& few, const FashionPart& test,
               const TrainOptions& options) const {
    Result result{.way = way};
    const Model trained = timed_train(std::move(model), few, options, result.seconds);
    result.accuracy = accuracy_on(trained, test);
    return result;
  }

  static void say(const std::string& line) { fmt::print("{}\n", line); }

  static void print_results(const std::vector<Result>& results, std::size_t test_images) {
    std::vector<std::vector<std::string>> rows;
    rows.reserve(results.size());
    for (const auto& result : results) {
      rows.push_back(
          {result.way, fmt::format("{:.4f}", result.accuracy), fmt::format("{:.1f}", result.seconds)});
    }
    fmt::print("on {} test images:\n\n", test_images);
    print_table({{"", Align::left}, {"test accuracy", Align::right}, {"seconds", Align::right}}, rows);
  }

  DemoOptions options_;
  FashionFile train_, test_;
};

}  // namespace

void add_demo(CLI::App& program) {
  auto* command =
      program.add_subcommand("demo", "Transfer learning in a minute, on clothes that Debian ships");
  auto options = std::make_shared<DemoOptions>();
  command->add_option("--data", options->data, fmt::format("Folder of Fashion-MNIST ({})", options->data))
      ->type_name("DIR");
  command->add_option("--seed", options->seed, "Of networks and choice of images (0)")->type_name("N");
  command->add_flag("--verbose", options->verbose, "Every epoch");
  command->footer("Example:\n  headstart demo");
  command->callback([options] { Demo(*options).run(); });
}

}  // namespace headstart::app
