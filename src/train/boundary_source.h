// Batches of boundary tensors for the training part, from computed features or straight from image files.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "headstart/dataset.h"
#include "train/boundary_program.h"

namespace headstart {

// `tensors[i]` has room for a whole batch of boundary node i; rows beyond `labels.size()` hold arbitrary
// finite values.
struct BoundaryBatch {
  std::vector<const float*> tensors;
  std::vector<int> labels;
};

class BoundarySource {
 public:
  virtual ~BoundarySource() = default;
  virtual const std::vector<int>& labels() const = 0;  // of every sample; items count through these
  virtual void begin(std::vector<LoaderItem> items) = 0;
  // Null at the end. Valid until the next call.
  virtual const BoundaryBatch* next() = 0;
  // What the next call of next() gives, in the same memory, while the last batch stays as it is. Null at the
  // end, and where it would have to be computed.
  virtual const BoundaryBatch* coming() { return nullptr; }
};

// The boundary tensors of every readable sample.
struct BoundaryTable {
  std::vector<std::int64_t> sizes;      // elements of each boundary tensor; a record is their concatenation
  std::size_t views = 1;                // of each sample
  std::vector<const float*> records;    // by sample and view
  std::vector<int> labels;              // by sample
  std::vector<int> samples{};           // by sample: its index in the data set, when that is of files
  std::vector<std::string> unreadable;  // "path: reason"
  std::shared_ptr<const void> storage;  // owns what `records` point into
};

// `dataset`: what the table is of; its items count through all of that, and those of samples without a record
// are made up for by the following, as a loader does. Null: every sample has a record.
std::unique_ptr<BoundarySource> make_table_source(BoundaryTable table, int batch,
                                                  const Dataset* dataset = nullptr);

// Adds those of `lines` that are not named yet.
void note_unreadable(const std::vector<std::string>& lines, std::vector<std::string>& named);

struct LiveSourceOptions {
  LoaderOptions loader{};
  BoundaryProgram::Options program{};
};
// Decodes and runs the frozen part at every batch. The references must outlive the source. Unreadable images
// are added to `unreadable` once.
std::unique_ptr<BoundarySource> make_live_source(const Dataset& dataset, const Graph& graph,
                                                 const Parameters& parameters, LiveSourceOptions options,
                                                 std::vector<std::string>& unreadable);

}  // namespace headstart
