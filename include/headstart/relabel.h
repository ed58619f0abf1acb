// Decisions about labels, applied to a data set: pictures into other class folders, or another label in a
// CSV; every change can be undone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace headstart {

enum class LabelAction { undecided, keep, relabel, remove };

// A line of a label list: the CSV path,given,suggested,score,action.
struct LabelDecision {
  // Relative to the data: its folder, or the folder of its CSV; or as read_dataset has it.
  std::string path{};
  std::string given{};  // the label that it has; empty: any
  std::string suggested{};
  double score = 0.0;
  LabelAction action = LabelAction::undecided;
};

// Written atomically.
void write_label_list(const std::vector<LabelDecision>& list, const std::string& path);
// Columns are found by their names; `score` may be missing. In a list of path,reason (write_quarantine) all
// are to be removed. Throws Error for a missing column and for an action that is none of "", keep, relabel,
// remove.
std::vector<LabelDecision> read_label_list(const std::string& path);

// What relabel does about one picture.
struct LabelChange {
  std::string path{};            // as in the list
  std::string given{}, label{};  // label: the new one; empty: removed
  // Of class folders: where the file goes, relative to the data, or to the folder DATA.removed beside it. A
  // name that is taken gets a number.
  std::string target{};
};
struct RelabelPlan {
  std::string data{};
  std::vector<LabelChange> changes{};
};

// Checks the decisions to relabel and to remove against the data. Throws Error for a path that is no picture
// of the data or is there twice, for a label that differs from the data's, for a class that the data does not
// have, for a class of which no training picture would be left, for folders that cannot be written.
RelabelPlan plan_relabel(const std::string& data, const std::vector<LabelDecision>& list);

struct Relabelled {
  std::int64_t relabelled = 0, removed = 0;
  std::string undo{};        // file for undo_relabel; empty when there was nothing to do
  bool interrupted = false;  // by stop_requested(): what is done can be undone, or the rest be planned anew
};
// The undo file is written first, beside the data: DATA.undo.csv, or with a number. Class folders: each file
// is renamed, never over another. A CSV is replaced atomically; removed pictures lose their lines, their
// files stay.
Relabelled apply_relabel(const RelabelPlan& plan);

struct Undone {
  std::int64_t restored = 0;
  std::vector<std::string> lost{};  // "path: why it could not be put back"
};
// Puts back what the undo file names and is not yet back: after a relabel that was killed at any moment, and
// after an undo that was. Throws Error for a file that is none, that names a place outside of the data, and
// for a CSV that was changed since.
Undone undo_relabel(const std::string& data, const std::string& undo);

}  // namespace headstart
