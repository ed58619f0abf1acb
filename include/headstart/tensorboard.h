// TensorBoard's event files, so that its curves follow a run.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace headstart {

// Appends scalars to a new file DIR/events.out.tfevents.SECONDS.MICROSECONDS.headstart; every call is on disk
// when it returns. The file is a series of records: length, its checksum, a tf.Event (protocol buffers), its
// checksum.
class EventWriter {
 public:
  // Creates the folder; throws Error when it cannot be written.
  explicit EventWriter(const std::string& directory);

  // Values under their names ("loss", "val_accuracy") at a step (an epoch).
  void add(std::int64_t step, const std::vector<std::pair<std::string, double>>& scalars);

  const std::string& path() const { return path_; }

 private:
  void write_record(const std::string& event);

  std::string path_;
  std::ofstream file_;
};

}  // namespace headstart
