// The options of a run: defaults that depend on the network, and what is out of range.
#include "train/resolved_options.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "headstart/error.h"
#include "headstart/text.h"
#include "train/step_cost.h"

namespace headstart {
namespace {

void require_share(const char* what, double value) {
  if (!(value >= 0.0 && value < 1.0)) {
    throw Error(fmt::format("[train] {} is at least 0 and below 1; received {}", what, value));
  }
}

// The automatic optimizer's own rates are for new dense heads; convolutions take gentler ones.
void resolve_stage(StageOptions& stage, const Graph& graph) {
  OptimizerOptions& optimizer = stage.optimizer;
  stage.schedule = resolve(stage.schedule, optimizer.kind);
  if (optimizer.kind == OptimizerKind::automatic &&
      trains_convolutions(graph, partition(graph, stage.batch_norm))) {
    optimizer.learning_rate = optimizer.learning_rate == 0.0 ? 0.001 : optimizer.learning_rate;
    optimizer.weight_decay = optimizer.weight_decay < 0.0 ? 0.05 : optimizer.weight_decay;
  }
  optimizer = resolve(optimizer);
}

// The loss says of the logits what the last activation says of them.
void require_fitting_loss(const Graph& graph, Loss loss) {
  const OutputActivation activation = output_activation(graph);
  const bool one_unit = element_count(graph.output_shape()) == 1, binary = loss == Loss::binary_crossentropy;
  if (binary ? activation == OutputActivation::softmax
             : one_unit || activation == OutputActivation::sigmoid) {
    throw Error(
        fmt::format("[train] expected a loss that fits the last layer; received {} for {}; end the head with "
                    "{}, or use {}",
                    to_string(loss), binary ? "a softmax" : (one_unit ? "one output" : "sigmoids"),
                    binary ? "dense:sigmoid" : "dense:softmax",
                    binary ? "sparse_categorical_crossentropy" : "binary_crossentropy"));
  }
}

void require_scores(const Graph& graph) {
  if (graph.output_shape().size() != 1) {
    throw Error(fmt::format(
        "[train] expected a network that ends in one score a class; received {} of shape {}; add a head: gap "
        "or flatten, then dense",
        graph.node(graph.output()).name, to_string(graph.output_shape())));
  }
}

void check_class_weights(const TrainOptions& options) {
  const auto wrong = [](float weight) { return !(weight >= 0.0F && std::isfinite(weight)); };
  const auto& weights = options.class_weights;
  if (const auto found = std::find_if(weights.begin(), weights.end(), wrong); found != weights.end()) {
    throw Error(fmt::format("[train] expected class weights of at least 0; received {}; correct it", *found));
  }
  if (!weights.empty() && options.balanced_class_weights) {
    throw Error(
        "[train] expected either class weights or balanced ones; received both; leave one of them out");
  }
}

void check_options(const TrainOptions& options) {
  if (options.head.epochs == 0 && fine_tuning_cuts(options).empty()) {
    throw Error(
        "[train] expected epochs to train for; received none; give --epochs, or --fine-tune-from and "
        "--fine-tune-epochs");
  }
  if (options.batch_size < 1 || options.head.epochs < 0 || options.fine_tune.epochs < 0 ||
      options.steps_per_epoch < 0 || options.patience < 0) {
    throw Error(
        fmt::format("[train] batch size is at least 1, epochs, steps and patience at least 0; received {}, "
                    "{} and {}, {}, {}",
                    options.batch_size, options.head.epochs, options.fine_tune.epochs,
                    options.steps_per_epoch, options.patience));
  }
  check_augmentation(options.augmentation);
  check_class_weights(options);
  if (options.resume && options.out_directory.empty()) {
    throw Error("[train] expected the folder of the run to resume; received none; set out_directory");
  }
  if (options.cached_views < 0 || options.cached_views > 1000) {
    throw Error(
        fmt::format("[train] cached views of an image are 0 to 1000; received {}", options.cached_views));
  }
  require_share("the decay of the average", options.average_decay);
  require_share("the label smoothing", options.label_smoothing);
  if (!(options.logit_adjustment >= 0.0 && options.logit_adjustment <= 10.0)) {
    throw Error(fmt::format(
        "[train] logits are adjusted by 0 to 10 times the logarithm of a class's share; received {}",
        options.logit_adjustment));
  }
  require_share("the share of known photos that is accepted", options.accepted_share);
  if (options.accumulate < 1 || options.validation_steps < 0) {
    throw Error(
        fmt::format("[train] gradients of at least 1 batch make a step and validation steps are at "
                    "least 0; received {} and {}",
                    options.accumulate, options.validation_steps));
  }
  const StageOptions& tuning = options.fine_tune;
  if (!(tuning.head_learning_rate >= 0.0) || !(tuning.layer_decay > 0.0 && tuning.layer_decay <= 1.0)) {
    throw Error(
        fmt::format("[train] the head's rate is at least 0, the layers' decay above 0 and up to 1; "
                    "received {} and {}",
                    tuning.head_learning_rate, tuning.layer_decay));
  }
  if (!(options.validation_fraction > 0.0 && options.validation_fraction < 1.0)) {
    throw Error(fmt::format("[train] the validation fraction is between 0 and 1; received {}",
                            options.validation_fraction));
  }
}

}  // namespace

std::vector<std::string> fine_tuning_cuts(const TrainOptions& options) {
  return options.fine_tune_from.empty() || options.fine_tune.epochs == 0 ? std::vector<std::string>{}
                                                                         : split(options.fine_tune_from, ',');
}

TrainOptions resolved(TrainOptions options, const Graph& graph) {
  require_scores(graph);
  resolve_stage(options.head, graph);
  Graph unfrozen = graph;
  for (const std::string& cut : fine_tuning_cuts(options)) {
    unfrozen.set_trainable_from(cut);
  }
  resolve_stage(options.fine_tune, unfrozen);
  options.loss = options.loss.value_or(loss_for(graph));
  require_fitting_loss(graph, *options.loss);
  check_options(options);
  options.augmentation = without_idle_options(options.augmentation);
  return options;
}

}  // namespace headstart
