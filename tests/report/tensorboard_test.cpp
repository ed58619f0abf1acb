// Event files read back by a reader of their own.
#include "headstart/tensorboard.h"
#include "support/temporary_folder.h"

#include <bit>
#include <cstring>
#include <filesystem>
#include <map>
#include <string_view>

#include <gtest/gtest.h>

namespace headstart {
namespace {

namespace fs = std::filesystem;

// CRC-32C bit by bit from its polynomial, not reflected: another way round than the writer's.
std::uint32_t crc32c(std::string_view bytes) {
  const auto reflect = [](std::uint32_t value, int bits) {
    std::uint32_t result = 0;
    for (int i = 0; i < bits; ++i) {
      result |= (value >> i & 1U) << (bits - 1 - i);
    }
    return result;
  };
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char c : bytes) {
    crc ^= reflect(static_cast<unsigned char>(c), 8) << 24U;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 0x80000000U) != 0 ? crc << 1U ^ 0x1EDC6F41U : crc << 1U;
    }
  }
  return ~reflect(crc, 32);
}

std::uint32_t masked(std::string_view bytes) {
  const std::uint32_t crc = crc32c(bytes);
  return (crc >> 15U | crc << 17U) + 0xA282EAD8U;
}

template <typename Number>
Number number_at(std::string_view bytes, std::size_t at) {
  Number value{};
  std::memcpy(&value, bytes.substr(at, sizeof(Number)).data(), sizeof(Number));
  return value;
}

// The fields of a message by number; scalars as their raw bytes.
std::multimap<std::uint64_t, std::string> fields_of(std::string_view message) {
  std::size_t at = 0;
  const auto varint = [&] {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(message.at(at++));
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80U) {
        return value;
      }
    }
  };
  std::multimap<std::uint64_t, std::string> fields;
  while (at < message.size()) {
    const auto key = varint();
    const auto type = key & 7U;
    const auto value = type == 0 || type == 2 ? varint() : 0;
    const std::size_t length = type == 2 ? value : type == 1 ? 8 : type == 5 ? 4 : 0;
    fields.emplace(key >> 3U, type == 0 ? std::to_string(value) : std::string(message.substr(at, length)));
    at += length;
  }
  return fields;
}

TEST(TensorBoard, ChecksumIsCastagnoli) { EXPECT_EQ(crc32c("123456789"), 0xE3069283U); }

TEST(TensorBoard, EventsAreReadBack) {
  const test::TemporaryFolder folder;
  std::string path;
  {
    EventWriter writer(folder / "logs");
    writer.add(1, {{"loss", 0.5}, {"val_accuracy", 0.875}});
    writer.add(300, {{"loss", 0.25}});
    path = writer.path();
  }
  EXPECT_NE(fs::path(path).filename().string().find("tfevents"), std::string::npos);
  std::ifstream stream(path, std::ios::binary);
  const std::string file((std::istreambuf_iterator<char>(stream)), {});

  std::vector<std::multimap<std::uint64_t, std::string>> events;
  for (std::size_t at = 0; at < file.size();) {
    const std::string_view rest = std::string_view(file).substr(at);
    const auto length = number_at<std::uint64_t>(rest, 0);
    ASSERT_LE(16 + length, rest.size());
    EXPECT_EQ(number_at<std::uint32_t>(rest, 8), masked(rest.substr(0, 8)));
    EXPECT_EQ(number_at<std::uint32_t>(rest, 12 + length), masked(rest.substr(12, length)));
    events.push_back(fields_of(rest.substr(12, length)));
    at += 16 + length;
  }
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].find(3)->second, "brain.Event:2");
  EXPECT_GT(number_at<double>(events[0].find(1)->second, 0), 1.6e9);
  EXPECT_EQ(events[1].find(2)->second, "1");
  EXPECT_EQ(events[2].find(2)->second, "300");
  std::map<std::string, float> scalars;
  const auto summary = fields_of(events[1].find(5)->second);
  for (auto [value, end] = summary.equal_range(1); value != end; ++value) {
    const auto fields = fields_of(value->second);
    scalars[fields.find(1)->second] = number_at<float>(fields.find(2)->second, 0);
  }
  EXPECT_EQ(scalars, (std::map<std::string, float>{{"loss", 0.5F}, {"val_accuracy", 0.875F}}));
}

}  // namespace
}  // namespace headstart
