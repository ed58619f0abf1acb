#include "model_options.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "checks.h"
#include "headstart/text.h"

namespace headstart::app {
namespace {

constexpr int kLargestSide = 16384;

int parse_side(std::string_view text) {
  const int side = number_from<int>(text).value_or(0);
  return side <= kLargestSide ? side : 0;
}

// "150", "150x200" (height first) or "28x28x1" (gray).
void parse_input_size(const std::string& text, ArchitectureOptions& options) {
  const auto parts = split(text, 'x');
  options.height = parse_side(parts.front());
  options.width = parts.size() > 1 ? parse_side(parts[1]) : options.height;
  options.channels = parts.size() > 2 ? parse_side(parts[2]) : 0;
  const bool gray_or_colour = parts.size() < 3 || options.channels == 1 || options.channels == 3;
  if (options.height <= 0 || options.width <= 0 || parts.size() > 3 || !gray_or_colour) {
    throw CLI::ValidationError(
        "--input-size",
        fmt::format("expected N, HEIGHTxWIDTH or HEIGHTxWIDTHxCHANNELS with sides up to {} and "
                    "1 channel (gray) or 3; received {}",
                    kLargestSide, text));
  }
}

}  // namespace

void add_size_options(CLI::App& command, ArchitectureOptions& options) {
  command
      .add_option_function<std::string>(
          "--input-size", [&options](const std::string& text) { parse_input_size(text, options); },
          "Input of the network, when it is not the usual one; 28x28x1 is gray")
      ->type_name("N|HxW|HxWxC");
  command.add_option("--alpha", options.alpha, "Width multiplier of MobileNets (1)")->type_name("A");
}

void add_flavour_option(CLI::App& command, ArchitectureOptions& options) {
  command
      .add_option_function<std::string>(
          "--flavour",
          [&options](const std::string& text) {
            options.flavour = text == "torch" ? Flavour::torch : Flavour::keras;
          },
          "Whose network of that name, where no weight file tells: keras or torch (keras)")
      ->type_name("NAME")
      ->check(one_of({"keras", "torch"}));
}

void add_architecture_options(CLI::App& command, ArchitectureOptions& options) {
  add_size_options(command, options);
  add_flavour_option(command, options);
  command.add_flag_callback(
      "--no-top", [&options] { options.include_top = false; }, "Without the classifier at its end");
  // Looks at --no-top, whose callback ran before, and at the command's own --head, whose classes they are.
  const auto take_classes = [&command, &options](int classes) {
    const CLI::Option* head = command.get_option_no_throw("--head");
    if (!options.include_top && (head == nullptr || head->count() == 0)) {
      throw CLI::ValidationError(
          "--classes", "expected a network with its classifier; received --no-top as well; leave out one");
    }
    options.classes = classes;
  };
  command.add_option_function<int>("--classes", take_classes, "Number of classes at its end")
      ->type_name("N")
      ->check(whole_number(1, 1'000'000));
}

void add_weights_option(CLI::App& command, ModelRequest& request) {
  command
      .add_option("--weights", request.weights,
                  "imagenet, none, or a file: Keras .h5 or .keras, PyTorch .pth, .safetensors, tfjs "
                  "model.json, .onnx "
                  "(imagenet)")
      ->type_name("SOURCE");
}

void add_weight_options(CLI::App& command, ModelRequest& request) {
  add_weights_option(command, request);
  command.add_option("--seed", request.seed, "Of fresh parameters (0)")->type_name("N");
}

void add_preprocessing_options(CLI::App& command, ModelRequest& request) {
  command
      .add_option("--preprocessing", request.preprocessing,
                  "How pixels become the input, where no model file says it: unit (x / 255), tf (-1 to 1), "
                  "torch, caffe, none (as the weights were trained)")
      ->type_name("MODE")
      ->check(one_of({"unit", "tf", "torch", "caffe", "none"}));
  command
      .add_option("--resize", request.resize,
                  "And how pictures are resized: bilinear-aa, bilinear, nearest (Keras's load_img), "
                  "bicubic-aa, area")
      ->type_name("KERNEL")
      ->check(one_of({"bilinear-aa", "bilinear", "nearest", "bicubic-aa", "area"}));
}

void add_class_index_option(CLI::App& command, ModelRequest& request) {
  command
      .add_option("--class-index", request.class_index,
                  "Names of the classes: imagenet_class_index.json, synset_words.txt or a name a line")
      ->type_name("FILE");
}

std::string model_file(const std::string& path) {
  const auto file = std::filesystem::path(path) / "model.safetensors";
  std::error_code ignored;
  return std::filesystem::is_regular_file(file, ignored) ? file.string() : path;
}

void add_model_argument(CLI::App& command, ModelRequest& request) {
  command
      .add_option("MODEL", request.model,
                  "A network of `headstart models`, or a model file such as run/model.safetensors")
      ->required();
}

void add_model_options(CLI::App& command, ModelRequest& request) {
  add_model_argument(command, request);
  add_weight_options(command, request);
  add_architecture_options(command, request.architecture);
  add_preprocessing_options(command, request);
}

}  // namespace headstart::app
