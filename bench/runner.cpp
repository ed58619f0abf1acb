// headstart_runner JOB [--key value]...: measures what bench/compare asks for. Reads the name of a variant
// from each line of stdin, does that work until --seconds have passed (once at least) and answers with the
// milliseconds of one run.
#include <algorithm>
#include <chrono>
#include <exception>
#include <iostream>
#include <map>
#include <string>

#include <fmt/format.h>

#include "headstart/error.h"
#include "headstart/zoo.h"
#include "runner.h"

namespace headstart {

std::string text_of(const JobOptions& options, const std::string& key, const std::string& otherwise) {
  const auto found = options.find(key);
  return found == options.end() ? otherwise : found->second;
}

int number_of(const JobOptions& options, const std::string& key, int otherwise) {
  const auto found = options.find(key);
  return found == options.end() ? otherwise : std::stoi(found->second);
}

Graph network_of(const JobOptions& options) {
  const int size = number_of(options, "size", 0);
  const auto flavour = text_of(options, "flavour", "torch") == "torch" ? Flavour::torch : Flavour::keras;
  return build_architecture(architecture(text_of(options, "network", "mobilenet_v2"), flavour),
                            {.height = size,
                             .width = size,
                             .include_top = text_of(options, "top", "no") == "yes",
                             .flavour = flavour});
}

namespace {

Job job_of(const std::string& name, const JobOptions& options) {
  if (name == "frozen") {
    return frozen_job(options);
  }
  if (name == "step") {
    return step_job(options);
  }
  if (name == "head") {
    return head_job(options);
  }
  if (name == "pipeline") {
    return pipeline_job(options);
  }
  throw Error(fmt::format("[runner] expected frozen, step, head or pipeline; received {}", name));
}

double milliseconds_a_run(const Work& work, double seconds) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  int runs = 0;
  double passed = 0.0;
  do {
    work();
    ++runs;
    passed = std::chrono::duration<double>(Clock::now() - start).count();
  } while (passed < seconds);
  return passed * 1000.0 / runs;
}

void serve(const Job& job, double seconds) {
  std::map<std::string, Work> works;
  std::string variant;
  while (std::getline(std::cin, variant)) {
    auto found = works.find(variant);
    if (found == works.end()) {
      found = works.emplace(variant, job(variant)).first;
    }
    std::cout << milliseconds_a_run(found->second, seconds) << std::endl;
  }
}

}  // namespace
}  // namespace headstart

int main(int argc, char** argv) {
  try {
    headstart::JobOptions options;
    for (int i = 2; i + 1 < argc; i += 2) {
      options[std::string(argv[i]).substr(2)] = argv[i + 1];
    }
    const double seconds = std::stod(headstart::text_of(options, "seconds", "0.5"));
    headstart::serve(headstart::job_of(argc > 1 ? argv[1] : "", options), seconds);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
