#include "train/activation_limit.h"

#include <limits>

#include <fmt/format.h>

#include "core/memory.h"
#include "headstart/text.h"

namespace headstart {

std::int64_t activation_limit(const TrainOptions& options) {
  if (options.memory > 0) {
    return options.memory;
  }
  // The rest is for the optimizer, the program of the last batch, validation and pictures.
  constexpr double kShare = 0.7;
  const std::int64_t available = available_memory();
  return available == std::numeric_limits<std::int64_t>::max()
             ? 0
             : static_cast<std::int64_t>(kShare * static_cast<double>(available)) + 1;
}

std::string recomputation_message(const TrainingProgram& program, std::int64_t limit) {
  if (program.recomputed_share() == 0.0) {
    return "";
  }
  const std::int64_t bytes = program.activation_bytes();
  const std::string first = fmt::format("activations of {} do not fit in the {} that are free for them: ",
                                        bytes_text(program.unlimited_activation_bytes()), bytes_text(limit));
  return bytes > limit ? first + fmt::format(
                                     "with parts of the forward pass run again they still take {}; a "
                                     "smaller --batch-size or --input-size takes less",
                                     bytes_text(bytes))
                       : first + fmt::format("parts of the forward pass are run again, which takes {}",
                                             bytes_text(bytes));
}

}  // namespace headstart
