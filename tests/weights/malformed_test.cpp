// Malformed files written by hand: every one is an Error that says what is wrong, and none costs memory.
#include <algorithm>
#include <chrono>
#include <functional>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "weights/pickle.h"
#include "weights/weight_bytes.h"

namespace headstart::test {
namespace {

std::string error_reading(const Bytes& bytes, const Folder& siblings = {}) {
  return message_of([&] { read_bytes(bytes, "file", siblings); });
}

long peak_kilobytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

struct Case {
  const char* header;
  std::size_t data;
  const char* message;
};

TEST(MalformedSafetensors, IsAnErrorThatSaysWhy) {
  const Case cases[] = {
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 4, "truncated"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 12, "describes 8 bytes"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 12, "without holes"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})",
       6, "without holes or overlaps"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8, "[begin, end]"},
      {R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8, "needs 12 bytes"},
      {R"({"a":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}})", 8, "F8_E4M3"},
      {R"({"a":{"dtype":"F32","shape":[1152921504606846976],"data_offsets":[0,8]}})", 8,
       "not one of a tensor"},
      {R"({"a":{"dtype":"F32","shape":[1048576,1048576,1048576,1048576],"data_offsets":[0,8]}})", 8,
       "not one of"},
      {R"({"a":{"dtype":"F32","shape":[1152921504606846],"data_offsets":[0,8]}})", 8, "needs"},
      {R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,8]}})", 8, "non-negative"},
      {R"({"a":{"dtype":"F32","shape":[1e3],"data_offsets":[0,8]}})", 8, "non-negative"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
       4, "stands twice"},
      {R"({"a":1})", 0, "expected a JSON object"},
      {R"({"__metadata__":{"a":1}})", 0, "expected text"},
      {R"({"a":)", 0, "expected JSON"},
  };
  for (const auto& item : cases) {
    EXPECT_TRUE(says(error_reading(safetensors_bytes(item.header, item.data)), item.message)) << item.header;
  }
}

TEST(MalformedSafetensors, HeaderBeyondTheFileOrTheCap) {
  auto bytes = safetensors_bytes("{}", 0);
  bytes[0] = 200;
  EXPECT_TRUE(says(error_reading(bytes), "truncated"));
  bytes[4] = 1;  // four gigabytes
  EXPECT_NE(error_reading(bytes), "no error");
}

TEST(MalformedJson, NestingIsBounded) {
  const std::string deep = R"({"weightsManifest":)" + std::string(1'000'000, '[');
  EXPECT_TRUE(says(error_reading(to_bytes(deep)), "nested up to"));
}

TEST(MalformedTfjs, IsAnErrorThatSaysWhy) {
  const auto manifest = [](const std::string& weight) {
    return to_bytes(R"({"weightsManifest":[{"paths":["a"],"weights":[)" + weight + "]}]}");
  };
  const Folder folder{{"a", Bytes(4)}};
  EXPECT_TRUE(
      says(error_reading(manifest(R"({"name":"x","shape":[1],"dtype":"complex64"})"), folder), "complex64"));
  EXPECT_TRUE(
      says(error_reading(manifest(R"({"name":"x","shape":[1152921504606846976],"dtype":"float32"})"), folder),
           "not one of a tensor"));
  EXPECT_TRUE(
      says(error_reading(manifest(R"({"name":"x","shape":[144115188075855871],"dtype":"float32"})"), folder),
           "bytes of weights in a; received 4"));
  EXPECT_TRUE(says(
      error_reading(
          manifest(R"({"name":"x","shape":[4],"dtype":"float32","quantization":{"dtype":"uint8"}})"), folder),
      "\"scale\""));
  EXPECT_TRUE(
      says(error_reading(to_bytes(R"({"weightsManifest":[{"paths":["a","a"],"weights":[]}]})"), folder),
           "stands twice"));
  EXPECT_TRUE(says(error_reading(to_bytes(R"({"a":1})")), "weightsManifest"));
}

// --- pickles ---

std::string error_of_pickle(const std::string& program) {
  return message_of([&] { read_pickle(to_bytes(program)); });
}

TEST(MalformedPickle, NothingButTheAllowedGlobals) {
  EXPECT_TRUE(says(error_of_pickle("\x80\x02"
                                   "cos\nsystem\n"
                                   "X\x02\0\0\0ls\x85R."),
                   "os.system"));
  EXPECT_TRUE(says(error_of_pickle("cbuiltins\neval\n."), "builtins.eval"));
  EXPECT_TRUE(says(error_of_pickle(std::string("\x8c\x08"
                                               "builtins"
                                               "\x8c\x04"
                                               "exec"
                                               "\x93.",
                                               18)),
                   "builtins.exec"));
  EXPECT_TRUE(says(error_of_pickle("ctorch\nFloatStorage2\n."), "FloatStorage2"));
  EXPECT_TRUE(says(error_of_pickle("ctorch FloatStorage\n\n."), "which no state dict needs"));
  EXPECT_EQ(error_of_pickle("ccollections\nOrderedDict\n)R."), "no error");
}

TEST(MalformedPickle, UnknownOpcodesAndEmptyStacks) {
  EXPECT_TRUE(says(error_of_pickle("i"), "opcode 0x69"));
  EXPECT_TRUE(says(error_of_pickle("\x81"), "opcode 0x81"));  // NEWOBJ
  EXPECT_TRUE(says(error_of_pickle("R"), "the stack; it is empty"));
  EXPECT_TRUE(says(error_of_pickle("(R"), "the stack; it is empty"));
  EXPECT_TRUE(says(error_of_pickle("t"), "expected a mark"));
  EXPECT_TRUE(says(error_of_pickle("h\x05"), "memo"));
  EXPECT_TRUE(says(error_of_pickle("K\x01K\x02s."), "empty"));
  EXPECT_TRUE(says(error_of_pickle("K\x01K\x02"
                                   "a."),
                   "list or dict"));
  EXPECT_TRUE(says(error_of_pickle("NN"
                                   "R."),
                   "expected a call"));
  EXPECT_TRUE(says(error_of_pickle(std::string("X\xff\xff\xff\x7f"
                                               "abc",
                                               8)),
                   "truncated"));
  EXPECT_TRUE(says(error_of_pickle("]"), "truncated"));
}

TEST(MalformedPickle, ValuesThatContainThemselvesAndDeepNestingAreHarmless) {
  EXPECT_EQ(error_of_pickle(std::string("]q\0h\0a.", 7)), "no error");
  EXPECT_EQ(error_of_pickle(std::string(500'000, ']') + std::string(499'999, 'a') + "."), "no error");
}

TEST(MalformedPickle, ManyValuesAreRefused) {
  EXPECT_TRUE(says(error_of_pickle(std::string(2'000'000, ']') + "."), "up to 1000000 values"));
  EXPECT_TRUE(says(error_of_pickle("N" + std::string(1'000'001, '\x94') + "."), "entries in the memo"));
  std::string memo_bomb = "(";
  memo_bomb += std::string(100'000, 'N') + "tq";
  memo_bomb += '\0';
  for (int i = 0; i < 1000; ++i) {
    memo_bomb += "(h";
    memo_bomb += '\0';
    memo_bomb += std::string(100'000, 'N') + "t";
  }
  EXPECT_TRUE(says(error_of_pickle(memo_bomb + "."), "items"));
}

// Every occurrence of `from` replaced.
Bytes with_replaced(Bytes bytes, std::string_view from, std::string_view to) {
  const auto pattern = to_bytes(from);
  int count = 0;
  for (auto found = bytes.begin();; ++found, ++count) {
    found = std::search(found, bytes.end(), pattern.begin(), pattern.end());
    if (found == bytes.end()) {
      break;
    }
    std::copy(to.begin(), to.end(), found);
  }
  EXPECT_GT(count, 0);
  return bytes;
}

TEST(MalformedTorch, ShapesBeyondTheStorageAreRefused) {
  // conv.bias of 4 elements: BININT1 4, TUPLE1; the stride follows.
  const auto bytes = golden("legacy.pth");
  const std::string shape("K\x04\x85", 3);
  EXPECT_TRUE(says(error_reading(with_replaced(bytes, shape, std::string("K\xff\x85", 3))),
                   "reaches beyond its storage"));
}

TEST(MalformedTorch, StoragesThatAreNotThereAreRefused) {
  auto bytes = golden("legacy.pth");
  bytes.resize(bytes.size() - 3);
  EXPECT_TRUE(says(error_reading(bytes), "truncated"));
  EXPECT_NE(error_reading(with_replaced(golden("zip.pth"), "zip/data/0", "zip/data/x")), "no error");
}

// --- HDF5 ---

void put64(Bytes& bytes, std::size_t offset, std::uint64_t value) {
  std::memcpy(bytes.data() + offset, &value, 8);
}

std::size_t find_bytes(const Bytes& bytes, std::string_view text, std::size_t from = 0) {
  const auto found =
      std::search(bytes.begin() + static_cast<std::ptrdiff_t>(from), bytes.end(), text.begin(), text.end());
  EXPECT_NE(found, bytes.end()) << text;
  return static_cast<std::size_t>(found - bytes.begin());
}

TEST(MalformedH5, IsAnErrorThatSaysWhy) {
  const auto good = golden("fixed.h5");
  auto bytes = good;
  bytes[8] = 9;
  EXPECT_TRUE(says(error_reading(bytes), "superblock version"));
  bytes = good;
  bytes[13] = 4;
  EXPECT_TRUE(says(error_reading(bytes), "offsets and lengths of 8 bytes"));
  bytes = good;
  bytes.pop_back();
  EXPECT_TRUE(says(error_reading(bytes), "truncated"));
  bytes = good;
  put64(bytes, 64, ~std::uint64_t{0});  // the root's object header
  EXPECT_TRUE(says(error_reading(bytes), "truncated"));
  bytes = good;
  bytes[find_bytes(good, "HEAP")] = 'X';
  EXPECT_TRUE(says(error_reading(bytes), "local heap"));
  bytes = good;
  bytes[find_bytes(good, "layer_names")] = 'X';
  EXPECT_TRUE(says(error_reading(bytes), "expected a Keras weights file"));
  bytes = good;
  bytes[find_bytes(good, "TREE") + 5] = 3;  // a leaf that says it is not
  EXPECT_NE(error_reading(bytes), "no error");
}

TEST(MalformedH5, ATreeThatContainsItselfEnds) {
  auto bytes = golden("fixed.h5");
  const auto tree = find_bytes(bytes, "TREE");
  bytes[tree + 5] = 200;
  for (std::size_t level = 0; level < 200; ++level) {
    put64(bytes, tree + 32, tree);
  }
  EXPECT_TRUE(says(error_reading(bytes), "levels to fall"));
}

TEST(MalformedH5, HugeShapesDoNotAllocate) {
  const auto good = golden("fixed.h5");
  // The data space (3, 3, 2, 4) of conv's kernel: four extents of 8 bytes.
  std::string extents;
  for (const char extent : {'\3', '\3', '\2', '\4'}) {
    extents += std::string(1, extent) + std::string(7, '\0');
  }
  const auto at = find_bytes(good, extents);
  const auto before = peak_kilobytes();
  for (const std::uint64_t extent :
       {std::uint64_t{1} << 60, std::uint64_t{1} << 62, std::uint64_t{1} << 40, std::uint64_t{1000}}) {
    auto bytes = good;
    put64(bytes, at, extent);
    EXPECT_NE(error_reading(bytes), "no error");
  }
  EXPECT_LT(peak_kilobytes() - before, 50'000);
}

// A root group of version 2 with that many attributes: layer_names0, layer_names1, ..., each one empty.
Bytes h5_of_attributes(int count) {
  const auto number = [](std::uint64_t value, std::size_t width) {
    return std::string(reinterpret_cast<const char*>(&value), width);
  };
  const auto type = number(0x13, 4) + number(1, 4);  // strings of one byte
  const auto space = number(0x02000002, 4);          // of nothing
  std::string messages;
  for (int i = 0; i < count; ++i) {
    const auto name = fmt::format("layer_names{}", i);
    const auto body = number(3, 2) + number(name.size() + 1, 2) + number(type.size(), 2) +
                      number(space.size(), 2) + number(0, 1) + name + number(0, 1) + type + space;
    messages += number(0x0c, 1) + number(body.size(), 2) + number(0, 1) + body;
  }
  constexpr std::uint64_t kRoot = 48;
  std::string header = "OHDR\x02\x03";
  header += number(messages.size(), 8) + messages + number(0, 4);
  std::string file("\x89HDF\r\n\x1a\n\x02\x08\x08", 11);
  file += number(0, 1) + number(0, 8) + number(~std::uint64_t{0}, 8) + number(kRoot + header.size(), 8) +
          number(kRoot, 8) + number(0, 4) + header;
  return to_bytes(file);
}

TEST(MalformedH5, ManyAttributesCostNoMoreThanTheirNumber) {
  const auto bytes = h5_of_attributes(50'000);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(error_reading(bytes), "no error");  // no layers
  EXPECT_LT(std::chrono::steady_clock::now() - start,
            std::chrono::seconds(5));  // a search of all for each: a minute
}

TEST(PeakMemory, HeadersThatClaimTheWorldDoNotAllocate) {
  const auto before = peak_kilobytes();
  for (const auto* shape : {"1152921504606846975", "144115188075855871", "1000000000000"}) {
    error_reading(safetensors_bytes(
        std::string(R"({"a":{"dtype":"U8","shape":[)") + shape + R"(],"data_offsets":[0,)" + shape + "]}}",
        8));
    error_reading(
        to_bytes(
            std::string(
                R"({"weightsManifest":[{"paths":["a"],"weights":[{"name":"x","dtype":"bool","shape":[)") +
            shape + "]}]}]}"),
        {{"a", Bytes(4)}});
  }
  auto legacy = golden("legacy.pth");
  // The first storage's element count stands right after the last pickle.
  const auto keys_end = legacy.size();
  for (std::size_t i = keys_end > 400 ? keys_end - 400 : 0; i + 8 < keys_end; ++i) {
    auto bytes = legacy;
    put64(bytes, i, std::uint64_t{1} << 60);
    message_of([&] { read_bytes(bytes); });
  }
  EXPECT_LT(peak_kilobytes() - before, 50'000);
}

}  // namespace
}  // namespace headstart::test
