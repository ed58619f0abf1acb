// How results are printed: JSON documents and aligned tables.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace headstart::app {

// Keeps the order in which keys are written.
using Json = nlohmann::ordered_json;

// One document on stdout; bytes that are not UTF-8 (in paths) are replaced.
void print_json(const Json& document);

// The shortest decimal number that is this float again (a double would print 0.4994780123233795).
Json number(float value);

enum class Align { left, right };
struct Column {
  std::string title;
  Align align = Align::left;
};
// Columns as wide as their widest cell, two spaces apart, on stdout. Cells are UTF-8.
void print_table(const std::vector<Column>& columns, const std::vector<std::vector<std::string>>& rows);

}  // namespace headstart::app
