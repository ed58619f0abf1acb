// Writes a PyTorch state dict in the zip form: data.pkl, then one stored entry for each tensor.
#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <zip.h>

#include "core/files.h"
#include "weights/pytorch.h"

namespace headstart {
namespace {

// The opcodes of pickle protocol 2 that a state dict takes.
class PickleWriter {
 public:
  PickleWriter() { raw("\x80\x02"); }

  void raw(std::string_view bytes) { bytes_ += bytes; }
  void text(std::string_view value) {
    raw("X");
    little_endian(value.size(), 4);
    raw(value);
  }
  // An integer of up to 63 bits, as LONG1.
  void integer(std::int64_t value) {
    raw("\x8a\x08");
    little_endian(static_cast<std::uint64_t>(value), 8);
  }
  void tuple(const Shape& values) {
    raw("(");
    for (const auto value : values) {
      integer(value);
    }
    raw("t");
  }
  std::string take() {
    raw(".");
    return std::move(bytes_);
  }

 private:
  void little_endian(std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) {
      bytes_ += static_cast<char>(value >> (8 * i) & 0xFFU);
    }
  }
  std::string bytes_;
};

Shape contiguous_strides(const Shape& shape) {
  Shape strides(shape.size(), 1);
  for (std::size_t axis = shape.size(); axis > 1; --axis) {
    strides[axis - 2] = strides[axis - 1] * shape[axis - 1];
  }
  return strides;
}

// torch._utils._rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())
void write_tensor(PickleWriter& pickle, const std::string& name, std::string_view storage_type,
                  std::size_t key, const Shape& shape) {
  pickle.text(name);
  pickle.raw("ctorch._utils\n_rebuild_tensor_v2\n((");
  pickle.text("storage");
  pickle.raw("ctorch\n");
  pickle.raw(storage_type);
  pickle.raw("\n");
  pickle.text(std::to_string(key));
  pickle.text("cpu");
  pickle.integer(element_count(shape));
  pickle.raw("tQ");
  pickle.integer(0);
  pickle.tuple(shape);
  pickle.tuple(contiguous_strides(shape));
  pickle.raw(
      "\x89"
      "ccollections\nOrderedDict\n)RtR");
}

// What torchvision keeps beside a table of window attention: the row for every two pixels of a window.
std::vector<std::int64_t> position_index(std::int64_t table_rows) {
  std::int64_t distances = 1;
  while (distances * distances < table_rows) {
    distances += 2;
  }
  const auto side = (distances + 1) / 2;
  std::vector<std::int64_t> index;
  index.reserve(static_cast<std::size_t>(side * side * side * side));
  for (std::int64_t query = 0; query < side * side; ++query) {
    for (std::int64_t key = 0; key < side * side; ++key) {
      const auto down = query / side - key / side + side - 1;
      index.push_back(down * distances + query % side - key % side + side - 1);
    }
  }
  return index;
}

// The buffer of whole numbers that a module keeps beside this tensor.
struct Buffer {
  std::string name{};  // empty: there is none
  Shape shape{};
  std::vector<std::int64_t> values{};
};
Buffer buffer_beside(const std::string& name, const Tensor& tensor) {
  constexpr std::string_view kVariance = ".running_var", kTable = ".relative_position_bias_table";
  if (name.ends_with(kVariance)) {
    return {name.substr(0, name.size() - kVariance.size()) + ".num_batches_tracked", {}, {0}};
  }
  if (name.ends_with(kTable)) {
    auto index = position_index(tensor.shape()[0]);
    const auto count = static_cast<std::int64_t>(index.size());
    return {
        name.substr(0, name.size() - kTable.size()) + ".relative_position_index", {count}, std::move(index)};
  }
  return {};
}

// torchvision's MNASNet refuses a state dict that does not say its version: before 2 its first layers had
// other widths.
bool asks_for_a_version(const Graph& graph) {
  const auto is_mnasnet = [](const std::string& name) { return name.starts_with("mnasnet"); };
  return is_mnasnet(graph.name()) || std::any_of(graph.scopes().begin(), graph.scopes().end(),
                                                 [&](const Scope& scope) { return is_mnasnet(scope.name); });
}

// state._metadata = OrderedDict({"": {"version": 2}}), of the outermost module
void write_version(PickleWriter& pickle) {
  pickle.raw("}");
  pickle.text("_metadata");
  pickle.raw("ccollections\nOrderedDict\n)R");
  pickle.text("");
  pickle.raw("}");
  pickle.text("version");
  pickle.integer(2);
  pickle.raw("sssb");
}

struct ArchiveEntry {
  std::string name;
  std::span<const std::uint8_t> bytes;
};

std::span<const std::uint8_t> bytes_of(const void* data, std::size_t size) {
  return {static_cast<const std::uint8_t*>(data), size};
}

// libzip writes a temporary file of its own and renames it over `path`, whose mode it takes, when the archive
// is closed.
void write_archive(const std::string& path, const std::vector<ArchiveEntry>& entries) {
  int code = 0;
  std::unique_ptr<zip_t, void (*)(zip_t*)> archive(zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code),
                                                   zip_discard);
  bool good = archive != nullptr;
  for (const auto& entry : entries) {
    if (!good) {
      break;
    }
    auto* source = zip_source_buffer(archive.get(), entry.bytes.data(), entry.bytes.size(), 0);
    const auto index = zip_file_add(archive.get(), entry.name.c_str(), source, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
      zip_source_free(source);
    }
    good = index >= 0 &&
           zip_set_file_compression(archive.get(), static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0) == 0;
  }
  if (good && zip_close(archive.get()) == 0) {
    (void)archive.release();  // freed by zip_close
    return;
  }
  throw Error("[pytorch] writing failed; is the disk full");
}

}  // namespace

void write_pytorch(const Graph& graph, const Parameters& parameters, const std::string& path) {
  const auto state = torch_state_dict(graph, parameters);
  std::deque<Buffer> buffers;  // entries view them
  PickleWriter pickle;
  pickle.raw("ccollections\nOrderedDict\n)R(");
  std::vector<ArchiveEntry> entries{{}};  // the pickle comes first
  for (const auto& [name, tensor] : state) {
    write_tensor(pickle, name, "FloatStorage", entries.size() - 1, tensor.shape());
    entries.push_back({fmt::format("archive/data/{}", entries.size() - 1),
                       bytes_of(tensor.data(), static_cast<std::size_t>(tensor.size()) * sizeof(float))});
    if (auto buffer = buffer_beside(name, tensor); !buffer.name.empty()) {
      const auto& kept = buffers.emplace_back(std::move(buffer));
      write_tensor(pickle, kept.name, "LongStorage", entries.size() - 1, kept.shape);
      entries.push_back({fmt::format("archive/data/{}", entries.size() - 1),
                         bytes_of(kept.values.data(), kept.values.size() * sizeof(std::int64_t))});
    }
  }
  pickle.raw("u");
  if (asks_for_a_version(graph)) {
    write_version(pickle);
  }
  const auto program = pickle.take();
  const std::string version = "3\n";
  entries[0] = {"archive/data.pkl", bytes_of(program.data(), program.size())};
  entries.push_back({"archive/version", bytes_of(version.data(), version.size())});
  try {
    write_by_name_atomically(path, [&entries](const std::string& name) { write_archive(name, entries); });
  } catch (const Error& problem) {
    throw Error(fmt::format("{}; the old {} stays", problem.what(), path));
  }
}

}  // namespace headstart
