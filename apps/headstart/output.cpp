#include "output.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string_view>

#include <fmt/format.h>

namespace headstart::app {
namespace {

// Characters, not bytes: continuation bytes of UTF-8 take no place.
std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

void print_row(const std::vector<Column>& columns, const std::vector<std::string>& cells,
               const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const std::string padding(widths[c] - display_width(cells[c]), ' ');
    line += c > 0 ? "  " : "";
    line += columns[c].align == Align::right ? padding + cells[c] : cells[c] + padding;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  fmt::print("{}\n", line);
}

}  // namespace

void print_json(const Json& document) {
  fmt::print("{}\n", document.dump(2, ' ', false, Json::error_handler_t::replace));
}

Json number(float value) {
  return std::isfinite(value) ? Json(std::stod(fmt::format("{}", value))) : Json(nullptr);
}

void print_table(const std::vector<Column>& columns, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  std::vector<std::string> titles;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    titles.push_back(columns[c].title);
    widths.push_back(display_width(columns[c].title));
    for (const auto& row : rows) {
      widths[c] = std::max(widths[c], display_width(row[c]));
    }
  }
  print_row(columns, titles, widths);
  for (const auto& row : rows) {
    print_row(columns, row, widths);
  }
}

}  // namespace headstart::app
