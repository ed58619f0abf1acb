// Comma-separated text (RFC 4180) and data sets listed in it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "headstart/dataset.h"

namespace headstart {

// Rows of fields. Quoted fields may hold commas, line ends and doubled quotes; LF and CRLF, a byte order mark
// and empty lines are accepted. Throws Error for a quote that is never closed.
std::vector<std::vector<std::string>> parse_csv(std::string_view text);

// In quotes when it holds a comma, a quote or a line break.
std::string csv_field(const std::string& text);

DatasetSplits read_csv_dataset(const std::string& path);

}  // namespace headstart
