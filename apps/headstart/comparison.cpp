#include "comparison.h"

#include <cstdio>

#include <fmt/format.h>

#include "headstart/npy.h"

namespace headstart::app {

void add_comparison_options(CLI::App& command, std::string& against, double& tolerance) {
  command
      .add_option("--against", against, "What another framework gave: compared, exit status 1 when it is far")
      ->type_name("REFERENCE.npy");
  command
      .add_option("--tolerance", tolerance,
                  fmt::format("Accepted difference, as a share of the largest value ({})", tolerance))
      ->type_name("T");
}

int report_difference(const Tensor& result, const std::string& reference_path, double tolerance) {
  const Difference apart = difference(result, read_npy(reference_path));
  const bool close = apart.largest_relative <= tolerance;
  fmt::print(stderr, "{}: largest difference {:.3g}, {:.3g} of the largest value, at element {}; {} {}\n",
             close ? "equal to " + reference_path : "error: differs from " + reference_path,
             apart.largest_absolute, apart.largest_relative, apart.position, close ? "within" : "beyond",
             tolerance);
  return close ? 0 : 1;
}

}  // namespace headstart::app
