// HDF5: values of a data set, contiguous, compact or in chunks.
#include "weights/hdf5_file.h"

#include <algorithm>
#include <span>

namespace headstart {
namespace {

constexpr std::uint16_t kDataSpace = 0x01;
constexpr std::uint16_t kDataType = 0x03;
constexpr std::uint16_t kFilters = 0x0B;

constexpr std::uint8_t kCompact = 0;
constexpr std::uint8_t kContiguous = 1;
constexpr std::uint8_t kChunked = 2;

}  // namespace

// Where the elements of chunks go.
struct Hdf5File::ChunkTarget {
  Shape shape{}, chunk{};
  ElementType type = ElementType::f32;
  ByteOrder order = ByteOrder::little;
  std::uint64_t chunk_bytes = 0;
  Tensor tensor{};
  std::uint64_t filled = 0;  // elements

  // Copies the part of the chunk at `origin` that lies inside of the tensor, a run of the last axis at a
  // time.
  void copy(const Shape& origin, std::span<const std::uint8_t> bytes) {
    const std::size_t rank = shape.size();
    const auto width = element_size(type);
    Shape extent(rank);
    for (std::size_t axis = 0; axis < rank; ++axis) {
      extent[axis] = std::min(chunk[axis], shape[axis] - origin[axis]);
    }
    Shape index(rank, 0);
    const auto run = static_cast<std::uint64_t>(extent[rank - 1]);
    while (true) {
      std::int64_t from = 0;
      std::int64_t to = 0;
      for (std::size_t axis = 0; axis < rank; ++axis) {
        from = from * chunk[axis] + index[axis];
        to = to * shape[axis] + origin[axis] + index[axis];
      }
      convert_to_float(type, order, bytes.subspan(static_cast<std::uint64_t>(from) * width, run * width),
                       tensor.values().subspan(static_cast<std::uint64_t>(to), run));
      filled += run;
      std::size_t axis = rank - 1;
      while (axis > 0 && ++index[axis - 1] == extent[axis - 1]) {
        index[--axis] = 0;
      }
      if (axis == 0) {
        return;
      }
    }
  }
};

Tensor Hdf5File::tensor(Address address, TwoBytes two_bytes) {
  auto& owner = object(address);
  const auto space = message(owner, kDataSpace);
  const auto type_message = message(owner, kDataType);
  const auto layout = message(owner, kHdf5DataLayout);
  if (!space || !type_message || !layout) {
    throw Error("[h5] expected a data set; received another object");
  }
  const auto type = number_type(data_type(type_message->offset, type_message->size), two_bytes);
  auto shape = data_space(space->offset, space->size);
  const auto bytes = static_cast<std::uint64_t>(element_count(shape)) * type.size;
  if (bytes > data_budget_) {
    throw Error(
        fmt::format("[h5] a data set of shape {} needs {} bytes; the file has {} left for it; it is damaged",
                    to_string(shape), bytes, data_budget_));
  }
  data_budget_ -= bytes;
  if (bytes == 0) {
    return Tensor(std::move(shape));
  }
  const auto filters = message(owner, kFilters);
  if (filters && view().read<std::uint8_t>(filters->offset + 1) != 0) {
    throw Error("[h5] a data set is compressed, which is not read; rewrite the file with h5repack -f NONE");
  }
  const auto block = view().view(layout->offset, layout->size);
  const auto version = block.read<std::uint8_t>(0);
  const auto kind = block.read<std::uint8_t>(1);
  if (version != 3 && !(version == 4 && kind != kChunked)) {
    throw Error(
        fmt::format("[h5] expected a data layout of version 3; received {}; rewrite the file with "
                    "h5repack --high=0",
                    version));
  }
  if (kind == kCompact && block.read<std::uint16_t>(2) >= bytes) {
    block.slice(4, bytes);
    return tensor_from_file(file_, layout->offset + 4, std::move(shape), type.element, type.order, "h5");
  }
  if (kind == kContiguous && block.read<std::uint64_t>(2) != kHdf5Undefined) {
    return tensor_from_file(file_, block.read<std::uint64_t>(2), std::move(shape), type.element, type.order,
                            "h5");
  }
  if (kind == kChunked && !shape.empty()) {
    return chunked_tensor(shape, type, *layout);
  }
  throw Error("[h5] a data set has a layout without its values; the file is damaged");
}

Tensor Hdf5File::chunked_tensor(const Shape& shape, const DataType& type, const Message& layout) {
  const auto block = view().view(layout.offset, layout.size);
  const std::size_t rank = shape.size();
  if (block.read<std::uint8_t>(2) != rank + 1) {
    throw Error("[h5] a data set's chunks have another number of axes than its shape; the file is damaged");
  }
  ChunkTarget target{.shape = shape, .type = type.element, .order = type.order, .chunk_bytes = type.size};
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const auto extent = block.read<std::uint32_t>(11 + axis * 4);
    if (extent == 0 || extent > file_.size || target.chunk_bytes * extent > file_.size) {
      throw Error("[h5] a chunk is larger than the file or empty; the file is damaged");
    }
    target.chunk.push_back(extent);
    target.chunk_bytes *= extent;
  }
  target.tensor = Tensor(shape);
  constexpr int kAnyLevel = 256;
  read_chunk_tree(block.read<std::uint64_t>(3), kAnyLevel, target);
  if (target.filled != static_cast<std::uint64_t>(target.tensor.size())) {
    throw Error(fmt::format("[h5] expected chunks for {} elements; received {}", target.tensor.size(),
                            target.filled));
  }
  return std::move(target.tensor);
}

void Hdf5File::read_chunk_tree(Address node, int level, ChunkTarget& target) {
  const auto bytes = view();
  if (!bytes.has_at(node, "TREE") || bytes.read<std::uint8_t>(node + 4) != 1) {
    throw Error(fmt::format("[h5] expected a B-tree node of chunks at {}; received other bytes", node));
  }
  const int own_level = bytes.read<std::uint8_t>(node + 5);
  if (own_level >= level) {
    throw Error("[h5] expected B-tree levels to fall; the file is damaged");
  }
  constexpr std::uint64_t kPrefix = 24;
  const std::size_t rank = target.shape.size();
  const std::uint64_t key = 8 + (rank + 1) * 8;
  const std::uint64_t entries = bytes.read<std::uint16_t>(node + 6);
  spend(kPrefix + entries * (key + 8));
  for (std::uint64_t i = 0; i < entries; ++i) {
    const auto at = node + kPrefix + i * (key + 8);
    const auto child = bytes.read<std::uint64_t>(at + key);
    if (own_level > 0) {
      read_chunk_tree(child, own_level, target);
      continue;
    }
    Shape origin;
    for (std::size_t axis = 0; axis < rank; ++axis) {
      const auto start = bytes.read<std::uint64_t>(at + 8 + axis * 8);
      if (start >= static_cast<std::uint64_t>(target.shape[axis])) {
        throw Error("[h5] a chunk lies outside of its data set; the file is damaged");
      }
      origin.push_back(static_cast<std::int64_t>(start));
    }
    spend(target.chunk_bytes);
    target.copy(origin, bytes.slice(child, target.chunk_bytes));
  }
}

}  // namespace headstart
