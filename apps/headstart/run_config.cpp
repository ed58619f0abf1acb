#include "run_config.h"

#include <algorithm>
#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "headstart/error.h"
#include "headstart/text.h"

namespace headstart::app {
namespace {

std::string key_of(const CLI::Option& option) {
  return option.get_lnames().empty() ? lower(option.get_name()) : option.get_lnames().front();
}

bool belongs_to_the_result(const std::string& key) {
  constexpr const char* kElsewhere[] = {"help",    "out",    "config",      "resume",   "quiet",
                                        "threads", "memory", "tensorboard", "no-report"};
  return std::find(std::begin(kElsewhere), std::end(kElsewhere), key) == std::end(kElsewhere);
}

}  // namespace

std::map<std::string, std::string> given_options(const CLI::App& command) {
  std::map<std::string, std::string> given;
  for (const CLI::Option* option : command.get_options()) {
    if (const auto key = key_of(*option); option->count() > 0 && belongs_to_the_result(key)) {
      given[key] = option->results().back();
    }
  }
  return given;
}

void apply_config(CLI::App& command, const std::string& path) {
  std::ifstream file(path);
  const auto document = nlohmann::json::parse(file, nullptr, false);
  if (!document.is_object() || !document.contains("command") || !document["command"].is_object()) {
    throw Error(fmt::format("[config] expected the config.json of a run; received {}", path));
  }
  const auto subcommand = document.value("subcommand", nlohmann::json("train"));
  if (subcommand != command.get_name()) {
    throw Error(fmt::format("[config] expected the config.json of `headstart {}`; received one of {}: {}",
                            command.get_name(), subcommand.dump(), path));
  }
  for (const auto& [key, value] : document["command"].items()) {
    const auto options = command.get_options();
    const auto found =
        std::find_if(options.begin(), options.end(),
                     [&, &name = key](const CLI::Option* option) { return key_of(*option) == name; });
    if (found == options.end() || !value.is_string() || !belongs_to_the_result(key)) {
      throw Error(fmt::format("[config] {}: \"{}\" is not an option of {}", path, key, command.get_name()));
    }
    if ((*found)->count() == 0) {
      (*found)->add_result(value.get<std::string>());
      (*found)->run_callback();
    }
  }
}

void require_options(const CLI::App& command, const std::vector<std::string>& names) {
  for (const auto& name : names) {
    if (command.get_option(name)->count() == 0) {
      throw CLI::RequiredError(name);
    }
  }
}

}  // namespace headstart::app
