// HDF5: superblock and object headers.
#include "weights/hdf5_file.h"

namespace headstart {
namespace {

constexpr std::string_view kSignature("\x89HDF\r\n\x1a\n", 8);
constexpr std::uint16_t kContinuation = 0x10;
constexpr std::uint64_t kSmallFile = 1 << 16;

}  // namespace

Hdf5File::Hdf5File(SharedBytes file)
    : file_(std::move(file)), budget_(2 * file_.size + kSmallFile), data_budget_(file_.size) {
  root_ = root_from_superblock();
}

void Hdf5File::spend(std::uint64_t bytes) {
  if (bytes > budget_) {
    throw Error("[h5] the file's structures loop or overlap; it is damaged");
  }
  budget_ -= bytes;
}

Hdf5File::Address Hdf5File::root_from_superblock() const {
  const auto bytes = view();
  if (!bytes.has_at(0, kSignature)) {
    throw Error("[h5] expected an HDF5 file; received other content");
  }
  const auto version = bytes.read<std::uint8_t>(8);
  if (version > 3) {
    throw Error(fmt::format("[h5] expected superblock version 0 to 3; received {}", version));
  }
  const bool old = version < 2;
  if (bytes.read<std::uint8_t>(old ? 13 : 9) != 8 || bytes.read<std::uint8_t>(old ? 14 : 10) != 8) {
    throw Error("[h5] expected offsets and lengths of 8 bytes; received another size");
  }
  const std::uint64_t base = version == 0 ? 24 : version == 1 ? 28 : 12;
  if (bytes.read<std::uint64_t>(base) != 0) {
    throw Error("[h5] expected the base address 0; received another");
  }
  const auto end_of_file = bytes.read<std::uint64_t>(base + 16);
  if (end_of_file > bytes.size()) {
    throw Error(fmt::format("[h5] the file says it has {} bytes; received {}; it is truncated", end_of_file,
                            bytes.size()));
  }
  // Old: the root's symbol table entry (name offset, header address) follows four addresses.
  return bytes.read<std::uint64_t>(old ? base + 40 : base + 24);
}

Hdf5File::Object& Hdf5File::object(Address address) {
  const auto [found, fresh] = objects_.try_emplace(address);
  if (fresh) {
    if (view().has_at(address, "OHDR")) {
      read_header_v2(address, found->second);
    } else {
      read_header_v1(address, found->second);
    }
  }
  return found->second;
}

void Hdf5File::read_header_v1(Address address, Object& object) {
  const auto bytes = view();
  const auto version = bytes.read<std::uint8_t>(address);
  if (version != 1) {
    throw Error(
        fmt::format("[h5] expected an object header of version 1 or 2 at {}; received {}", address, version));
  }
  constexpr std::uint64_t kPrefix = 16;
  spend(kPrefix);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> blocks{
      {address + kPrefix, bytes.read<std::uint32_t>(address + 8)}};
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    read_messages_v1(blocks[i].first, blocks[i].second, object, blocks);
  }
}

void Hdf5File::read_messages_v1(std::uint64_t offset, std::uint64_t size, Object& object,
                                std::vector<std::pair<std::uint64_t, std::uint64_t>>& continuations) {
  constexpr std::uint64_t kMessagePrefix = 8;
  spend(size);
  const auto block = view().view(offset, size);
  for (std::uint64_t at = 0; at + kMessagePrefix <= size;) {
    const Message message{.type = block.read<std::uint16_t>(at),
                          .flags = block.read<std::uint8_t>(at + 4),
                          .offset = offset + at + kMessagePrefix,
                          .size = block.read<std::uint16_t>(at + 2)};
    block.slice(at + kMessagePrefix, message.size);
    if (message.type == kContinuation) {
      spend(kMessagePrefix);
      continuations.emplace_back(view().read<std::uint64_t>(message.offset),
                                 view().read<std::uint64_t>(message.offset + 8));
    } else {
      add_message(message, object);
    }
    at += kMessagePrefix + message.size;
  }
}

void Hdf5File::read_header_v2(Address address, Object& object) {
  const auto bytes = view();
  if (bytes.read<std::uint8_t>(address + 4) != 2) {
    throw Error(fmt::format("[h5] expected an object header of version 2 at {}; received another", address));
  }
  const auto flags = bytes.read<std::uint8_t>(address + 5);
  const bool creation_order = (flags & 0x04U) != 0;
  const unsigned width = 1U << (flags & 0x03U);
  const std::uint64_t size_at =
      address + 6 + ((flags & 0x20U) != 0 ? 16 : 0) + ((flags & 0x10U) != 0 ? 4 : 0);
  const auto size = bytes.read_sized(size_at, width);
  spend(16);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> continuations;
  read_messages_v2(size_at + width, size, creation_order, object, continuations);
  for (std::size_t i = 0; i < continuations.size(); ++i) {
    const auto [offset, length] = continuations[i];
    constexpr std::uint64_t kFrame = 8;  // signature before, checksum after
    if (!bytes.has_at(offset, "OCHK") || length < kFrame) {
      throw Error(
          fmt::format("[h5] expected an object header's continuation at {}; received other bytes", offset));
    }
    read_messages_v2(offset + 4, length - kFrame, creation_order, object, continuations);
  }
}

void Hdf5File::read_messages_v2(std::uint64_t offset, std::uint64_t size, bool creation_order, Object& object,
                                std::vector<std::pair<std::uint64_t, std::uint64_t>>& continuations) {
  const std::uint64_t prefix = creation_order ? 6 : 4;
  spend(size);
  const auto block = view().view(offset, size);
  for (std::uint64_t at = 0; at + prefix <= size;) {
    const Message message{.type = block.read<std::uint8_t>(at),
                          .flags = block.read<std::uint8_t>(at + 3),
                          .offset = offset + at + prefix,
                          .size = block.read<std::uint16_t>(at + 1)};
    block.slice(at + prefix, message.size);
    if (message.type == kContinuation) {
      spend(prefix);
      continuations.emplace_back(view().read<std::uint64_t>(message.offset),
                                 view().read<std::uint64_t>(message.offset + 8));
    } else {
      add_message(message, object);
    }
    at += prefix + message.size;
  }
}

void Hdf5File::add_message(const Message& message, Object& object) {
  object.first_of_type.try_emplace(message.type, object.messages.size());
  object.messages.push_back(message);
}

std::optional<Hdf5File::Message> Hdf5File::message(const Object& object, std::uint16_t type) const {
  const auto found = object.first_of_type.find(type);
  if (found == object.first_of_type.end()) {
    return std::nullopt;
  }
  constexpr std::uint8_t kShared = 0x02;
  const auto& first = object.messages[found->second];
  if ((first.flags & kShared) != 0) {
    throw Error("[h5] expected plain object header messages; received a shared one (a committed data type)");
  }
  return first;
}

}  // namespace headstart
