// HDF5: members of a group, by symbol table (old) or link messages (new).
#include "weights/hdf5_file.h"

#include <algorithm>

namespace headstart {
namespace {

constexpr std::uint16_t kLinkInfo = 0x02;
constexpr std::uint16_t kLink = 0x06;
constexpr std::uint16_t kSymbolTable = 0x11;
constexpr std::uint64_t kTreePrefix = 24;

}  // namespace

std::optional<Hdf5File::Address> Hdf5File::find(Address from, std::string_view path) {
  while (!path.empty()) {
    const auto slash = path.find('/');
    const auto name = path.substr(0, slash);
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
    if (name.empty()) {
      continue;
    }
    const auto& parent = group(from);
    const auto found = parent.link_index.find(name);
    if (found == parent.link_index.end()) {
      return std::nullopt;
    }
    from = parent.links[found->second].second;
  }
  return from;
}

Hdf5File::Address Hdf5File::require(Address from, std::string_view path) {
  const auto found = find(from, path);
  if (!found) {
    throw Error(fmt::format("[h5] expected {} in the file; it is not there", path.substr(0, 200)));
  }
  return *found;
}

std::vector<std::string> Hdf5File::children(Address address) {
  std::vector<std::string> names;
  for (const auto& [name, target] : group(address).links) {
    spend(name.size() + 1);
    names.emplace_back(name);
  }
  return names;
}

bool Hdf5File::is_data_set(Address address) { return message(object(address), kHdf5DataLayout).has_value(); }

const Hdf5File::Object& Hdf5File::group(Address address) {
  auto& result = object(address);
  if (result.links_read) {
    return result;
  }
  result.links_read = true;
  if (const auto table = message(result, kSymbolTable)) {
    read_symbol_table(*table, result);
  } else if (const auto info = message(result, kLinkInfo)) {
    read_link_info(*info);
  }
  for (const auto& candidate : result.messages) {
    if (candidate.type == kLink) {
      read_link(candidate, result);
    }
  }
  for (std::size_t i = 0; i < result.links.size(); ++i) {
    if (!result.link_index.emplace(result.links[i].first, i).second) {
      throw Error(
          fmt::format("[h5] the name {} stands twice in one group", result.links[i].first.substr(0, 200)));
    }
  }
  return result;
}

void Hdf5File::read_symbol_table(const Message& table, Object& object) {
  const auto bytes = view();
  const auto tree = bytes.read<std::uint64_t>(table.offset);
  const auto heap = bytes.read<std::uint64_t>(table.offset + 8);
  if (!bytes.has_at(heap, "HEAP")) {
    throw Error(fmt::format("[h5] expected a local heap at {}; received other bytes", heap));
  }
  const auto size = bytes.read<std::uint64_t>(heap + 8);
  const auto data = bytes.read<std::uint64_t>(heap + 24);
  bytes.slice(data, size);
  constexpr int kAnyLevel = 256;
  read_group_tree(tree, kAnyLevel, data, size, object);
}

// `level`: the parent's; a child's must be lower, which bounds the recursion.
void Hdf5File::read_group_tree(Address node, int level, std::uint64_t heap, std::uint64_t heap_size,
                               Object& object) {
  const auto bytes = view();
  if (!bytes.has_at(node, "TREE") || bytes.read<std::uint8_t>(node + 4) != 0) {
    throw Error(fmt::format("[h5] expected a group's B-tree node at {}; received other bytes", node));
  }
  const int own_level = bytes.read<std::uint8_t>(node + 5);
  if (own_level >= level) {
    throw Error("[h5] expected B-tree levels to fall; the file is damaged");
  }
  const std::uint64_t entries = bytes.read<std::uint16_t>(node + 6);
  spend(kTreePrefix + entries * 16);
  for (std::uint64_t i = 0; i < entries; ++i) {
    const auto child = bytes.read<std::uint64_t>(node + kTreePrefix + i * 16 + 8);
    if (own_level > 0) {
      read_group_tree(child, own_level, heap, heap_size, object);
    } else {
      read_symbol_node(child, heap, heap_size, object);
    }
  }
}

void Hdf5File::read_symbol_node(Address node, std::uint64_t heap, std::uint64_t heap_size, Object& object) {
  const auto bytes = view();
  if (!bytes.has_at(node, "SNOD")) {
    throw Error(fmt::format("[h5] expected a symbol table node at {}; received other bytes", node));
  }
  constexpr std::uint64_t kPrefix = 8;
  constexpr std::uint64_t kEntry = 40;
  const std::uint64_t symbols = bytes.read<std::uint16_t>(node + 6);
  spend(kPrefix + symbols * kEntry);
  for (std::uint64_t i = 0; i < symbols; ++i) {
    const auto entry = node + kPrefix + i * kEntry;
    const auto name = bytes.read<std::uint64_t>(entry);
    if (name >= heap_size) {
      throw Error("[h5] a name lies outside of its group's heap; the file is damaged");
    }
    const auto text = terminated_text(heap + name, heap + heap_size);
    spend(text.size());
    object.links.emplace_back(text, bytes.read<std::uint64_t>(entry + 8));
  }
}

std::string_view Hdf5File::terminated_text(std::uint64_t offset, std::uint64_t end) const {
  const auto text = as_text(view().slice(offset, end - offset));
  const auto length = text.find('\0');
  if (length == std::string_view::npos) {
    throw Error("[h5] a name has no end; the file is damaged");
  }
  return text.substr(0, length);
}

void Hdf5File::read_link_info(const Message& info) const {
  const auto bytes = view();
  const bool indexed = (bytes.read<std::uint8_t>(info.offset + 1) & 0x01U) != 0;
  if (bytes.read<std::uint64_t>(info.offset + (indexed ? 10 : 2)) != kHdf5Undefined) {
    throw Error(
        "[h5] a group keeps its links in a fractal heap, which is not read; rewrite the file with "
        "h5repack --high=0 or save it again with Keras");
  }
}

void Hdf5File::read_link(const Message& link, Object& object) {
  const auto block = view().view(link.offset, link.size);
  const auto flags = block.read<std::uint8_t>(1);
  std::uint64_t at = 2;
  std::uint8_t type = 0;
  if ((flags & 0x08U) != 0) {
    type = block.read<std::uint8_t>(at++);
  }
  at += (flags & 0x04U) != 0 ? 8 : 0;
  at += (flags & 0x10U) != 0 ? 1 : 0;
  const unsigned width = 1U << (flags & 0x03U);
  const auto length = block.read_sized(at, width);
  const auto name = as_text(block.slice(at + width, length));
  if (type == 0) {  // hard; soft and external links lead nowhere we follow
    object.links.emplace_back(name, block.read<std::uint64_t>(at + width + length));
  }
}

}  // namespace headstart
