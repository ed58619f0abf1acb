#include "weights/pytorch.h"

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "weights/element_type.h"
#include "weights/pickle.h"
#include "weights/zip_archive.h"

namespace headstart {
namespace {

using PickleKind = PickleValue::Kind;

constexpr const char* kPytorchTag = "pytorch";

// A protocol 2 pickle of the long 0x1950a86a20f9469cfc6c.
constexpr std::string_view kLegacyMagic("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);

struct Storage {
  ElementType type = ElementType::f32;
  std::string key;
  std::int64_t elements = 0;
  std::int64_t view_offset = 0;  // legacy only
};

struct StorageBytes {
  SharedBytes file;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};
using StorageLookup = std::function<StorageBytes(const Storage&)>;

ElementType storage_type(std::string_view name) {
  using enum ElementType;
  static const std::map<std::string_view, ElementType> element_types{
      {"torch FloatStorage", f32},  {"torch HalfStorage", f16}, {"torch BFloat16Storage", bf16},
      {"torch DoubleStorage", f64}, {"torch LongStorage", i64}, {"torch IntStorage", i32},
      {"torch ShortStorage", i16},  {"torch CharStorage", i8},  {"torch ByteStorage", u8},
      {"torch BoolStorage", u8}};
  const auto found = element_types.find(name);
  if (found == element_types.end()) {
    throw Error(
        fmt::format("[{}] expected the name of a storage; received {}", kPytorchTag, name.substr(0, 100)));
  }
  return found->second;
}

const PickleValue& expect(const Pickle& pickle, PickleId id, PickleKind kind, const char* what) {
  const auto& value = pickle[id];
  if (value.kind != kind) {
    throw Error(fmt::format("[{}] expected {} in the pickle; received another value", kPytorchTag, what));
  }
  return value;
}

std::int64_t expect_count(const Pickle& pickle, PickleId id, const char* what) {
  const auto value = expect(pickle, id, PickleKind::integer, what).integer;
  if (value < 0 || value > std::int64_t{1} << 56) {
    throw Error(fmt::format("[{}] expected {} of a possible size; received {}", kPytorchTag, what, value));
  }
  return value;
}

// ("storage", torch.FloatStorage, key, location, elements[, view]) where view is None or (key, offset, size).
Storage storage_from(const Pickle& pickle, PickleId id) {
  const auto& persistent = expect(pickle, id, PickleKind::persistent, "a tensor's storage");
  const auto& fields =
      expect(pickle, persistent.items[0], PickleKind::tuple, "a storage's description").items;
  if (fields.size() < 5 || pickle[fields[0]].text != "storage") {
    throw Error(
        fmt::format("[{}] expected a storage's description of five fields; received another", kPytorchTag));
  }
  Storage storage{
      .type = storage_type(expect(pickle, fields[1], PickleKind::global, "a storage's type").text),
      .key = std::string(expect(pickle, fields[2], PickleKind::text, "a storage's key").text),
      .elements = expect_count(pickle, fields[4], "a storage's size")};
  if (fields.size() > 5 && pickle[fields[5]].kind == PickleKind::tuple &&
      pickle[fields[5]].items.size() == 3) {
    storage.view_offset = expect_count(pickle, pickle[fields[5]].items[1], "a storage view's offset");
  }
  return storage;
}

Shape counts_from(const Pickle& pickle, PickleId id, const char* what) {
  constexpr std::size_t kMaximumRank = 32;
  const auto& tuple = expect(pickle, id, PickleKind::tuple, what);
  if (tuple.items.size() > kMaximumRank) {
    throw Error(fmt::format("[{}] expected {} of up to {} axes; received {}", kPytorchTag, what, kMaximumRank,
                            tuple.items.size()));
  }
  Shape counts;
  for (const auto item : tuple.items) {
    counts.push_back(expect_count(pickle, item, what));
  }
  return counts;
}

bool is_contiguous(const Shape& shape, const Shape& strides) {
  std::int64_t expected = 1;
  for (std::size_t axis = shape.size(); axis > 0; --axis) {
    if (shape[axis - 1] != 1 && strides[axis - 1] != expected) {
      return false;
    }
    expected *= shape[axis - 1];
  }
  return true;
}

// Index of the last element that shape and strides reach; throws when it is beyond `limit`.
void check_reach(const Shape& shape, const Shape& strides, std::int64_t offset, std::int64_t limit) {
  std::int64_t last = offset;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const auto steps = shape[axis] - 1;
    if (last >= limit || (steps > 0 && strides[axis] > (limit - last) / steps)) {
      last = limit;
      break;
    }
    last += steps * strides[axis];
  }
  if (last >= limit) {
    throw Error(fmt::format(
        "[{}] a tensor of shape {} reaches beyond its storage of {} elements; the file is damaged",
        kPytorchTag, to_string(shape), limit));
  }
}

Tensor gather(const Shape& shape, const Shape& strides, const std::uint8_t* first, ElementType type) {
  Tensor tensor(shape);
  const auto width = element_size(type);
  Shape index(shape.size(), 0);
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    std::int64_t element = 0;
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      element += index[axis] * strides[axis];
    }
    convert_to_float(type, ByteOrder::little, {first + static_cast<std::size_t>(element) * width, width},
                     tensor.values().subspan(static_cast<std::size_t>(i), 1));
    for (std::size_t axis = shape.size(); axis > 0 && ++index[axis - 1] == shape[axis - 1]; --axis) {
      index[axis - 1] = 0;
    }
  }
  return tensor;
}

class StateDictReader {
 public:
  // `budget`: elements that all tensors together may have. Tensors may share storages, so it is a multiple of
  // the file's size.
  StateDictReader(const Pickle& pickle, StorageLookup lookup, std::uint64_t budget)
      : pickle_(pickle), lookup_(std::move(lookup)), budget_(budget) {}

  Parameters read() {
    const auto& state = state_dict(pickle_[pickle_.root]);
    Parameters result;
    for (std::size_t i = 0; i + 1 < state.items.size(); i += 2) {
      const auto& key = pickle_[state.items[i]];
      const auto& value = pickle_[state.items[i + 1]];
      if (key.kind == PickleKind::text && value.kind == PickleKind::tensor) {
        result.insert(std::string(key.text), tensor(value));
      }
    }
    return result;
  }

 private:
  bool holds_tensors(const PickleValue& value) const {
    for (std::size_t i = 1; value.kind == PickleKind::dict && i < value.items.size(); i += 2) {
      if (pickle_[value.items[i]].kind == PickleKind::tensor) {
        return true;
      }
    }
    return false;
  }

  // The nested one first: a checkpoint may have a tensor of its own, such as the best accuracy.
  const PickleValue& state_dict(const PickleValue& root) const {
    constexpr std::array<std::string_view, 5> kKeys{"state_dict", "model", "model_state_dict", "net",
                                                    "model_ema"};
    for (const auto key : kKeys) {
      const auto* nested = pickle_.member(root, key);
      if (nested != nullptr && holds_tensors(*nested)) {
        return *nested;
      }
    }
    if (holds_tensors(root)) {
      return root;
    }
    throw Error(
        fmt::format("[{}] expected a state dict (names to tensors), also under state_dict, model, "
                    "model_state_dict, net or model_ema; received something else",
                    kPytorchTag));
  }

  Tensor tensor(const PickleValue& value) {
    const auto storage = storage_from(pickle_, value.items[0]);
    const auto offset = expect_count(pickle_, value.items[1], "a tensor's offset") + storage.view_offset;
    auto shape = counts_from(pickle_, value.items[2], "a tensor's shape");
    const auto strides = counts_from(pickle_, value.items[3], "a tensor's strides");
    if (shape.size() != strides.size()) {
      throw Error(fmt::format("[{}] a tensor has {} axes and {} strides; the file is damaged", kPytorchTag,
                              shape.size(), strides.size()));
    }
    const auto count = static_cast<std::uint64_t>(element_count(shape));
    if (count == 0) {
      return Tensor(std::move(shape));
    }
    const auto bytes = lookup_(storage);
    const auto width = element_size(storage.type);
    check_reach(shape, strides, offset, static_cast<std::int64_t>(bytes.size / width));
    if (count > budget_) {
      throw Error(
          fmt::format("[{}] the tensors together are much larger than the file; it is damaged", kPytorchTag));
    }
    budget_ -= count;
    const auto first = bytes.offset + static_cast<std::uint64_t>(offset) * width;
    if (is_contiguous(shape, strides)) {
      auto tensor =
          tensor_from_file(bytes.file, first, std::move(shape), storage.type, ByteOrder::little, kPytorchTag);
      // Tied weights in the file are two parameters here.
      return aliased_.insert(storage.key).second ? std::move(tensor) : Tensor(tensor);
    }
    return gather(shape, strides, bytes.file.data.get() + first, storage.type);
  }

  const Pickle& pickle_;
  StorageLookup lookup_;
  std::uint64_t budget_;
  std::set<std::string> aliased_;  // storages that a tensor may share
};

Parameters read_zip(const SharedBytes& file) {
  ZipArchive archive(file);
  const auto pickle_name = archive.find_suffix("/data.pkl");
  if (!pickle_name) {
    throw Error(fmt::format(
        "[{}] expected a data.pkl in the zip archive; it is not there; a TorchScript or other file?",
        kPytorchTag));
  }
  const auto prefix = pickle_name->substr(0, pickle_name->size() - std::string_view("data.pkl").size());
  if (archive.contains(prefix + "byteorder") &&
      as_text(archive.read(prefix + "byteorder").span()).starts_with("big")) {
    throw Error(fmt::format("[{}] expected little-endian storages; received big-endian ones", kPytorchTag));
  }
  const auto program = archive.read(*pickle_name);
  const auto pickle = read_pickle(program.span());
  std::map<std::string, SharedBytes> storages;  // shared ones are read once
  const auto lookup = [&](const Storage& storage) -> StorageBytes {
    auto found = storages.find(storage.key);
    if (found == storages.end()) {
      found = storages.emplace(storage.key, archive.read(prefix + "data/" + storage.key)).first;
    }
    return {found->second, 0, found->second.size};
  };
  return StateDictReader(pickle, lookup, file.size).read();
}

// After the pickles, for each key: the number of elements (int64), then the elements.
Parameters read_legacy(const SharedBytes& file) {
  const ByteView bytes(file.span(), kPytorchTag);
  std::uint64_t position = 0;
  const auto next = [&] {
    auto pickle = read_pickle(bytes.slice(position, bytes.size() - position));
    position += pickle.length;
    return pickle;
  };
  next();  // magic number
  const auto protocol = next();
  constexpr std::int64_t kProtocol = 1001;
  if (protocol[protocol.root].integer != kProtocol) {
    throw Error(
        fmt::format("[{}] expected the legacy protocol {}; received another", kPytorchTag, kProtocol));
  }
  const auto system = next();
  const auto* little = system.member(system[system.root], "little_endian");
  if (little != nullptr && little->kind == PickleKind::boolean && little->integer == 0) {
    throw Error(fmt::format("[{}] expected little-endian storages; received big-endian ones", kPytorchTag));
  }
  const auto object = next();
  const auto keys = next();

  std::map<std::string, ElementType> types;
  for (PickleId id = 0; id < object.values.size(); ++id) {
    if (object[id].kind == PickleKind::persistent) {
      const auto storage = storage_from(object, id);
      types.emplace(storage.key, storage.type);
    }
  }
  std::map<std::string, StorageBytes> storages;
  for (const auto id : expect(keys, keys.root, PickleKind::list, "the list of storage keys").items) {
    const std::string key(expect(keys, id, PickleKind::text, "a storage's key").text);
    const auto type = types.find(key);
    if (type == types.end()) {
      throw Error(fmt::format("[{}] a storage belongs to no tensor, so its type is not known", kPytorchTag));
    }
    const auto elements = bytes.read<std::uint64_t>(position);
    position += sizeof(std::uint64_t);
    const auto width = element_size(type->second);
    if (elements > bytes.size() / width) {
      throw Error(
          fmt::format("[{}] a storage claims {} elements; the file has {} bytes; it is truncated or damaged",
                      kPytorchTag, elements, bytes.size()));
    }
    bytes.slice(position, elements * width);
    storages[key] = {file, position, elements * width};
    position += elements * width;
  }
  const auto lookup = [&](const Storage& storage) {
    const auto found = storages.find(storage.key);
    if (found == storages.end()) {
      throw Error(
          fmt::format("[{}] the storage {} is not in the file", kPytorchTag, storage.key.substr(0, 100)));
    }
    return found->second;
  };
  return StateDictReader(object, lookup, file.size).read();
}

}  // namespace

bool is_pytorch(const SharedBytes& file) {
  const ByteView view(file.span(), kPytorchTag);
  return view.has_at(0, kLegacyMagic) || ZipArchive::is_zip(file);
}

Parameters read_pytorch(const SharedBytes& file) {
  return ZipArchive::is_zip(file) ? read_zip(file) : read_legacy(file);
}

}  // namespace headstart
