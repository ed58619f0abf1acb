// Comma-separated text (RFC 4180) and data sets listed in it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/reading_terms.h"
#include "headstart/dataset.h"

namespace headstart {

// Rows of fields. Quoted fields may hold commas, line ends and doubled quotes; LF and CRLF, a byte order mark
// and empty lines are accepted. Throws Error for a quote that is never closed.
std::vector<std::vector<std::string>> parse_csv(std::string_view text);

// In quotes when it holds a comma, a quote or a line break.
std::string csv_field(const std::string& text);

// The whole file; up to 1 GB.
std::string read_csv_text(const std::string& path);

// Of the row that names the columns: the place of a name, in any case and with spaces around it.
std::optional<std::size_t> column_of(const std::vector<std::string>& header, const std::string& name);

// The text with other labels, its other fields as they are. `change` is asked once a row, with the path as
// read_csv_dataset gives it.
struct CsvChange {
  bool drop = false;    // the row goes
  std::string label{};  // empty: stays
};
std::string relabelled_csv(
    const std::string& path, std::string_view text,
    const std::function<CsvChange(const std::string& path, const std::string& label)>& change);

DatasetSplits read_csv_dataset(const std::string& path, const ReadingTerms& terms);

}  // namespace headstart
