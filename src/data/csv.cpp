// CSV data sets: path,label[,split][,group], or labels in place of label; columns are found by their names.
#include "data/csv.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/files.h"
#include "data/labels.h"
#include "headstart/error.h"
#include "headstart/text.h"

namespace headstart {
namespace {

using Row = std::vector<std::string>;

class CsvParser {
 public:
  std::vector<Row> parse(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      if (quoted_) {
        if (c != '"') {
          field_ += c;
        } else if (i + 1 < text.size() && text[i + 1] == '"') {
          field_ += text[++i];
        } else {
          quoted_ = false;
        }
      } else if (c == '"' && field_.empty()) {
        quoted_ = true;
        touched_ = true;
      } else if (c == ',') {
        end_field();
      } else if (c == '\n') {
        end_row();
      } else if (c != '\r' || (i + 1 < text.size() && text[i + 1] != '\n')) {
        field_ += c;
      }
    }
    if (quoted_) {
      throw Error(fmt::format("[csv] a closing quote was expected; received the end of the text in row {}",
                              rows_.size() + 1));
    }
    end_row();
    return std::move(rows_);
  }

 private:
  void end_field() {
    row_.push_back(std::move(field_));
    field_.clear();
    touched_ = true;
  }
  void end_row() {
    if (touched_ || !field_.empty()) {
      end_field();
      rows_.push_back(std::move(row_));
    }
    row_.clear();
    touched_ = false;
  }

  std::vector<Row> rows_;
  Row row_;
  std::string field_;
  bool quoted_ = false;
  bool touched_ = false;  // the row has a field, be it an empty one
};

struct Columns {
  std::size_t path = 0, label = 0;
  std::optional<std::size_t> split, group;
  bool several = false;  // the column of labels is that of multi-label data
};

std::string trimmed(const std::string& text) {
  const auto begin = text.find_first_not_of(" \t");
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

Columns columns_of(const Row& header, const std::string& csv) {
  const auto position = [&header](const std::string& name) { return column_of(header, name); };
  if (position("label") && position("labels")) {
    throw Error(fmt::format(
        "[csv] either the column label or, of multi-label data, labels was expected in {}; received "
        "both; leave one of them out",
        csv));
  }
  const bool several = position("labels").has_value();
  const auto label = several ? position("labels") : position("label");
  for (const auto& [name, column] : {std::pair{"path", position("path")}, {"label", label}}) {
    if (!column) {
      throw Error(fmt::format(
          "[csv] the first line of {} was expected to name the columns path,label[,split][,group]; "
          "received {}; {}",
          csv, fmt::join(header, ","),
          header.size() == 1 && header[0].find_first_of(";\t") != std::string::npos
              ? std::string("put commas between the columns")
              : fmt::format("add \"{}\"", name)));
    }
  }
  return {.path = *position("path"),
          .label = *label,
          .split = position("split"),
          .group = position("group"),
          .several = several};
}

// "cat|indoors": each class once, sorted.
std::vector<std::string> classes_in(const std::string& text) {
  std::set<std::string> names;
  for (const auto& part : split(text, '|')) {
    if (auto name = trimmed(part); !name.empty()) {
      names.insert(std::move(name));
    }
  }
  return {names.begin(), names.end()};
}

LabelledFile file_of(const Row& row, const Columns& columns, const std::filesystem::path& folder,
                     const std::string& where) {
  const auto field = [&row](std::optional<std::size_t> column) {
    return column && *column < row.size() ? trimmed(row[*column]) : std::string();
  };
  LabelledFile file{.path = field(columns.path), .group = field(columns.group)};
  if (columns.several) {
    file.labels = classes_in(field(columns.label));
  } else {
    file.label = field(columns.label);
  }
  if (file.path.empty() || (file.label.empty() && !columns.several)) {
    throw Error(
        fmt::format("[csv] a path and a label were expected in {}; received {}", where, fmt::join(row, ",")));
  }
  file.path = (folder / file.path).lexically_normal().string();
  const std::string split = field(columns.split);
  if (!split.empty() && !split_role_from(split, file.role)) {
    throw Error(fmt::format("[csv] train, validation or test was expected as split in {}; received \"{}\"",
                            where, split));
  }
  return file;
}

void require_one_class(const Columns& columns, const std::string& csv) {
  if (columns.several) {
    throw Error(fmt::format(
        "[csv] photos of one class each were expected here, in a column label; received {} with a "
        "column labels; `headstart train` and `evaluate` take multi-label data",
        csv));
  }
}

}  // namespace

std::vector<Row> parse_csv(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) {
    text.remove_prefix(3);
  }
  return CsvParser().parse(text);
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) {
    return text;
  }
  std::string quoted = "\"";
  for (const char c : text) {
    quoted += c == '"' ? "\"\"" : std::string(1, c);
  }
  return quoted + "\"";
}

std::string read_csv_text(const std::string& path) {
  constexpr std::uint64_t kMaximumBytes = std::uint64_t{1} << 30;
  const auto bytes = read_file(path, kMaximumBytes);
  return {bytes.begin(), bytes.end()};
}

std::optional<std::size_t> column_of(const Row& header, const std::string& name) {
  const auto found = std::find_if(header.begin(), header.end(),
                                  [&](const auto& text) { return lower(trimmed(text)) == name; });
  return found == header.end() ? std::nullopt
                               : std::optional(static_cast<std::size_t>(found - header.begin()));
}

std::string relabelled_csv(
    const std::string& path, std::string_view text,
    const std::function<CsvChange(const std::string& path, const std::string& label)>& change) {
  auto rows = parse_csv(text);
  const Columns columns = columns_of(rows.at(0), path);
  require_one_class(columns, path);
  const auto folder = std::filesystem::path(path).parent_path();
  std::string result;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i > 0) {
      const LabelledFile file = file_of(rows[i], columns, folder, fmt::format("row {} of {}", i + 1, path));
      const CsvChange changed = change(file.path, file.label);
      if (changed.drop) {
        continue;
      }
      rows[i][columns.label] = changed.label.empty() ? rows[i][columns.label] : changed.label;
    }
    for (std::size_t field = 0; field < rows[i].size(); ++field) {
      result.append(field == 0 ? "" : ",").append(csv_field(rows[i][field]));
    }
    result += '\n';
  }
  return result;
}

DatasetSplits read_csv_dataset(const std::string& path, const ReadingTerms& terms) {
  const auto rows = parse_csv(read_csv_text(path));
  if (rows.empty()) {
    throw Error(fmt::format(
        "[csv] columns path,label[,split][,group] were expected; received an empty file {}", path));
  }
  const Columns columns = columns_of(rows.front(), path);
  if (terms.labels == LabelsOfPhoto::one) {
    require_one_class(columns, path);
  }
  const auto folder = std::filesystem::path(path).parent_path();
  std::vector<LabelledFile> files;
  files.reserve(rows.size() - 1);
  std::map<std::string, std::size_t> row_of;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    files.push_back(file_of(rows[i], columns, folder, fmt::format("row {} of {}", i + 1, path)));
    if (const auto [found, fresh] = row_of.emplace(files.back().path, i + 1); !fresh) {
      throw Error(
          fmt::format("[csv] each photo was expected once; received {} in rows {} and {} of {}; remove one",
                      files.back().path, found->second, i + 1, path));
    }
  }
  if (!files.empty() && std::none_of(files.begin(), files.end(), [](const LabelledFile& file) {
        return std::filesystem::exists(file.path);
      })) {
    throw Error(
        fmt::format("[csv] paths relative to {} were expected; received none that exists, the first being {}",
                    path, files.front().path));
  }
  return columns.several ? multi_label_splits_of(files, path) : splits_of(files, path, terms.fewest_classes);
}

}  // namespace headstart
