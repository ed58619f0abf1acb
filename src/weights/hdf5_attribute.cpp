// HDF5: data types, data spaces, attributes and variable-length strings.
#include "weights/hdf5_file.h"

#include <algorithm>

namespace headstart {
namespace {

constexpr std::uint16_t kAttribute = 0x0C;
constexpr std::uint16_t kAttributeInfo = 0x15;

std::uint64_t padded(std::uint64_t size) { return (size + 7) / 8 * 8; }

ElementType float_type(std::uint32_t size, std::uint64_t exponent_bits) {
  if (size == 2) {
    return exponent_bits == 8 ? ElementType::bf16 : ElementType::f16;
  }
  if (size == 4 && exponent_bits == 8) {
    return ElementType::f32;
  }
  if (size == 8 && exponent_bits == 11) {
    return ElementType::f64;
  }
  throw Error(fmt::format("[h5] expected floats of 2, 4 or 8 bytes; received {} bytes", size));
}

ElementType integer_type(std::uint32_t size, bool is_signed) {
  using enum ElementType;
  switch (size) {
    case 1:
      return is_signed ? i8 : u8;
    case 2:
      return is_signed ? i16 : u16;
    case 4:
      return is_signed ? i32 : u32;
    case 8:
      return is_signed ? i64 : u64;
    default:
      throw Error(fmt::format("[h5] expected integers of 1, 2, 4 or 8 bytes; received {} bytes", size));
  }
}

}  // namespace

Hdf5File::DataType Hdf5File::data_type(std::uint64_t offset, std::uint64_t size) const {
  const auto block = view().view(offset, size);
  const auto type_class = block.read<std::uint8_t>(0) & 0x0FU;
  const auto bits = block.read<std::uint8_t>(1);
  DataType type{.size = block.read<std::uint32_t>(4)};
  type.order = (bits & 0x01U) != 0 ? ByteOrder::big : ByteOrder::little;
  constexpr unsigned kInteger = 0;
  constexpr unsigned kFloat = 1;
  constexpr unsigned kString = 3;
  constexpr unsigned kOpaque = 5;
  constexpr unsigned kVariableLength = 9;
  if (type_class == kInteger) {
    type.is_signed = (bits & 0x08U) != 0;
    type.element = integer_type(type.size, type.is_signed);
  } else if (type_class == kFloat) {
    type.element = float_type(type.size, block.read<std::uint8_t>(13));
  } else if (type_class == kString && type.size > 0) {
    type.kind = DataType::Kind::fixed_string;
  } else if (type_class == kVariableLength && (bits & 0x0FU) == 1 && type.size == 16) {
    type.kind = DataType::Kind::variable_string;
  } else if (type_class == kOpaque && type.size == 2) {
    type = {.kind = DataType::Kind::opaque, .size = type.size, .element = ElementType::u16};
  } else {
    throw Error(fmt::format("[h5] expected numbers or strings; received the HDF5 type class {} of {} bytes",
                            type_class, type.size));
  }
  return type;
}

Hdf5File::DataType Hdf5File::number_type(DataType type, TwoBytes two_bytes) {
  const bool bits = type.kind == DataType::Kind::opaque ||
                    (type.kind == DataType::Kind::number && type.element == ElementType::u16);
  if (bits && two_bytes == TwoBytes::bfloat16) {
    type.kind = DataType::Kind::number;
    type.element = ElementType::bf16;
  }
  if (type.kind != DataType::Kind::number) {
    throw Error(fmt::format("[h5] expected numbers in a data set; received {}",
                            type.kind == DataType::Kind::opaque ? "opaque data" : "strings"));
  }
  return type;
}

Shape Hdf5File::data_space(std::uint64_t offset, std::uint64_t size) const {
  const auto block = view().view(offset, size);
  const auto version = block.read<std::uint8_t>(0);
  const auto rank = block.read<std::uint8_t>(1);
  constexpr unsigned kMaximumRank = 32;  // HDF5's own
  if ((version != 1 && version != 2) || rank > kMaximumRank) {
    throw Error("[h5] expected a data space of version 1 or 2; received another");
  }
  constexpr std::uint8_t kNull = 2;
  if (version == 2 && block.read<std::uint8_t>(3) == kNull) {
    return {0};
  }
  Shape shape;
  for (std::uint64_t i = 0; i < rank; ++i) {
    const auto extent = block.read<std::uint64_t>((version == 1 ? 8U : 4U) + i * 8);
    if (extent > std::uint64_t{1} << 60) {
      throw Error(
          fmt::format("[h5] expected a data space of a possible size; received an extent of {}", extent));
    }
    shape.push_back(static_cast<std::int64_t>(extent));
  }
  element_count(shape);
  return shape;
}

Hdf5File::AttributeParts Hdf5File::attribute_parts(const Message& message) const {
  const auto block = view().view(message.offset, message.size);
  const auto version = block.read<std::uint8_t>(0);
  if (version < 1 || version > 3) {
    throw Error(fmt::format("[h5] expected an attribute of version 1 to 3; received {}", version));
  }
  const std::uint64_t name_size = block.read<std::uint16_t>(2);
  const std::uint64_t type_size = block.read<std::uint16_t>(4);
  const std::uint64_t space_size = block.read<std::uint16_t>(6);
  const auto step = [version](std::uint64_t size) { return version == 1 ? padded(size) : size; };
  const std::uint64_t name_at = version == 3 ? 9 : 8;
  const auto type_at = name_at + step(name_size);
  const auto space_at = type_at + step(type_size);
  const auto data_at = space_at + step(space_size);
  block.slice(type_at, type_size);
  block.slice(space_at, space_size);
  auto name = as_text(block.slice(name_at, name_size));
  name = name.substr(0, name.find('\0'));
  if (data_at > message.size) {
    throw Error("[h5] an attribute ends before its data; the file is damaged");
  }
  return {.name = name,
          .shared = version > 1 && block.read<std::uint8_t>(1) != 0,
          .type = message.offset + type_at,
          .type_size = type_size,
          .space = message.offset + space_at,
          .space_size = space_size,
          .data = message.offset + data_at,
          .data_size = message.size - data_at};
}

void Hdf5File::read_attributes(Object& object) const {
  if (object.attributes_read) {
    return;
  }
  object.attributes_read = true;
  for (const auto& candidate : object.messages) {
    if (candidate.type == kAttribute) {
      const auto parts = attribute_parts(candidate);
      object.attributes.emplace(parts.name, parts);
    }
  }
  if (const auto info = message(object, kAttributeInfo)) {
    const auto bytes = view();
    const bool indexed = (bytes.read<std::uint8_t>(info->offset + 1) & 0x01U) != 0;
    object.attributes_in_heap = bytes.read<std::uint64_t>(info->offset + (indexed ? 4 : 2)) != kHdf5Undefined;
  }
}

std::optional<Hdf5File::AttributeParts> Hdf5File::find_attribute(Address address, std::string_view name) {
  auto& owner = object(address);
  read_attributes(owner);
  const auto found = owner.attributes.find(name);
  if (found == owner.attributes.end()) {
    if (owner.attributes_in_heap) {
      throw Error(
          "[h5] an object keeps its attributes in a fractal heap, which is not read; rewrite the file with "
          "h5repack --high=0 or save it again with Keras");
    }
    return std::nullopt;
  }
  if (found->second.shared) {
    throw Error("[h5] expected an attribute with its own data type; received a shared (committed) one");
  }
  return found->second;
}

bool Hdf5File::has_attribute(Address address, std::string_view name) {
  return find_attribute(address, name).has_value();
}

std::optional<Hdf5File::Attribute> Hdf5File::attribute(Address address, std::string_view name) {
  const auto parts = find_attribute(address, name);
  if (!parts) {
    return std::nullopt;
  }
  Attribute result{.type = data_type(parts->type, parts->type_size),
                   .shape = data_space(parts->space, parts->space_size),
                   .offset = parts->data};
  const auto count = static_cast<std::uint64_t>(element_count(result.shape));
  if (count > parts->data_size / result.type.size) {
    throw Error(fmt::format("[h5] the attribute {} of {} elements has {} bytes; the file is damaged", name,
                            count, parts->data_size));
  }
  result.size = count * result.type.size;
  return result;
}

std::optional<std::vector<std::string>> Hdf5File::strings(Address address, std::string_view name) {
  const auto found = attribute(address, name);
  if (!found) {
    return std::nullopt;
  }
  if (found->type.kind == DataType::Kind::number || found->type.kind == DataType::Kind::opaque) {
    // h5py writes an empty list as an array of no floats.
    if (found->size == 0) {
      return std::vector<std::string>{};
    }
    throw Error(fmt::format("[h5] expected strings in the attribute {}; received something else", name));
  }
  std::vector<std::string> result;
  for (std::uint64_t at = found->offset; at < found->offset + found->size; at += found->type.size) {
    auto text = found->type.kind == DataType::Kind::variable_string
                    ? heap_string(at)
                    : as_text(view().slice(at, found->type.size));
    text = text.substr(0, text.find('\0'));
    if (text.size() > data_budget_) {
      throw Error("[h5] strings overlap each other; the file is damaged");
    }
    data_budget_ -= text.size();
    result.emplace_back(text);
  }
  return result;
}

std::optional<std::int64_t> Hdf5File::integer(Address address, std::string_view name) {
  const auto found = attribute(address, name);
  if (!found) {
    return std::nullopt;
  }
  if (found->type.kind != DataType::Kind::number || found->size == 0) {
    throw Error(fmt::format("[h5] expected a number in the attribute {}; received something else", name));
  }
  float value = 0.0F;
  convert_to_float(found->type.element, found->type.order, view().slice(found->offset, found->type.size),
                   {&value, 1});
  constexpr float kLargest = 1e9F;
  if (!(value >= -kLargest && value <= kLargest)) {
    throw Error(fmt::format("[h5] expected a count in the attribute {}; received {}", name, value));
  }
  return static_cast<std::int64_t>(value);
}

// A reference is length (4), address of the heap (8), index in it (4).
std::string_view Hdf5File::heap_string(std::uint64_t reference) {
  const auto bytes = view();
  const auto length = bytes.read<std::uint32_t>(reference);
  const auto address = bytes.read<std::uint64_t>(reference + 4);
  const auto index = bytes.read<std::uint32_t>(reference + 12);
  if (length == 0) {
    return {};
  }
  const auto& strings = heap(address);
  const auto found = strings.find(index);
  if (found == strings.end() || found->second.size() < length) {
    throw Error("[h5] a string is not in its heap; the file is damaged");
  }
  return found->second.substr(0, length);
}

const Hdf5File::Heap& Hdf5File::heap(Address address) {
  const auto [found, fresh] = heaps_.try_emplace(address);
  if (!fresh) {
    return found->second;
  }
  if (!view().has_at(address, "GCOL")) {
    throw Error(fmt::format("[h5] expected a global heap at {}; received other bytes", address));
  }
  constexpr std::uint64_t kPrefix = 16;
  const auto size = view().read<std::uint64_t>(address + 8);
  const auto block = view().view(address, size);
  spend(size);
  for (std::uint64_t at = kPrefix; at + kPrefix <= size;) {
    const auto index = block.read<std::uint16_t>(at);
    if (index == 0) {  // the free space at the end
      break;
    }
    const auto length = block.read<std::uint64_t>(at + 8);
    found->second.emplace(index, as_text(block.slice(at + kPrefix, length)));
    at += kPrefix + padded(length);
  }
  return found->second;
}

}  // namespace headstart
