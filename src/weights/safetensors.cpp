#include "weights/safetensors.h"

#include <algorithm>
#include <optional>
#include <ostream>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/files.h"
#include "weights/element_type.h"
#include "weights/safe_json.h"

namespace headstart {
namespace {

using nlohmann::json;

constexpr const char* kSafetensorsTag = "safetensors";
constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kMaximumHeader = 100'000'000;  // as the reference implementation
constexpr std::uint64_t kAlignment = 64;

struct HeaderEntry {
  std::string name;
  ElementType type = ElementType::f32;
  Shape shape;
  std::uint64_t begin = 0, end = 0;
};

std::optional<ElementType> type_from(std::string_view name) {
  using enum ElementType;
  static const std::map<std::string_view, ElementType> element_types{
      {"F64", f64}, {"F32", f32}, {"F16", f16}, {"BF16", bf16}, {"I64", i64}, {"I32", i32}, {"I16", i16},
      {"I8", i8},   {"U64", u64}, {"U32", u32}, {"U16", u16},   {"U8", u8},   {"BOOL", u8}};
  const auto found = element_types.find(name);
  return found == element_types.end() ? std::nullopt : std::optional(found->second);
}

HeaderEntry header_entry(const std::string& name, const json& value) {
  HeaderEntry entry{
      .name = name, .type = ElementType::f32, .shape = json_shape(value, "shape", kSafetensorsTag)};
  const auto type_name = json_string(value, "dtype", kSafetensorsTag);
  const auto type = type_from(type_name);
  if (!type) {
    throw Error(
        fmt::format("[{}] {} has the type {}; expected one of F64, F32, F16, BF16, I64, I32, I16, I8, U64, "
                    "U32, U16, U8, BOOL",
                    kSafetensorsTag, name, type_name));
  }
  entry.type = *type;
  const auto offsets = json_counts(value, "data_offsets", kSafetensorsTag);
  if (offsets.size() != 2 || offsets[0] > offsets[1]) {
    throw Error(
        fmt::format("[{}] {}: expected data_offsets [begin, end]; received others", kSafetensorsTag, name));
  }
  entry.begin = static_cast<std::uint64_t>(offsets[0]);
  entry.end = static_cast<std::uint64_t>(offsets[1]);
  const auto bytes = static_cast<std::uint64_t>(element_count(entry.shape)) * element_size(entry.type);
  if (bytes != entry.end - entry.begin) {
    throw Error(fmt::format("[{}] {} {} needs {} bytes; its data_offsets span {}", kSafetensorsTag, name,
                            to_string(entry.shape), bytes, entry.end - entry.begin));
  }
  return entry;
}

std::map<std::string, std::string> metadata_from(const json& value) {
  std::map<std::string, std::string> metadata;
  if (!value.is_object()) {
    throw Error(fmt::format("[{}] expected an object as __metadata__; received {}", kSafetensorsTag,
                            value.type_name()));
  }
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) {
      throw Error(
          fmt::format("[{}] expected text in __metadata__; received {}", kSafetensorsTag, text.type_name()));
    }
    metadata.emplace(key, text.get<std::string>());
  }
  return metadata;
}

// The tensors must tile [0, size) exactly.
void check_tiling(const std::vector<HeaderEntry>& entries, std::uint64_t size) {
  std::uint64_t position = 0;
  for (const auto& entry : entries) {
    if (entry.begin != position) {
      throw Error(fmt::format("[{}] {} begins at byte {} of the data; expected {} without holes or overlaps",
                              kSafetensorsTag, entry.name, entry.begin, position));
    }
    position = entry.end;
  }
  if (position != size) {
    throw Error(fmt::format(
        "[{}] the header describes {} bytes of data; the file holds {}; it is truncated or damaged",
        kSafetensorsTag, position, size));
  }
}

// nlohmann refuses invalid UTF-8; `replace` keeps such a name readable in place of failing the save.
std::string dump(const nlohmann::ordered_json& header) {
  return header.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

bool is_safetensors(const SharedBytes& file) {
  const ByteView view(file.span(), kSafetensorsTag);
  return view.size() > kLengthBytes && view.has_at(kLengthBytes, "{") &&
         view.read<std::uint64_t>(0) <= std::max<std::uint64_t>(kMaximumHeader, view.size());
}

Safetensors read_safetensors(const SharedBytes& file) {
  const ByteView view(file.span(), kSafetensorsTag);
  const auto header_size = view.read<std::uint64_t>(0);
  if (header_size > kMaximumHeader) {
    throw Error(fmt::format("[{}] expected a header of up to {} bytes; received {}", kSafetensorsTag,
                            kMaximumHeader, header_size));
  }
  const auto header = parse_json(as_text(view.slice(kLengthBytes, header_size)), kSafetensorsTag);
  if (!header.is_object()) {
    throw Error(fmt::format("[{}] expected a JSON object as header; received {}", kSafetensorsTag,
                            header.type_name()));
  }
  Safetensors result;
  std::vector<HeaderEntry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name == "__metadata__") {
      result.metadata = metadata_from(value);
    } else {
      entries.push_back(header_entry(name, value));
    }
  }
  std::stable_sort(entries.begin(), entries.end(), [](const HeaderEntry& a, const HeaderEntry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  const std::uint64_t data = kLengthBytes + header_size;
  check_tiling(entries, view.size() - data);
  for (auto& entry : entries) {
    result.tensors.insert(entry.name, tensor_from_file(file, data + entry.begin, std::move(entry.shape),
                                                       entry.type, ByteOrder::little, kSafetensorsTag));
  }
  return result;
}

void append(TensorList& list, const std::string& prefix, const Parameters& parameters) {
  for (const auto& [name, tensor] : parameters) {
    list.emplace_back(prefix + name, &tensor);
  }
}

void write_safetensors(const std::string& path, const Parameters& tensors,
                       const std::map<std::string, std::string>& metadata) {
  TensorList list;
  append(list, "", tensors);
  write_safetensors(path, list, metadata);
}

void write_safetensors(const std::string& path, const TensorList& tensors,
                       const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) {
    header["__metadata__"] = metadata;
  }
  std::uint64_t position = 0;
  for (const auto& [name, tensor] : tensors) {
    const auto end = position + static_cast<std::uint64_t>(tensor->size()) * sizeof(float);
    header[name] = {{"dtype", "F32"}, {"shape", tensor->shape()}, {"data_offsets", {position, end}}};
    position = end;
  }
  auto text = dump(header);
  text.resize((kLengthBytes + text.size() + kAlignment - 1) / kAlignment * kAlignment - kLengthBytes, ' ');
  write_file_atomically(path, [&](std::ostream& out) {
    const std::uint64_t length = text.size();
    out.write(reinterpret_cast<const char*>(&length), sizeof length);
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
    for (const auto& [name, tensor] : tensors) {
      out.write(reinterpret_cast<const char*>(tensor->data()),
                static_cast<std::streamsize>(static_cast<std::size_t>(tensor->size()) * sizeof(float)));
    }
  });
}

}  // namespace headstart
