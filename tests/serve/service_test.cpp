// What the server answers: as predict does, whatever it is sent.
#include "headstart/serve.h"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "headstart/error.h"
#include "headstart/image.h"
#include "headstart/predict.h"
#include "headstart/zoo.h"
#include "image/encode_jpeg.h"
#include "support/formula.h"
#include "support/temporary_folder.h"

namespace headstart {
namespace {

using nlohmann::json;

Model small_model(const std::string& name = "mobilenet") {
  Model model;
  const auto& which = architecture(name);
  model.graph = build_architecture(which, {.height = 32, .width = 32, .classes = 3});
  model.parameters = test::formula_parameters(model.graph);
  model.preprocessing = default_preprocessing(which, model.graph);
  model.class_names = {"red", "green", "blue"};
  return model;
}

Image picture(int key, int width = 48, int height = 40) {
  Image image{.width = width, .height = height, .pixels = {}};
  for (int i = 0; i < width * height * 3; ++i) {
    image.pixels.push_back(static_cast<std::uint8_t>((i * (key + 3) + i / 97 * key * 11) % 256));
  }
  return image;
}

Upload upload(const std::string& name, const Image& image) {
  const auto png = encode_png(image);
  return {.name = name, .bytes = std::string(png.begin(), png.end())};
}

class ServiceTest : public testing::Test {
 protected:
  Service service{small_model(), "small", {.top = 2, .maximum_pictures = 12, .maximum_pixels = 10'000}};
};

TEST_F(ServiceTest, PredictsAsClassifyDoesOneAndMany) {
  const test::TemporaryFolder folder;
  std::vector<std::string> paths;
  std::vector<Upload> uploads;
  for (int i = 0; i < 11; ++i) {  // a batch, and some one by one
    paths.push_back(folder / (std::to_string(i) + ".png"));
    write_png(picture(i), paths.back());
    uploads.push_back(upload(paths.back(), picture(i)));
  }
  const Model model = small_model();
  Progress silent;
  const json expected = json::parse(predictions_json(model, "small", classify(model, paths, 2, {}, silent)));
  const Answer answer = service.predict(uploads);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.type, "application/json");
  const json found = json::parse(answer.body);
  EXPECT_EQ(found["model"], expected["model"]);
  ASSERT_EQ(found["predictions"].size(), 11U);
  for (std::size_t i = 0; i < 11; ++i) {
    EXPECT_TRUE(i == 0 || found["predictions"][i]["classes"] != found["predictions"][0]["classes"]);
    const json &one = found["predictions"][i], &other = expected["predictions"][i];
    EXPECT_EQ(one["image"], other["image"]);
    ASSERT_EQ(one["classes"].size(), 2U);
    for (std::size_t k = 0; k < 2; ++k) {
      EXPECT_EQ(one["classes"][k]["name"], other["classes"][k]["name"]);
      EXPECT_NEAR(one["classes"][k]["probability"].get<double>(),
                  other["classes"][k]["probability"].get<double>(), 1e-5);
    }
  }
}

TEST_F(ServiceTest, AnUnreadablePictureLeavesTheOthersAlone) {
  Upload cut = upload("cut.png", picture(1));
  cut.bytes.resize(cut.bytes.size() / 2);
  const std::vector<Upload> bad{cut,
                                {.name = "empty", .bytes = ""},
                                {.name = "text\xff", .bytes = "hello"},
                                upload("large", picture(1, 101, 100))};
  auto some = bad;
  some.push_back(upload("good", picture(2)));
  const Answer answer = service.predict(some);
  EXPECT_EQ(answer.status, 200);
  const json list = json::parse(answer.body)["predictions"];
  for (std::size_t i = 0; i < bad.size(); ++i) {
    EXPECT_NE(list[i]["error"], "") << i;
    EXPECT_FALSE(list[i].contains("classes")) << i;
  }
  EXPECT_EQ(list[4]["classes"].size(), 2U);
  EXPECT_NE(list[3]["error"].get<std::string>().find("10000 pixels"), std::string::npos) << list[3];
  EXPECT_EQ(service.predict(bad).status, 422);
}

TEST_F(ServiceTest, RefusesNothingAndTooMany) {
  EXPECT_EQ(service.predict({}).status, 400);
  const Answer answer = service.predict(std::vector<Upload>(13, upload("a", picture(1))));
  EXPECT_EQ(answer.status, 413);
  EXPECT_NE(json::parse(answer.body)["error"].get<std::string>().find("at most 12"), std::string::npos);
}

TEST_F(ServiceTest, ExplainsWithAPictureOfTheSameSize) {
  const Upload photo = upload("photo", picture(5));
  for (const char* class_name : {"", "blue", "0"}) {
    const Answer answer = service.explain(photo, class_name);
    ASSERT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.type, "image/png");
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(answer.body.data());
    const Image made = decode_image(std::span(bytes, answer.body.size()));
    EXPECT_EQ(made.width, 48);
    EXPECT_EQ(made.height, 40);
    EXPECT_NE(made.pixels, picture(5).pixels);
  }
  EXPECT_EQ(service.explain(photo, "purple").status, 400);
  EXPECT_EQ(service.explain({.name = "x", .bytes = "GIF89a"}, "").status, 422);
}

// A kernel that looks at single pixels sees another picture when a JPEG was averaged while decoding.
TEST(Service, ExplainsAPhotoAsPredictReadsIt) {
  Model model = small_model();
  model.preprocessing.kernel = ResizeKernel::nearest;
  Service service(std::move(model), "small", {});
  const auto jpeg = encode_jpeg(picture(2, 2400, 2200), 90);
  const Upload photo{.name = "a.jpg", .bytes = std::string(jpeg.begin(), jpeg.end())};
  const Answer answer = service.explain(photo, "red");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, service.explain(upload("a.png", decode_image(jpeg)), "red").body);
}

std::int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t pages = 0, resident = 0;
  statm >> pages >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

// The maps of a class stay the same whoever asked before, and the memory stays what it was.
TEST_F(ServiceTest, ExplainsAgainAndAgainInTheSameMemory) {
  const Upload photo = upload("photo", picture(5));
  const std::string blue = service.explain(photo, "blue").body, red = service.explain(photo, "red").body;
  EXPECT_NE(blue, red);
  const auto ask = [&](int times) {
    for (int i = 0; i < times; ++i) {
      service.explain(upload("other", picture(i % 7)), "green");
      EXPECT_EQ(service.explain(photo, "blue").body, blue);
      EXPECT_EQ(service.explain(photo, "red").body, red);
    }
  };
  ask(20);
  const std::int64_t before = resident_bytes();
  ask(100);
  // One program of this network is 13 MB of weights; the allocator may keep a page here and there.
  EXPECT_LT(resident_bytes() - before, 4 << 20);
}

TEST_F(ServiceTest, ManyAskAtOnce) {
  const std::vector<Upload> one{upload("one", picture(7))};
  const std::string expected = service.predict(one).body;
  std::vector<std::thread> clients;
  std::vector<std::string> answers(8);
  for (auto& answer : answers) {
    clients.emplace_back([&] {
      for (int i = 0; i < 5; ++i) {
        answer = service.predict(one).body;
        EXPECT_EQ(service.explain(one.front(), "").status, 200);
      }
    });
  }
  for (auto& client : clients) {
    client.join();
  }
  for (const auto& answer : answers) {
    EXPECT_EQ(answer, expected);
  }
}

TEST(Service, NamesTheNetworkThatAModelWasTrainedFrom) {
  Model model = small_model();
  model.provenance["architecture"] = "mobilenet_v2";
  const Service trained(std::move(model), "run", {});
  EXPECT_EQ(json::parse(trained.description().body)["network"], "mobilenet_v2");
}

TEST_F(ServiceTest, DescribesTheModel) {
  const json model = json::parse(service.description().body);
  EXPECT_EQ(model["model"], "small");
  EXPECT_EQ(model["input_size"], (json{32, 32}));
  EXPECT_EQ(model["classes"][2]["name"], "blue");
  EXPECT_EQ(model["precision"], "f32");
  EXPECT_EQ(model["top"], 2);
  EXPECT_GT(model["parameters"].get<int>(), 3'000'000);
}

TEST(Service, ThePageNeedsNothingElse) {
  const Answer page = Service::page();
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.body.find("http"), std::string::npos);
  EXPECT_EQ(page.body.find("src="), std::string::npos);
}

TEST(Service, RefusesWhatIsNoClassifierOfPictures) {
  Model headless = small_model();
  headless.graph =
      build_architecture(architecture("mobilenet"), {.height = 32, .width = 32, .include_top = false});
  EXPECT_THROW(Service(std::move(headless), "headless", {}), Error);
}

}  // namespace
}  // namespace headstart
