// Looking a network up and building it for given options.
#include "headstart/zoo.h"

#include <algorithm>

#include "headstart/error.h"
#include "headstart/text.h"

namespace headstart {
namespace {

constexpr double kLargestAlpha = 4.0;
constexpr int kLargestSize = 16'384;

std::string size_text(int height, int width) { return std::to_string(height) + "x" + std::to_string(width); }

void check_options(const Architecture& architecture, const ArchitectureOptions& options) {
  if (std::min(options.height, options.width) < architecture.minimum_size) {
    const std::string minimum = std::to_string(architecture.minimum_size);
    throw Error("[zoo] expected an input of at least " +
                size_text(architecture.minimum_size, architecture.minimum_size) + " for " +
                architecture.name + "; received " + size_text(options.height, options.width) +
                "; use an input size of " + minimum + " or more");
  }
  if (std::max(options.height, options.width) > kLargestSize) {
    throw Error("[zoo] expected an input of at most " + size_text(kLargestSize, kLargestSize) +
                "; received " + size_text(options.height, options.width) + "; use a smaller input size");
  }
  if (options.channels < 1 || options.channels > 4) {
    throw Error("[zoo] expected 1 to 4 channels; received " + std::to_string(options.channels) +
                "; use 3 for colour, 1 for gray");
  }
  if (options.classes < 1) {
    throw Error("[zoo] expected a positive number of classes; received " + std::to_string(options.classes) +
                "; use 1 or more");
  }
  if (architecture.alphas.empty() && options.alpha != 1.0) {
    throw Error("[zoo] expected no width multiplier for " + architecture.name + "; received alpha " +
                std::to_string(options.alpha) + "; leave it out or use a MobileNet");
  }
  // Below this the narrowest layer would have no filters.
  if (!(options.alpha * 32 >= 1.0 && options.alpha <= kLargestAlpha)) {
    throw Error("[zoo] expected an alpha from 0.03125 to 4; received " + std::to_string(options.alpha) +
                "; use a published one such as 1.0 or 0.5");
  }
}

}  // namespace

bool is_zoo_name(std::string_view name) {
  const auto& table = architectures();
  return std::any_of(table.begin(), table.end(), [wanted = plain_spelling(name)](const auto& row) {
    return plain_spelling(row.name) == wanted;
  });
}

const Architecture& architecture(std::string_view name, std::optional<Flavour> flavour) {
  const Architecture* found = nullptr;
  const std::string wanted = plain_spelling(name);
  std::vector<std::string> names;
  for (const Architecture& candidate : architectures()) {
    if (plain_spelling(candidate.name) == wanted && (found == nullptr || candidate.flavour == flavour)) {
      found = &candidate;
    }
    names.push_back(candidate.name);
  }
  if (found == nullptr) {
    throw Error("[zoo] expected the name of a network; received \"" + std::string(name) + "\"" +
                did_you_mean(name, names) + "; `headstart models` lists them");
  }
  return *found;
}

Graph build_architecture(const Architecture& architecture, ArchitectureOptions options) {
  const auto fill = [](int& value, int standard) { value = value == 0 ? standard : value; };
  fill(options.height, architecture.input_size);
  fill(options.width, architecture.input_size);
  fill(options.channels, architecture.channels);
  fill(options.classes, architecture.classes);
  check_options(architecture, options);
  return architecture.build(options);
}

}  // namespace headstart
