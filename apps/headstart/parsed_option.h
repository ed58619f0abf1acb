// An option whose value the library reads.
#pragma once

#include <string>
#include <utility>

#include <CLI/CLI.hpp>

#include "headstart/error.h"

namespace headstart::app {

// `parse` takes the text; the library's Error about it is wrong usage.
template <typename Parse>
CLI::Option* add_parsed_option(CLI::App& command, const std::string& name, const std::string& help,
                               Parse parse) {
  const auto read = [name, parse = std::move(parse)](const std::string& text) {
    try {
      parse(text);
    } catch (const Error& error) {
      const std::string message = error.what();
      const auto tag_end = message.find("] ");
      throw CLI::ValidationError(name, message.substr(tag_end == std::string::npos ? 0 : tag_end + 2));
    }
  };
  return command.add_option_function<std::string>(name, read, help);
}

}  // namespace headstart::app
