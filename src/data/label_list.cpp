// Lists of labels and what is to be done about them, as CSV.
#include <charconv>

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <fmt/ranges.h>

#include "core/files.h"
#include "data/csv.h"
#include "headstart/error.h"
#include "headstart/relabel.h"
#include "headstart/text.h"

namespace headstart {
namespace {

using Row = std::vector<std::string>;

std::string action_name(LabelAction action) {
  switch (action) {
    case LabelAction::undecided:
      return "";
    case LabelAction::keep:
      return "keep";
    case LabelAction::relabel:
      return "relabel";
    case LabelAction::remove:
      return "remove";
  }
  return "";
}

LabelAction action_from(const std::string& text, const std::string& where) {
  std::string word = lower(text);
  std::erase_if(word, [](char c) { return c == ' ' || c == '\t'; });
  for (const auto action :
       {LabelAction::undecided, LabelAction::keep, LabelAction::relabel, LabelAction::remove}) {
    if (word == action_name(action)) {
      return action;
    }
  }
  throw Error(
      fmt::format("[relabel] keep, relabel, remove or nothing was expected as action in {}; received \"{}\"",
                  where, text));
}

double score_from(const std::string& text) {
  double score = 0.0;
  std::from_chars(text.data(), text.data() + text.size(), score);
  return score;
}

// As write_quarantine writes it: all of it is to be removed, whatever its labels are.
std::vector<LabelDecision> quarantined(const std::vector<Row>& rows, std::size_t path_column) {
  std::vector<LabelDecision> list;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    if (path_column < rows[i].size()) {
      list.push_back({.path = rows[i][path_column], .action = LabelAction::remove});
    }
  }
  return list;
}

struct ListColumns {
  std::size_t path = 0, given = 0, suggested = 0, action = 0;
  std::optional<std::size_t> score{};
};

ListColumns list_columns(const Row& header, const std::string& list) {
  const auto require = [&](const char* name) {
    const auto column = column_of(header, name);
    if (!column) {
      throw Error(
          fmt::format("[relabel] the columns path,given,suggested,score,action were expected in {}; received "
                      "{}; `headstart "
                      "labels DATA --out FILE` writes such a list, with commas between the columns",
                      list, fmt::join(header, ",")));
    }
    return *column;
  };
  return {.path = require("path"),
          .given = require("given"),
          .suggested = require("suggested"),
          .action = require("action"),
          .score = column_of(header, "score")};
}

}  // namespace

void write_label_list(const std::vector<LabelDecision>& list, const std::string& path) {
  write_file_atomically(path, [&](std::ostream& out) {
    out << "path,given,suggested,score,action\n";
    for (const auto& one : list) {
      fmt::print(out, "{},{},{},{:.4f},{}\n", csv_field(one.path), csv_field(one.given),
                 csv_field(one.suggested), one.score, action_name(one.action));
    }
  });
}

std::vector<LabelDecision> read_label_list(const std::string& path) {
  const auto rows = parse_csv(read_csv_text(path));
  const Row header = rows.empty() ? Row{} : rows.front();
  if (const auto paths = column_of(header, "path");
      paths && column_of(header, "reason") && !column_of(header, "action")) {
    return quarantined(rows, *paths);
  }
  const ListColumns columns = list_columns(header, path);
  std::vector<LabelDecision> list;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const auto field = [&row = rows[i]](std::size_t column) {
      return column < row.size() ? row[column] : std::string();
    };
    const std::string where = fmt::format("row {} of {}", i + 1, path);
    list.push_back({.path = field(columns.path),
                    .given = field(columns.given),
                    .suggested = field(columns.suggested),
                    .score = columns.score ? score_from(field(*columns.score)) : 0.0,
                    .action = action_from(field(columns.action), where)});
  }
  return list;
}

}  // namespace headstart
