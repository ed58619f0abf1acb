// The two sources of batches: rows gathered from a table, or a loader in front of the frozen program.
#include "train/boundary_source.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace headstart {
namespace {

class TableSource : public BoundarySource {
 public:
  TableSource(BoundaryTable table, int batch, const Dataset* dataset)
      : table_(std::move(table)), labels_(table_.labels), batch_(static_cast<std::size_t>(batch)) {
    if (dataset != nullptr && !labels_.empty()) {
      count_through(*dataset);
    }
  }

  const std::vector<int>& labels() const override { return labels_; }

  void begin(std::vector<LoaderItem> items) override {
    items_ = std::move(items);
    position_ = 0;
    coming_.reset();
  }

  const BoundaryBatch* next() override {
    if (!coming_) {
      return gather(gathered_[current_]);
    }
    current_ = 1 - current_;
    return *std::exchange(coming_, std::nullopt);
  }

  const BoundaryBatch* coming() override {
    if (!coming_) {
      coming_ = gather(gathered_[1 - current_]);
    }
    return *coming_;
  }

 private:
  void count_through(const Dataset& dataset) {
    row_of_.assign(dataset.samples.size(), -1);
    for (std::size_t row = 0; row < table_.samples.size(); ++row) {
      row_of_[static_cast<std::size_t>(table_.samples[row])] = static_cast<int>(row);
    }
    labels_ = labels_of(dataset);
  }

  // Null for a sample that could not be read.
  const float* record_of(const LoaderItem& item) const {
    const auto sample = static_cast<std::size_t>(item.sample);
    const int row = row_of_.empty() ? item.sample : row_of_[sample];
    const auto view = static_cast<std::size_t>(item.view) % table_.views;
    return row < 0 ? nullptr : table_.records[static_cast<std::size_t>(row) * table_.views + view];
  }

  struct Gathered {
    std::vector<Tensor> rows;  // made at its first use
    BoundaryBatch batch;
  };

  // Null at the end.
  const BoundaryBatch* gather(Gathered& to) {
    if (to.rows.empty()) {
      for (const std::int64_t size : table_.sizes) {
        to.rows.emplace_back(Shape{static_cast<std::int64_t>(batch_), size});
        to.batch.tensors.push_back(to.rows.back().data());
      }
    }
    to.batch.labels.clear();
    for (; position_ < items_.size() && to.batch.labels.size() < batch_; ++position_) {
      if (const float* record = record_of(items_[position_])) {
        const auto row = static_cast<std::int64_t>(to.batch.labels.size());
        for (std::size_t i = 0; i < to.rows.size(); ++i) {
          const std::int64_t size = table_.sizes[i];
          std::copy_n(record, size, to.rows[i].data() + row * size);
          record += size;
        }
        to.batch.labels.push_back(labels_[static_cast<std::size_t>(items_[position_].sample)]);
      }
    }
    return to.batch.labels.empty() ? nullptr : &to.batch;
  }

  BoundaryTable table_;
  std::vector<int> labels_;  // of every sample, readable or not
  std::vector<int> row_of_;  // of every sample its row in the table; empty: they are the same
  std::size_t batch_ = 0;
  std::vector<LoaderItem> items_;
  std::size_t position_ = 0;
  std::array<Gathered, 2> gathered_;
  std::size_t current_ = 0;
  std::optional<const BoundaryBatch*> coming_;  // when it is gathered
};

class LiveSource : public BoundarySource {
 public:
  LiveSource(const Dataset& dataset, const Graph& graph, const Parameters& parameters,
             LiveSourceOptions options, std::vector<std::string>& unreadable)
      : dataset_(dataset),
        loader_options_(std::move(options.loader)),
        program_(graph, parameters, options.program),
        unreadable_(unreadable),
        labels_(labels_of(dataset)) {
    Shape shape = graph.input_shape();
    shape.insert(shape.begin(), program_.batch());
    padded_ = Tensor(shape);
    loader_options_.batch_size = program_.batch();
    loader_options_.kept = std::make_shared<KeptImages>(room_for_images());
  }

  const std::vector<int>& labels() const override { return labels_; }

  void begin(std::vector<LoaderItem> items) override {
    loader_.emplace(dataset_, std::move(items), loader_options_);
  }

  const BoundaryBatch* next() override {
    decoded_ = loader_->next();
    if (!decoded_ || decoded_->labels.empty()) {
      note_unreadable(unreadable_lines(dataset_, loader_->unreadable()), unreadable_);
      loader_.reset();
      return nullptr;
    }
    const float* images = decoded_->images.data();
    if (static_cast<int>(decoded_->labels.size()) < program_.batch()) {
      std::copy(decoded_->images.values().begin(), decoded_->images.values().end(), padded_.values().begin());
      images = padded_.data();
    }
    const auto tensors = program_.run(images);
    batch_.tensors.assign(tensors.begin(), tensors.end());
    batch_.labels = decoded_->labels;
    return &batch_;
  }

 private:
  const Dataset& dataset_;
  LoaderOptions loader_options_;
  BoundaryProgram program_;
  std::vector<std::string>& unreadable_;
  std::vector<int> labels_;
  Tensor padded_;
  std::optional<Loader> loader_;
  std::optional<Batch> decoded_;
  BoundaryBatch batch_;
};

}  // namespace

void note_unreadable(const std::vector<std::string>& lines, std::vector<std::string>& named) {
  for (const std::string& line : lines) {
    if (std::find(named.begin(), named.end(), line) == named.end()) {
      named.push_back(line);
    }
  }
}

std::unique_ptr<BoundarySource> make_table_source(BoundaryTable table, int batch, const Dataset* dataset) {
  return std::make_unique<TableSource>(std::move(table), batch, dataset);
}

std::unique_ptr<BoundarySource> make_live_source(const Dataset& dataset, const Graph& graph,
                                                 const Parameters& parameters, LiveSourceOptions options,
                                                 std::vector<std::string>& unreadable) {
  return std::make_unique<LiveSource>(dataset, graph, parameters, std::move(options), unreadable);
}

}  // namespace headstart
