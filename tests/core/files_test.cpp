// Reads, maps and atomic replacement, with the failures that a full disk gives.
#include "core/files.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "headstart/error.h"
#include "headstart/progress.h"
#include "support/error_message.h"
#include "support/file_size_limit.h"
#include "support/temporary_folder.h"

namespace headstart {
namespace {

class FilesTest : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return directory_ / name; }
  static std::string text_of(const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  std::size_t entries() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(directory_.path()), {}));
  }

  test::TemporaryFolder directory_;
};

TEST_F(FilesTest, WritesAndReadsBack) {
  std::string content(1'000'003, 'x');
  for (std::size_t i = 0; i < content.size(); ++i) {
    content[i] = static_cast<char>(i * 31 % 251);
  }
  write_file_atomically(path("a"), [&](std::ostream& out) {
    out << content.substr(0, 10);
    out.write(content.data() + 10, 600'000);
    for (std::size_t i = 600'010; i < content.size(); ++i) {
      out.put(content[i]);
    }
  });
  const auto bytes = read_file(path("a"));
  EXPECT_EQ(std::string(bytes.begin(), bytes.end()), content);
  EXPECT_EQ(entries(), 1U);
}

TEST_F(FilesTest, ReadRefusesMissingDirectoryAndTooLarge) {
  EXPECT_NE(test::message_of([&] { read_file(path("none")); }).find(path("none") + ": No such file"),
            std::string::npos);
  EXPECT_NE(test::message_of([&] { read_file(directory_.path().string()); }).find("directory"),
            std::string::npos);
  std::ofstream(path("five")) << "12345";
  EXPECT_EQ(read_file(path("five"), 5).size(), 5U);
  EXPECT_NE(test::message_of([&] { read_file(path("five"), 4); }).find("larger than the 4 bytes"),
            std::string::npos);
}

TEST_F(FilesTest, ReadsAPipe) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  const std::string content(200'000, 'p');
  const pid_t child = ::fork();
  if (child == 0) {
    std::ofstream(path("pipe")) << content;
    ::_exit(0);
  }
  EXPECT_EQ(read_file(path("pipe")).size(), content.size());
}

TEST_F(FilesTest, TheWaitForAPipeEndsWithTheSignalToStop) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  std::thread signal([] {
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    request_stop(true);
  });
  EXPECT_NE(test::message_of([&] { read_file(path("pipe")); }).find("signal to stop"), std::string::npos);
  signal.join();
  request_stop(false);
}

TEST_F(FilesTest, MapRefusesAPipeAtOnce) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  const auto message = test::message_of([&] { MappedFile{path("pipe")}; });
  EXPECT_NE(message.find("expected a regular file; received the pipe " + path("pipe")), std::string::npos)
      << message;
}

TEST_F(FilesTest, MapIsPrivate) {
  std::ofstream(path("m")) << "abc";
  MappedFile map(path("m"));
  ASSERT_EQ(map.size(), 3U);
  map.data().get()[0] = 'Z';
  EXPECT_EQ(map.bytes()[0], 'Z');
  EXPECT_EQ(text_of(path("m")), "abc");
  const auto shared = map.data();
  map = MappedFile(path("m"));
  EXPECT_EQ(shared.get()[0], 'Z');  // the first mapping lives as long as somebody holds it
  EXPECT_EQ(map.bytes()[0], 'a');
}

TEST_F(FilesTest, MapOfEmptyFileIsEmptyAndOfDirectoryFails) {
  std::ofstream(path("e")).flush();
  EXPECT_TRUE(MappedFile(path("e")).bytes().empty());
  EXPECT_THROW(MappedFile{directory_.path().string()}, Error);
}

TEST_F(FilesTest, FullDiskKeepsTheOldFile) {
  std::ofstream(path("model")) << "old";
  const std::string content(1 << 20, 'n');
  std::string message;
  {
    const test::FileSizeLimit limit(4096);
    message = test::message_of(
        [&] { write_file_atomically(path("model"), [&](std::ostream& out) { out << content; }); });
  }
  EXPECT_NE(message.find("cannot write " + path("model") + ": File too large"), std::string::npos) << message;
  EXPECT_EQ(text_of(path("model")), "old");
  EXPECT_EQ(entries(), 1U) << "the temporary file is left over";
}

TEST_F(FilesTest, FullDiskIsSeenThroughTheBufferToo) {
  const std::string content(5000,
                            'n');  // smaller than the stream's buffer: only the last flush meets the limit
  const test::FileSizeLimit limit(4096);
  EXPECT_THROW(write_file_atomically(path("model"), [&](std::ostream& out) { out << content; }), Error);
  EXPECT_EQ(entries(), 0U);
}

TEST_F(FilesTest, ExceptionOfTheWriterKeepsTheOldFile) {
  std::ofstream(path("model")) << "old";
  EXPECT_THROW(write_file_atomically(path("model"),
                                     [](std::ostream& out) {
                                       out << "half";
                                       throw std::runtime_error("stop");
                                     }),
               std::runtime_error);
  EXPECT_EQ(text_of(path("model")), "old");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(FilesTest, ReplacesTheTargetOfALinkAndKeepsItsMode) {
  std::ofstream(path("real")) << "old";
  ::chmod(path("real").c_str(), 0640);
  std::filesystem::create_symlink("real", path("link"));
  write_file_atomically(path("link"), [](std::ostream& out) { out << "new"; });
  EXPECT_TRUE(std::filesystem::is_symlink(path("link")));
  EXPECT_EQ(text_of(path("real")), "new");
  struct stat status {};
  ASSERT_EQ(::stat(path("real").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0640U);
}

TEST_F(FilesTest, WritesByNameAsByStream) {
  std::ofstream(path("real")) << "old";
  ::chmod(path("real").c_str(), 0640);
  std::filesystem::create_symlink("real", path("link"));
  EXPECT_EQ(test::message_of(
                [&] { write_by_name_atomically(path("link"), [](const auto&) { throw Error("full"); }); }),
            "full");
  EXPECT_EQ(text_of(path("real")), "old");
  write_by_name_atomically(path("link"), [](const std::string& name) { std::ofstream(name) << "new"; });
  EXPECT_TRUE(std::filesystem::is_symlink(path("link")));
  EXPECT_EQ(text_of(path("real")), "new");
  struct stat status {};
  ASSERT_EQ(::stat(path("real").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0640U);
  EXPECT_EQ(entries(), 2U);
}

TEST_F(FilesTest, DevicesAreWrittenNotReplaced) {
  write_file_atomically("/dev/null", [](std::ostream& out) { out << "gone"; });
  const auto message = test::message_of([] { write_by_name_atomically("/dev/null", [](const auto&) {}); });
  EXPECT_NE(message.find("the device /dev/null"), std::string::npos) << message;
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

TEST_F(FilesTest, UnwritableFolderIsNamed) {
  const auto message =
      test::message_of([&] { write_file_atomically(path("no/model"), [](std::ostream&) {}); });
  EXPECT_NE(message.find(path("no/model") + ": No such file"), std::string::npos) << message;
}

TEST_F(FilesTest, APrivateDirectoryIsOfThisUserAlone) {
  make_private_directory(path("fresh"));
  struct stat status {};
  ASSERT_EQ(::stat(path("fresh").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
  make_private_directory(path("fresh"));
  const auto expect_refused = [&](const std::string& name) {
    const auto message = test::message_of([&] { make_private_directory(path(name)); });
    EXPECT_NE(message.find("HEADSTART_CACHE"), std::string::npos) << name << ": " << message;
  };
  std::filesystem::create_directory_symlink(path("fresh"), path("link"));
  expect_refused("link");
  std::ofstream(path("file")).flush();
  expect_refused("file");
  ::chmod(path("fresh").c_str(), 0770);
  expect_refused("fresh");
}

TEST_F(FilesTest, WithoutAHomeTheCacheIsAPrivateDirectory) {
  constexpr uid_t kNobodyKnown = 54321;
  if (::geteuid() != 0 || ::getpwuid(kNobodyKnown) != nullptr) {
    GTEST_SKIP() << "takes root, who can become a user without a home";
  }
  ::chmod(directory_.path().c_str(), 0777);
  const auto status_as_stranger = [&] {
    const pid_t child = ::fork();
    if (child == 0) {
      ::setenv("TMPDIR", directory_.path().c_str(), 1);
      for (const char* name : {"HOME", "XDG_CACHE_HOME", "HEADSTART_CACHE"}) {
        ::unsetenv(name);
      }
      ::setuid(kNobodyKnown);
      std::string found;
      const auto message = test::message_of([&] { found = cache_directory(); });
      ::_exit(message != "no error" ? 1 : found == path("headstart-54321") ? 0 : 2);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    return WEXITSTATUS(status);
  };
  EXPECT_EQ(status_as_stranger(), 0);
  ASSERT_EQ(::chown(path("headstart-54321").c_str(), 0, 0), 0);
  EXPECT_EQ(status_as_stranger(), 1);
}

TEST(CacheDirectory, FollowsTheEnvironment) {
  ::setenv("HOME", "/home/u", 1);
  ::unsetenv("XDG_CACHE_HOME");
  ::unsetenv("HEADSTART_CACHE");
  EXPECT_EQ(cache_directory(), "/home/u/.cache/headstart");
  if (const passwd* user = ::getpwuid(::geteuid()); user != nullptr) {
    ::unsetenv("HOME");
    EXPECT_EQ(cache_directory(), std::filesystem::path(user->pw_dir) / ".cache" / "headstart");
  }
  ::setenv("XDG_CACHE_HOME", "/x", 1);
  EXPECT_EQ(cache_directory(), "/x/headstart");
  ::setenv("HEADSTART_CACHE", "/own", 1);
  EXPECT_EQ(cache_directory(), "/own");
}

}  // namespace
}  // namespace headstart
