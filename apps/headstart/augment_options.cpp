// Reading augmentation from the command line, in Keras's words.
#include "augment_options.h"

#include <fmt/format.h>

#include "headstart/error.h"
#include "headstart/text.h"
#include "parsed_option.h"

namespace headstart::app {
namespace {

float parse_number(const std::string& text) {
  const auto value = number_from<float>(text);
  if (!value) {
    throw Error(fmt::format("[augment] a number was expected; received \"{}\"", text));
  }
  return *value;
}

// "0.2": 0.8 to 1.2. "0.5,1.5": just that.
AugmentRange parse_range(const std::string& text) {
  const auto comma = text.find(',');
  if (comma == std::string::npos) {
    const float reach = parse_number(text);
    if (!(reach >= 0.0F && reach <= 1.0F)) {
      throw Error(
          fmt::format("[augment] a part from 0 to 1, or LOW,HIGH was expected; received \"{}\"", text));
    }
    return {1.0F - reach, 1.0F + reach};
  }
  return {parse_number(text.substr(0, comma)), parse_number(text.substr(comma + 1))};
}

// "0.35": at least this much of the area. "0.35,0.8": between the two.
AugmentRange parse_area(const std::string& text) {
  return text.find(',') == std::string::npos ? AugmentRange{parse_number(text), 1.0F} : parse_range(text);
}

class Adder {
 public:
  Adder(CLI::App& command, AugmentOptions& options) : command_(command), options_(options) {}

  void number(const std::string& name, const std::string& help, float Augmentation::*member) {
    value(name, help, "X", member, parse_number);
  }
  void range(const std::string& name, const std::string& help, AugmentRange Augmentation::*member) {
    value(name, help, "X|LOW,HIGH", member, parse_range);
  }
  template <typename Value, typename Parse>
  void value(const std::string& name, const std::string& help, const std::string& type,
             Value Augmentation::*member, Parse parse) {
    add_parsed_option(
        command_, name, help,
        [this_options = &options_, member, parse](const std::string& text) {
          this_options->changes.emplace_back(
              [member, parsed = parse(text)](Augmentation& augmentation) { augmentation.*member = parsed; });
        })
        ->type_name(type)
        ->group("Augmentation");
  }
  void flag(const std::string& name, const std::string& help, bool Augmentation::*member) {
    command_
        .add_flag_callback(
            "--" + name,
            [this_options = &options_, member] {
              this_options->changes.emplace_back(
                  [member](Augmentation& augmentation) { augmentation.*member = true; });
            },
            help)
        ->group("Augmentation");
    command_
        .add_flag_callback(
            "--no-" + name,
            [this_options = &options_, member] {
              this_options->changes.emplace_back(
                  [member](Augmentation& augmentation) { augmentation.*member = false; });
            },
            "")
        ->group("");
  }

 private:
  CLI::App& command_;
  AugmentOptions& options_;
};

}  // namespace

void add_augment_options(CLI::App& command, AugmentOptions& options) {
  add_parsed_option(command, "--augment",
                    fmt::format("none, standard, strong, rand-augment, trivial-augment ({})", options.preset),
                    [&options](const std::string& name) {
                      augmentation_preset(name);
                      options.preset = name;
                    })
      ->type_name("PRESET")
      ->group("Augmentation");
  Adder add(command, options);
  add.number("--rotation", "Degrees to either side", &Augmentation::rotation);
  add.number("--width-shift", "Of the width when below 1, else pixels", &Augmentation::width_shift);
  add.number("--height-shift", "Of the height when below 1, else pixels", &Augmentation::height_shift);
  add.number("--shear", "Degrees to either side", &Augmentation::shear);
  add.range("--zoom", "Of each axis; 0.2 is 0.8,1.2", &Augmentation::zoom);
  add.value("--fill-mode", "nearest, constant, reflect, wrap", "MODE", &Augmentation::fill_mode,
            fill_mode_from);
  add.number("--fill-value", "Level of the constant", &Augmentation::fill_value);
  add.flag("horizontal-flip", "With probability one half", &Augmentation::horizontal_flip);
  add.flag("vertical-flip", "With probability one half", &Augmentation::vertical_flip);
  add.number("--channel-shift", "Levels to either side", &Augmentation::channel_shift);
  add.range("--brightness", "Factor; 0.2 is 0.8,1.2", &Augmentation::brightness);
  add.value("--crop-area", "Random resized crop: least part of the area", "X|LOW,HIGH",
            &Augmentation::crop_area, parse_area);
  add.number("--scale", "Both axes together, part to either side", &Augmentation::scale);
  add.number("--skew", "Corners inwards, part of half a side", &Augmentation::skew);
  add.number("--contrast", "Part to either side", &Augmentation::contrast);
  add.number("--saturation", "Part to either side", &Augmentation::saturation);
  add.number("--hue", "Part of a full turn to either side", &Augmentation::hue);
  add.number("--tint", "Of each channel, part to either side", &Augmentation::tint);
  add.number("--blur", "Largest standard deviation, pixels", &Augmentation::blur);
  add.number("--erase", "Probability of random erasing", &Augmentation::erase);
  add.number("--rand-magnitude", "Of rand-augment, 0 to 30 (9)", &Augmentation::rand_magnitude);
}

Augmentation augmentation_of(const AugmentOptions& options) {
  Augmentation augmentation = augmentation_preset(options.preset);
  for (const auto& change : options.changes) {
    change(augmentation);
  }
  check_augmentation(augmentation);
  return augmentation;
}

}  // namespace headstart::app
