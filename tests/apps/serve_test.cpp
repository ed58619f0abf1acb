// The server as clients meet it: real requests over real sockets, well-formed and not.
#include <arpa/inet.h>
#include <chrono>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <httplib.h>
#include <nlohmann/json.hpp>

#include "headstart/image.h"
#include "headstart/model.h"
#include "headstart/zoo.h"
#include "run_program.h"
#include "support/formula.h"
#include "support/temporary_folder.h"

namespace headstart::test {
namespace {

using nlohmann::json;
using Files = httplib::MultipartFormDataItems;

// A model file whose answers depend on the picture, removed with its folder.
class SmallModel {
 public:
  SmallModel() {
    Model model;
    const auto& which = architecture("mobilenet");
    model.graph = build_architecture(which, {.height = 32, .width = 32, .alpha = 0.25, .classes = 3});
    model.parameters = formula_parameters(model.graph);
    model.preprocessing = default_preprocessing(which, model.graph);
    model.class_names = {"red", "green", "blue"};
    save_model(model, path());
  }

  std::string path() const { return folder_ / "model.safetensors"; }
  const std::filesystem::path& folder() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

std::string png(int key) {
  Image image{.width = 40, .height = 40, .pixels = {}};
  for (int i = 0; i < 40 * 40 * 3; ++i) {
    image.pixels.push_back(static_cast<std::uint8_t>(i * (key + 3) % 256));
  }
  const auto bytes = encode_png(image);
  return {bytes.begin(), bytes.end()};
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

int connected(int port) {
  const int connection = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  return connection;
}

// Two seconds without a byte end the wait.
std::string raw_answer(int port, const std::string& request) {
  const int connection = connected(port);
  const timeval patience{.tv_sec = 2, .tv_usec = 0};
  ::setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  for (std::size_t sent = 0; sent < request.size();) {
    const auto count = ::send(connection, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) {
      break;
    }
    sent += static_cast<std::size_t>(count);
  }
  std::string answer, buffer(4096, '\0');
  for (ssize_t count = 0; (count = ::recv(connection, buffer.data(), buffer.size(), 0)) > 0;) {
    answer.append(buffer.data(), static_cast<std::size_t>(count));
  }
  ::close(connection);
  return answer;
}

// Sends the text and then a byte now and then, until the server ends the connection.
class SlowClient {
 public:
  SlowClient(int port, const std::string& text) : connection_(connected(port)) {
    ::send(connection_, text.data(), text.size(), MSG_NOSIGNAL);
  }
  SlowClient(const SlowClient&) = delete;
  SlowClient& operator=(const SlowClient&) = delete;
  ~SlowClient() { ::close(connection_); }

  // Within so many seconds.
  bool is_ended(int seconds) const {
    const timeval pause{.tv_sec = 0, .tv_usec = 300'000};
    ::setsockopt(connection_, SOL_SOCKET, SO_RCVTIMEO, &pause, sizeof(pause));
    const auto began = std::chrono::steady_clock::now();
    std::string answer(4096, '\0');
    while (std::chrono::steady_clock::now() - began < std::chrono::seconds(seconds)) {
      if (::recv(connection_, answer.data(), answer.size(), 0) == 0 ||
          ::send(connection_, "a", 1, MSG_NOSIGNAL) < 0) {
        return true;
      }
    }
    return false;
  }

 private:
  int connection_;
};

int port_of(RunningProgram& server) {
  const std::string before = "http://127.0.0.1:", line = server.line_with(before);
  EXPECT_NE(line, "") << server.errors();
  return line.empty() ? 0 : std::stoi(line.substr(line.find(before) + before.size()));
}

class ServeTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    model_ = std::make_unique<SmallModel>();
    server_ = std::make_unique<RunningProgram>(
        std::vector<std::string>{"serve", model_->path(), "--port", "0", "--top", "2", "--max-size", "1"});
    port_ = port_of(*server_);
    ASSERT_NE(port_, 0);
  }
  static void TearDownTestSuite() {
    server_.reset();
    model_.reset();
  }

  static std::unique_ptr<httplib::Client> client() {
    auto made = std::make_unique<httplib::Client>("127.0.0.1", port_);
    made->set_read_timeout(60);
    return made;
  }
  static httplib::MultipartFormData file(const std::string& name, const std::string& bytes) {
    return {"image", bytes, name, "image/png"};
  }
  // Every refusal is JSON that says why.
  static void expect_refused(const httplib::Result& result, int status) {
    ASSERT_TRUE(result) << httplib::to_string(result.error());
    EXPECT_EQ(result->status, status) << result->body;
    EXPECT_EQ(result->get_header_value("Content-Type"), "application/json");
    EXPECT_NE(json::parse(result->body)["error"].get<std::string>(), "");
  }
  static void expect_alive() {
    const auto result = client()->Get("/health");
    ASSERT_TRUE(result);
    EXPECT_EQ(result->status, 200);
  }

  static inline std::unique_ptr<SmallModel> model_;
  static inline std::unique_ptr<RunningProgram> server_;
  static inline int port_ = 0;
};

TEST_F(ServeTest, HealthModelAndPage) {
  EXPECT_EQ(json::parse(client()->Get("/health")->body)["status"], "ok");
  const json model = json::parse(client()->Get("/model")->body);
  EXPECT_EQ(model["model"], model_->path());
  EXPECT_EQ(model["network"], "mobilenet");
  EXPECT_EQ(model["classes"].size(), 3U);
  const auto page = client()->Get("/");
  EXPECT_TRUE(contains(page->get_header_value("Content-Type"), "text/html"));
  EXPECT_TRUE(contains(page->get_header_value("Content-Security-Policy"), "default-src 'none'"));
  EXPECT_FALSE(page->has_header("Access-Control-Allow-Origin"));
  EXPECT_NE(server_->line_with("GET /model 200"), "");
}

TEST_F(ServeTest, PredictsAsThePredictCommandDoes) {
  std::vector<std::string> predict{"predict", model_->path(), "--top", "2", "--json"};
  Files items;
  for (int i = 0; i < 3; ++i) {
    const std::string path = (model_->folder() / (std::to_string(i) + ".png")).string(), bytes = png(i);
    std::ofstream(path, std::ios::binary) << bytes;
    items.push_back({"file" + std::to_string(9 - i), bytes, path, "image/png"});
    predict.push_back(path);
  }
  json expected = json::parse(run_program(predict).output);
  const auto result = client()->Post("/predict", items);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, 200);
  json found = json::parse(result->body);
  for (auto* document : {&found, &expected}) {
    for (auto& prediction : (*document)["predictions"]) {
      for (auto& one : prediction["classes"]) {  // sums in another order
        one["probability"] = std::round(one["probability"].get<double>() * 1e4) / 1e4;
      }
    }
  }
  EXPECT_EQ(found, expected);
  EXPECT_NE(found["predictions"][0]["classes"], found["predictions"][1]["classes"]);
}

TEST_F(ServeTest, TakesAPictureAsTheBody) {
  const auto result = client()->Post("/predict?name=my%20photo.png", png(1), "image/png");
  ASSERT_EQ(result->status, 200) << result->body;
  EXPECT_EQ(json::parse(result->body)["predictions"][0]["image"], "my photo.png");
  const auto map = client()->Post("/explain?class=2", png(1), "image/png");
  ASSERT_EQ(map->status, 200) << map->body;
  EXPECT_EQ(map->get_header_value("Content-Type"), "image/png");
  EXPECT_TRUE(map->body.starts_with("\x89PNG"));
  expect_refused(client()->Post("/explain?class=7", png(1), "image/png"), 400);
  EXPECT_EQ(client()->Post("/explain?index=2", png(1), "image/png")->body, map->body);
  for (const char* index : {"7", "-1", "x", ""}) {
    expect_refused(client()->Post(std::string("/explain?index=") + index, png(1), "image/png"), 400);
  }
  expect_refused(client()->Post("/explain", Files{file("a", png(1)), file("b", png(2))}), 400);
}

TEST_F(ServeTest, HeadersAreAnsweredAlone) {
  const auto head = client()->Head("/health");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 200);
  EXPECT_TRUE(head->body.empty());
  EXPECT_EQ(client()->Head("/predict")->status, 405);
}

TEST_F(ServeTest, PartsOfAnAnswerAreNotServed) {
  const auto whole = client()->Get("/model");
  std::string ranges = "bytes=0-";
  for (int i = 0; i < 100; ++i) {
    ranges += ",0-";
  }
  for (const auto& range : {std::string("bytes=0-3"), ranges}) {
    const auto answer = client()->Get("/model", {{"Range", range}});
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, whole->body);
  }
}

TEST_F(ServeTest, ATruncatedPictureHasAnError) {
  const std::string whole = png(2), cut = whole.substr(0, whole.size() / 2);
  const auto both = client()->Post("/predict", Files{file("whole", whole), file("cut", cut)});
  ASSERT_EQ(both->status, 200);
  const json list = json::parse(both->body)["predictions"];
  EXPECT_TRUE(list[0].contains("classes"));
  EXPECT_TRUE(contains(list[1]["error"], "truncated")) << list[1];
  EXPECT_EQ(client()->Post("/predict", cut, "image/png")->status, 422);
  expect_refused(client()->Post("/explain", cut, "image/png"), 422);
}

TEST_F(ServeTest, RefusesWhatIsTooMuch) {
  const std::string large(std::size_t{3} << 20U, 'x');
  expect_refused(client()->Post("/predict", large, "image/png"), 413);
  expect_refused(client()->Post("/predict", Files{file("large", large)}), 413);
  expect_refused(client()->Post("/predict", Files(65, file("a", "x"))), 413);
  expect_alive();
}

TEST_F(ServeTest, AnEndlessBodyEndsItsConnection) {
  std::string request =
      "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nTransfer-Encoding: "
      "chunked\r\n\r\n";
  for (int i = 0; i < 32; ++i) {
    request += "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
  }
  // The rest of a body must not be taken for a request.
  request += "GET /model HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const std::string answer = raw_answer(port_, request);
  EXPECT_FALSE(contains(answer, "\"network\"")) << answer;
  expect_alive();
}

TEST_F(ServeTest, RefusesWhatIsNotWellFormed) {
  const std::string type = "multipart/form-data; boundary=b";
  expect_refused(client()->Post("/predict", "no parts", type.c_str()), 400);
  expect_refused(
      client()->Post("/predict", "--b\r\nContent-Disposition: form-data; name=\"a\"", type.c_str()), 400);
  expect_refused(client()->Post("/predict", png(1), "multipart/form-data"), 400);
  expect_refused(client()->Post("/predict", png(1), "application/x-www-form-urlencoded"), 415);
  expect_refused(client()->Post("/predict", "", "text/plain"), 415);
  expect_refused(client()->Post("/predict", Files(1, {"a", "text", "", ""})), 400);
  for (const char* garbage : {"\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02", "POST /predict HTTP/9.9\r\n\r\n",
                              "POST /predict HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
                              "POST /predict HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n"}) {
    raw_answer(port_, garbage);
    expect_alive();
  }
}

TEST_F(ServeTest, ABodyOfNoUsableLengthIsRefusedAtOnce) {
  const auto answer_to = [](const std::string& first_line, const std::string& headers) {
    return raw_answer(port_, first_line + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n");
  };
  for (const char* path : {"/predict", "/explain"}) {
    const std::string none = answer_to(std::string("POST ") + path, "Content-Type: image/png\r\n");
    EXPECT_TRUE(none.starts_with("HTTP/1.1 400 Bad Request\r\n")) << none;
    EXPECT_TRUE(contains(none, "expected a picture; received none")) << none;
  }
  for (const char* headers :
       {"Content-Length: -5\r\n", "Content-Length: 99999999999999999999\r\n", "Content-Length: 5 6\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: unknown\r\n"}) {
    const std::string answer = answer_to("POST /predict", headers);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 Bad Request\r\n")) << headers << answer;
    EXPECT_TRUE(contains(answer, "expected one Content-Length")) << headers << answer;
  }
  EXPECT_TRUE(answer_to("PUT /predict", "").starts_with("HTTP/1.1 405 "));
  EXPECT_TRUE(answer_to("POST /nothing", "").starts_with("HTTP/1.1 404 "));
  const std::string hidden = "GET /model HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const std::string with_body =
      answer_to("GET /health", "Content-Length: " + std::to_string(hidden.size()) + "\r\n\r\n" + hidden);
  EXPECT_TRUE(contains(with_body, "expected no body with GET")) << with_body;
  EXPECT_FALSE(contains(with_body, "\"network\"")) << with_body;
  expect_alive();
}

// DNS rebinding: a page of another site whose name was pointed at this machine.
TEST_F(ServeTest, ItIsCalledByItsOwnNamesOnly) {
  for (const char* host : {"localhost", "LOCALHOST:80", "127.0.0.1", "127.0.0.1:8080", "[::1]", "[::1]:9"}) {
    EXPECT_EQ(client()->Get("/model", {{"Host", host}})->status, 200) << host;
  }
  for (const char* host : {"evil.example", "evil.example:8080", "localhost.evil.example",
                           "127.0.0.1.evil.example", "[::2]", "x@localhost"}) {
    expect_refused(client()->Get("/model", {{"Host", host}}), 421);
  }
  expect_refused(client()->Post("/predict", {{"Host", "evil.example"}}, png(1), "image/png"), 421);
}

TEST_F(ServeTest, ASlowHeaderEndsItsConnection) {
  EXPECT_TRUE(SlowClient(port_, "GET /health HTTP/1.1\r\nX: ").is_ended(14));
  expect_alive();
}

TEST_F(ServeTest, OtherPathsAndMethods) {
  expect_refused(client()->Get("/nothing"), 404);
  expect_refused(client()->Post("/nothing", png(1), "image/png"), 404);
  const auto wrong = client()->Get("/predict");
  expect_refused(wrong, 405);
  EXPECT_EQ(wrong->get_header_value("Allow"), "POST");
  expect_refused(client()->Get("/a%0Aforged%1B[31m"), 404);
  EXPECT_NE(server_->line_with("forged"), "");
  EXPECT_FALSE(contains(server_->errors(), "\nforged"));
  EXPECT_FALSE(contains(server_->errors(), "\x1b"));
}

TEST_F(ServeTest, TwoClientsAtOnce) {
  const std::string alone[] = {client()->Post("/predict", png(1), "image/png")->body,
                               client()->Post("/predict", png(2), "image/png")->body};
  EXPECT_NE(alone[0], alone[1]);
  std::vector<std::thread> clients;
  for (int which = 0; which < 2; ++which) {
    clients.emplace_back([&, which] {
      const auto own = client();
      own->set_keep_alive(true);
      for (int i = 0; i < 20; ++i) {
        const auto result = own->Post("/predict", png(which + 1), "image/png");
        ASSERT_TRUE(result);
        EXPECT_EQ(result->body, alone[which]);
      }
    });
  }
  for (auto& one : clients) {
    one.join();
  }
}

TEST_F(ServeTest, ATakenPortIsSaid) {
  const auto result = run_program({"serve", model_->path(), "--port", std::to_string(port_)});
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(contains(result.errors, "in use")) << result.errors;
  EXPECT_TRUE(contains(result.errors, "--port")) << result.errors;
}

TEST(Serve, SlowClientsDoNotHoldItsEnd) {
  const SmallModel model;
  RunningProgram server({"serve", model.path(), "--port", "0"});
  const int port = port_of(server);
  const SlowClient header(port, "GET /health HTTP/1.1\r\nX: ");
  const SlowClient body(port, "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\n");
  std::thread sending([&] { EXPECT_TRUE(body.is_ended(9)); });
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(server.end(SIGTERM), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(9));
  EXPECT_TRUE(contains(server.errors(), "ended")) << server.errors();
  sending.join();
}

TEST(Serve, AnyNameReachesAServerThatIsOpenToAll) {
  const SmallModel model;
  RunningProgram server({"serve", model.path(), "--port", "0", "--host", "0.0.0.0"});
  const std::string line = server.line_with("http://0.0.0.0:");
  ASSERT_NE(line, "") << server.errors();
  httplib::Client client("127.0.0.1", std::stoi(line.substr(line.find("0.0.0.0:") + 8)));
  EXPECT_EQ(client.Get("/health", {{"Host", "photos.example"}})->status, 200);
}

TEST(Serve, SignalsEndIt) {
  const SmallModel model;
  for (const int signal : {SIGTERM, SIGINT}) {
    RunningProgram server({"serve", model.path(), "--port", "0"});
    ASSERT_NE(server.line_with("http://"), "") << server.errors();
    EXPECT_EQ(server.end(signal), 0);
    EXPECT_TRUE(contains(server.errors(), "ended")) << server.errors();
  }
}

}  // namespace
}  // namespace headstart::test
