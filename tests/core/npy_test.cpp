// .npy files: NumPy's own bytes, round trips, and everything that must be refused.
#include "headstart/npy.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>

#include <unistd.h>

#include <gtest/gtest.h>

#include "headstart/error.h"

namespace headstart {
namespace {

class NpyTest : public testing::Test {
 protected:
  ~NpyTest() override { std::filesystem::remove(path_); }

  void write(const std::string& dictionary, const std::string& data, char version = 1) const {
    std::ofstream out(path_, std::ios::binary);
    out << "\x93NUMPY" << version << '\0';
    const auto size = static_cast<std::uint32_t>(dictionary.size());
    out.write(reinterpret_cast<const char*>(&size), version == 1 ? 2 : 4);
    out << dictionary << data;
  }
  std::string message() const {
    try {
      read_npy(path_);
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  }

  std::string path_ =
      (std::filesystem::temp_directory_path() / ("headstart_npy_" + std::to_string(::getpid()))).string();
};

template <typename T>
std::string raw(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

// numpy.save of numpy.float32([[1.5, -2]]).
TEST_F(NpyTest, WritesTheBytesOfNumpy) {
  write_npy(Tensor({1, 2}, std::vector<float>{1.5F, -2.0F}), path_);
  std::ifstream in(path_, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  std::string expected("\x93NUMPY\x01\x00v\x00", 10);
  expected += "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }";
  expected.append(127 - expected.size(), ' ');
  expected += '\n';
  expected += raw(std::vector<float>{1.5F, -2.0F});
  EXPECT_EQ(bytes, expected);
}

TEST_F(NpyTest, RoundTripsEveryRank) {
  for (const Shape& shape : {Shape{}, Shape{3}, Shape{2, 3}, Shape{2, 3, 4, 5}, Shape{0, 4}}) {
    Tensor tensor(shape);
    for (std::int64_t i = 0; i < tensor.size(); ++i) {
      tensor[i] = static_cast<float>(i) * 0.37F - 2.0F;
    }
    write_npy(tensor, path_);
    const Tensor back = read_npy(path_);
    ASSERT_EQ(back.shape(), shape);
    for (std::int64_t i = 0; i < tensor.size(); ++i) {
      ASSERT_EQ(back[i], tensor[i]);
    }
  }
}

TEST_F(NpyTest, ReadsOtherTypesAndVersions) {
  write("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", raw(std::vector<double>{0.1, 3.0}), 2);
  EXPECT_EQ(read_npy(path_)[0], 0.1F);
  write("{\"shape\": (1, 3), \"fortran_order\": False, \"descr\": \"|u1\"}   \n",
        raw(std::vector<std::uint8_t>{0, 7, 255}));
  EXPECT_EQ(read_npy(path_)[2], 255.0F);
}

TEST_F(NpyTest, RefusesWhatItCannotRead) {
  const std::string two = raw(std::vector<float>{1, 2});
  write("{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }", two);
  EXPECT_NE(message().find("received type '<i8'"), std::string::npos) << message();
  write("{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }", two);
  EXPECT_NE(message().find("ascontiguousarray"), std::string::npos) << message();
  write("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", two, 9);
  EXPECT_NE(message().find("version"), std::string::npos) << message();
}

TEST_F(NpyTest, RefusesSizesThatDoNotFit) {
  const std::string two = raw(std::vector<float>{1, 2});
  for (const char* shape :
       {"(3,)", "(1,)", "(4000000000, 4000000000, 4000000000)", "(99999999999999999999,)", "(-2,)", "(2"}) {
    write(std::string("{'descr': '<f4', 'fortran_order': False, 'shape': ") + shape + ", }", two);
    EXPECT_NE(message(), "accepted") << shape;
  }
}

TEST_F(NpyTest, RefusesEveryTruncation) {
  write("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", raw(std::vector<float>{1, 2}));
  std::ifstream in(path_, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    std::ofstream(path_, std::ios::binary) << bytes.substr(0, size);
    EXPECT_NE(message(), "accepted") << size;
  }
}

TEST(Difference, IsTheLargest) {
  const Tensor a({3}, std::vector<float>{1, 2, 3});
  const Tensor b({3}, std::vector<float>{1, 2.5F, 4});
  const auto apart = difference(a, b);
  EXPECT_EQ(apart.largest_absolute, 1.0);
  EXPECT_EQ(apart.largest_relative, 0.25);
  EXPECT_EQ(apart.position, 2);
  EXPECT_EQ(difference(a, a).largest_absolute, 0.0);
  EXPECT_THROW(difference(a, Tensor({1, 3})), Error);
}

TEST(Difference, NanIsNeverClose) {
  const float nan = std::numeric_limits<float>::quiet_NaN(),
              infinity = std::numeric_limits<float>::infinity();
  const Tensor a({2}, std::vector<float>{infinity, 0});
  EXPECT_EQ(difference(a, a).largest_absolute, 0.0);
  EXPECT_TRUE(std::isinf(difference(a, Tensor({2}, std::vector<float>{infinity, nan})).largest_absolute));
}

}  // namespace
}  // namespace headstart
