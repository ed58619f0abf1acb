// Checks of option values; what they say is "expected ...; received ...".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace headstart::app {

// Whole numbers, both ends included.
CLI::Validator whole_number(std::int64_t least, std::int64_t most);
// Finite numbers, both ends included.
CLI::Validator number_between(double least, double most);
CLI::Validator positive_number();
CLI::Validator number_from_zero();
// Any text; `expected` names it: "an address".
CLI::Validator not_empty(const std::string& expected);
// A file by the end of its name: {".png", ".svg"}, in any case.
CLI::Validator file_called(const std::vector<std::string>& extensions);
// One of the words; shown in --help.
CLI::Validator one_of(const std::vector<std::string>& words);
// One of the words, or a whole number.
CLI::Validator one_of_or_whole_number(const std::vector<std::string>& words, std::int64_t least,
                                      std::int64_t most);

}  // namespace headstart::app
