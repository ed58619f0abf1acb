#include "train_options.h"

#include <sstream>
#include <string>

#include <fmt/format.h>

#include "checks.h"
#include "headstart/losses.h"
#include "headstart/optimizer.h"
#include "headstart/plan.h"
#include "headstart/text.h"
#include "model_options.h"
#include "parsed_option.h"
#include "predict_options.h"

namespace headstart::app {
namespace {

constexpr int kMany = 1'000'000;

void parse_class_weights(const std::string& text, TrainOptions& train) {
  train.balanced_class_weights = text == "balanced";
  if (train.balanced_class_weights) {
    return;
  }
  std::istringstream stream(text);
  for (std::string word; std::getline(stream, word, ',');) {
    const auto weight = number_from<float>(word);
    if (!weight || !(*weight >= 0)) {
      throw CLI::ValidationError(
          "--class-weights",
          fmt::format("expected balanced, or one number a class (1,2.5); received {}", text));
    }
    train.class_weights.push_back(*weight);
  }
}

void add_network_options(CLI::App& command, TrainCommand& options) {
  command.add_option(
      "DATA", options.data,
      "Folder of class folders (also within train/, validation/, test/), or a CSV path,label[,split] "
      "(multi-label: path,labels with a | between the classes)");
  command
      .add_option(
          "--base", options.base.model,
          "A network of `headstart models`, a model file whose head is left off, or none: the head is "
          "the whole network")
      ->type_name("NAME|FILE");
  add_weights_option(command, options.base);
  add_size_options(command, options.base.architecture);
  add_flavour_option(command, options.base.architecture);
  add_preprocessing_options(command, options.base);
  command
      .add_option("--head", options.head,
                  "Layers on the base: flatten, gap, dense:256:relu, dropout:0.5, ...; or keep: that of a "
                  "model file, "
                  "which is trained on (gap,dropout:0.3,dense)")
      ->type_name("LAYERS");
  command.add_option("--freeze", options.freeze, "all of the base, none, or what comes before a layer (all)")
      ->type_name("all|none|NAME");
  command
      .add_option("--out", options.train.out_directory,
                  "Gets model.safetensors, history.csv, config.json, report.html, model_card.md, checkpoint/")
      ->type_name("DIR");
}

void add_schedule_options(CLI::App& command, TrainOptions& train) {
  command
      .add_option("--epochs", train.head.epochs, fmt::format("With a frozen base ({})", train.head.epochs))
      ->type_name("N")
      ->check(whole_number(0, kMany));
  command
      .add_option("--fine-tune-from", train.fine_tune_from,
                  "Then this layer and all after it are trained too; several with commas: one stage each")
      ->type_name("NAME[,NAME...]");
  command
      .add_option("--fine-tune-epochs", train.fine_tune.epochs, fmt::format("({})", train.fine_tune.epochs))
      ->type_name("N")
      ->check(whole_number(0, kMany));
  command
      .add_option("--fine-tune-lr", train.fine_tune.optimizer.learning_rate,
                  fmt::format("({})", train.fine_tune.optimizer.learning_rate))
      ->type_name("RATE")
      ->check(positive_number());
  command
      .add_option("--fine-tune-head-lr", train.fine_tune.head_learning_rate,
                  "Of the new layers while fine-tuning (the same)")
      ->type_name("RATE")
      ->check(positive_number());
  command
      .add_option(
          "--layer-decay", train.fine_tune.layer_decay,
          "Fine-tuning: each of up to 12 groups of layers learns at this share of the next's rate (1)")
      ->type_name("F")
      ->check(number_between(0.0, 1.0));
  command.add_option("--steps-per-epoch", train.steps_per_epoch, "(every image once)")
      ->type_name("N")
      ->check(whole_number(0, kMany));
  command
      .add_option("--validation-steps", train.validation_steps,
                  "Batches, spread over the validation images (every image once)")
      ->type_name("N")
      ->check(whole_number(0, kMany));
  command.add_option("--accumulate", train.accumulate, "Batches for one step of the optimizer (1)")
      ->type_name("N")
      ->check(whole_number(1, kMany));
  command.add_option("--batch-size", train.batch_size, fmt::format("Images a step ({})", train.batch_size))
      ->type_name("N")
      ->check(whole_number(1, kMany));
  command.add_option("--patience", train.patience, "Epochs without a better one that end a stage (off)")
      ->type_name("N")
      ->check(whole_number(0, kMany));
}

void add_optimizer_options(CLI::App& command, TrainOptions& train) {
  OptimizerOptions& optimizer = train.head.optimizer;
  add_parsed_option(command, "--optimizer",
                    "auto, sgd, rmsprop, adam or adamw (auto: adamw with measured rates)",
                    [&optimizer](const std::string& name) { optimizer.kind = optimizer_from(name); })
      ->type_name("NAME");
  command
      .add_option("--lr", optimizer.learning_rate,
                  "Learning rate (auto 0.003 for a new head; else Keras's: 0.001, sgd 0.01)")
      ->type_name("RATE")
      ->check(positive_number());
  command.add_option("--momentum", optimizer.momentum, "Of sgd and rmsprop (0)")
      ->type_name("M")
      ->check(number_between(0.0, 1.0));
  command.add_flag("--nesterov", optimizer.nesterov, "With sgd and momentum");
  command.add_option("--decay", optimizer.decay, "Of the rate, as in Keras 2: rate / (1 + D * steps) (0)")
      ->type_name("D")
      ->check(number_from_zero());
  command
      .add_option("--weight-decay", optimizer.weight_decay,
                  "Decoupled, on kernels (auto 1 for a new head; adamw 0.004, else 0)")
      ->type_name("D")
      ->check(number_from_zero());
  command
      .add_option("--clip-norm", optimizer.clip_norm,
                  "Gradients are scaled to this global norm at most (off)")
      ->type_name("N")
      ->check(number_from_zero());
  command
      .add_option("--average-decay", train.average_decay,
                  "A moving average of the parameters is validated and kept: 0.99, 0.999 (off)")
      ->type_name("D")
      ->check(number_between(0.0, 0.999999));
  add_parsed_option(command, "--schedule",
                    "constant, cosine, step:10:0.1, exponential:1:0.9, one-cycle, plateau:5:0.1 (cosine with "
                    "auto, else constant)",
                    [&train](const std::string& text) { train.head.schedule = schedule_from(text); })
      ->type_name("NAME");
  add_parsed_option(
      command, "--loss",
      "binary_crossentropy, categorical_crossentropy or sparse_categorical_crossentropy (by the head)",
      [&train](const std::string& name) { train.loss = loss_from(name); })
      ->type_name("NAME");
  command
      .add_option("--label-smoothing", train.label_smoothing, "Share of a label that goes to all classes (0)")
      ->type_name("E")
      ->check(number_between(0.0, 0.999));
  command.add_option("--mixup", train.mixup, "Mixes pairs of images or features: alpha, 0.2 say (off)")
      ->type_name("A")
      ->check(number_between(0.0, 4.0));
  command.add_option("--cutmix", train.cutmix, "Pastes parts of images or feature maps: alpha, 1 say (off)")
      ->type_name("A")
      ->check(number_between(0.0, 4.0));
  command.add_flag("--balanced-sampling", train.balanced_sampling, "Every class as often as the others");
  command
      .add_option(
          "--logit-adjustment", train.logit_adjustment,
          "For classes of different sizes: adds this times the logarithm of a class's share to its logit "
          "in training; 1 is usual (0)")
      ->type_name("T")
      ->check(number_between(0.0, 10.0));
  command
      .add_option_function<std::string>(
          "--class-weights", [&train](const std::string& text) { parse_class_weights(text, train); },
          "balanced, or one number a class: 1,2.5")
      ->type_name("W");
}

void add_run_options(CLI::App& command, TrainCommand& options) {
  TrainOptions& train = options.train;
  command
      .add_option("--validation-fraction", train.validation_fraction,
                  "Of the images, when there is no validation folder (0.2)")
      ->type_name("F")
      ->check(number_between(0.0, 1.0));
  train.accepted_share = 0.99;
  command
      .add_option(
          "--accept", train.accepted_share,
          "Share of the classes' photos that predict accepts; what is further away than those it calls "
          "unknown; 0: nothing is unknown (0.99)")
      ->type_name("SHARE")
      ->check(number_between(0.0, 0.9999));
  const auto monitor = [&train](const std::string& name) {
    train.monitor = name == "val_loss" ? Monitor::val_loss : Monitor::val_accuracy;
  };
  command
      .add_option_function<std::string>(
          "--monitor", monitor, "What makes an epoch the best: val_accuracy or val_loss (val_accuracy)")
      ->type_name("NAME")
      ->check(one_of({"val_accuracy", "val_loss"}));
  const auto cache = [&train](const std::string& text) {
    train.cache = text == "off" ? CacheMode::off : CacheMode::automatic;
    if (text != "off" && text != "auto") {
      train.cached_views = std::stoi(text);
    }
  };
  command
      .add_option_function<std::string>(
          "--cache", cache,
          "What the frozen layers give is kept on disk; with augmentation K views of an image, 0: new "
          "ones every epoch (auto: 8)")
      ->type_name("auto|off|K")
      ->check(one_of_or_whole_number({"auto", "off"}, 0, 1000));
  command.add_option("--seed", train.seed, "Of the new layers, the order, the split (0)")->type_name("N");
  add_precision_option(command, train.precision);
  add_threads_option(command, train.threads);
  add_parsed_option(command, "--memory",
                    "For the activations of a step, beyond which parts of the forward pass run again: 4GB, "
                    "512MB (most of what is free)",
                    [&train](const std::string& text) { train.memory = bytes_from(text); })
      ->type_name("SIZE");
  command.add_flag("--plan", options.plan,
                   "Only what training would cost: time, memory and disk, measured in about two seconds");
  add_parsed_option(command, "--budget",
                    "Trains as much of the network as fits into this time: 90s, 5m, 1h30m",
                    [&options](const std::string& text) { options.budget = seconds_from(text); })
      ->type_name("TIME");
  command.add_flag(
      "--find-lr", options.find_rate,
      "Only a range test of the learning rate: learning_rates.csv and .png in --out, and a suggestion");
  command.add_flag("--json", options.json, "One JSON document: the plan, the rates, or how training ended");
  command.add_flag("--strict", train.strict, "An unreadable image is an error");
  command.add_flag("--resume", train.resume, "Go on from the checkpoint in --out");
  command.add_flag("--quiet", options.quiet, "No progress");
}

}  // namespace

void add_train_options(CLI::App& command, TrainCommand& options) {
  add_network_options(command, options);
  add_schedule_options(command, options.train);
  add_optimizer_options(command, options.train);
  add_run_options(command, options);
  add_augment_options(command, options.augment);
}

void refuse_idle_options(const CLI::App& command, const TrainCommand& options) {
  const auto refuse = [&](const char* name, const char* needed) {
    if (command.get_option(name)->count() > 0) {
      throw CLI::ValidationError(name, fmt::format("does nothing without {}", needed));
    }
  };
  const bool cut_is_chosen = options.plan || options.budget > 0.0;
  if (options.train.fine_tune_from.empty() && !cut_is_chosen) {
    for (const char* name :
         {"--fine-tune-epochs", "--fine-tune-lr", "--fine-tune-head-lr", "--layer-decay"}) {
      refuse(name, "--fine-tune-from");
    }
  }
  const OptimizerKind kind = options.train.head.optimizer.kind;
  if (kind != OptimizerKind::sgd && kind != OptimizerKind::rmsprop) {
    refuse("--momentum", "--optimizer sgd or rmsprop");
  }
}

void finish_train_options(TrainCommand& options) {
  options.train.augmentation = augmentation_of(options.augment);
  const double rate = options.train.fine_tune.optimizer.learning_rate;
  options.train.fine_tune.optimizer = options.train.head.optimizer;
  options.train.fine_tune.optimizer.learning_rate = rate;
  options.train.fine_tune.schedule = options.train.head.schedule;
}

}  // namespace headstart::app
