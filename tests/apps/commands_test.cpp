// What the commands give: JSON documents with the promised keys, files, broken images.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "headstart/image.h"
#include "headstart/npy.h"
#include "run_program.h"
#include "support/file_size_limit.h"
#include "support/markup.h"
#include "support/paths.h"
#include "support/temporary_folder.h"

namespace headstart::test {
namespace {

using nlohmann::json;

class CommandsTest : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return folder_ / name; }

  // A picture of one colour.
  std::string picture(const std::string& name, std::uint8_t red, std::uint8_t blue) const {
    std::filesystem::create_directories((folder_.path() / name).parent_path());
    Image image{.width = 32, .height = 32, .pixels = {}};
    for (int i = 0; i < 32 * 32; ++i) {
      image.pixels.insert(image.pixels.end(), {red, static_cast<std::uint8_t>(i % 7), blue});
    }
    write_png(image, path(name));
    return path(name);
  }

  test::TemporaryFolder folder_;
};

json document(const std::vector<std::string>& arguments, int status = 0) {
  const auto result = run_program(arguments);
  EXPECT_EQ(result.status, status) << result.errors;
  return json::parse(result.output);
}

bool has_keys(const json& object, const std::vector<const char*>& keys) {
  for (const char* key : keys) {
    if (!object.contains(key)) {
      ADD_FAILURE() << "no " << key << " in " << object.dump();
      return false;
    }
  }
  return true;
}

// Well-formed, self-contained, with its sections.
void expect_page(const std::string& file, const char* command = "headstart train") {
  const std::string page = text_of(file);
  EXPECT_EQ(markup_fault(page), "");
  EXPECT_EQ(page.find("http"), std::string::npos);
  EXPECT_EQ(page.find("<script"), std::string::npos);
  for (const char* part : {"<h2>Curves</h2>", "<h2>Confusion</h2>", "<h2>Least certain</h2>",
                           "data:image/jpeg;base64,", command}) {
    EXPECT_NE(page.find(part), std::string::npos) << part;
  }
}

TEST_F(CommandsTest, Models) {
  const auto list = document({"models", "--json"});
  ASSERT_GE(list.size(), 10U);
  EXPECT_TRUE(has_keys(
      list[0], {"name", "parameters", "depth", "size_bytes", "input_size", "top1", "top5", "cached"}));
  const auto vgg16 =
      std::find_if(list.begin(), list.end(), [](const json& row) { return row["name"] == "vgg16"; });
  EXPECT_EQ((*vgg16)["multiply_adds"], 15'470'264'320);
}

TEST_F(CommandsTest, ModelsTable) {
  const auto result = run_program({"models"});
  EXPECT_EQ(result.status, 0);
  EXPECT_NE(result.output.find("138,357,544"), std::string::npos) << result.output;
  EXPECT_NE(result.output.find(" 15.5 G "), std::string::npos) << result.output;
}

TEST_F(CommandsTest, SummaryOfTheNotesBase) {
  const auto summary = document({"summary", "vgg16", "--no-top", "--input-size", "150", "--json"});
  EXPECT_EQ(summary["multiply_adds"], 6'615'491'328);
  EXPECT_EQ(summary["parameters"], 14'714'688);
  EXPECT_TRUE(has_keys(summary, {"name", "trainable_parameters", "non_trainable_parameters"}));
  const auto& layer = summary["layers"].back();
  EXPECT_TRUE(has_keys(
      layer, {"name", "type", "output_shape", "parameters", "trainable", "inputs", "multiply_adds"}));
  EXPECT_EQ(layer["name"], "block5_pool");
  EXPECT_EQ(layer["output_shape"], json::parse("[null, 4, 4, 512]"));
}

// The networks of the course notes: a head on a base, and a network of layers alone.
TEST_F(CommandsTest, SummaryWithAHead) {
  const std::vector<std::string> vgg{
      "summary", "VGG-16", "--input-size", "150", "--json", "--head", "flatten,dense:256:relu,dense"};
  auto open = vgg;
  open.insert(open.end(), {"--freeze", "none"});
  const auto frozen = document(vgg), trainable = document(open);
  EXPECT_EQ(frozen["parameters"], 16'812'353);
  EXPECT_EQ(frozen["trainable_parameters"], 2'097'665);
  EXPECT_EQ(frozen["trainable_weights"], 4);
  EXPECT_EQ(trainable["trainable_parameters"], 16'812'353);
  EXPECT_EQ(trainable["trainable_weights"], 30);
  const auto inception = document({"summary", "InceptionV3", "--input-size", "160", "--json", "--head",
                                   "flatten,dense:512:relu,dropout:0.5,dense:softmax"});
  EXPECT_EQ(inception["parameters"], 31'241'506);
  EXPECT_EQ(inception["trainable_parameters"], 9'438'722);
  const auto small =
      document({"summary", "none", "--input-size", "28x28x1", "--classes", "10", "--json", "--head",
                "conv:8:5:same,maxpool,dropout:0.25,conv:16:3:same,maxpool,dropout:0.25,"
                "flatten,dense:256:relu,dropout:0.5,dense"});
  EXPECT_EQ(small["parameters"], 204'906);
  EXPECT_EQ(small["layers"][7]["output_shape"], json::parse("[null, 784]"));
}

// The notes freeze a base before anything stands on it.
TEST_F(CommandsTest, SummaryOfAFrozenBase) {
  const auto all = document({"summary", "inception_v3", "--no-top", "--freeze", "all", "--json"});
  EXPECT_EQ(all["trainable_parameters"], 0);
  EXPECT_EQ(all["non_trainable_parameters"], 21'802'784);
  EXPECT_EQ(all["layers"].size(), 311U);
  const auto blocks =
      document({"summary", "vgg16", "--no-top", "--input-size", "300", "--freeze", "block3_conv1", "--json"});
  EXPECT_EQ(blocks["non_trainable_parameters"], 260'160);
  EXPECT_EQ(document({"summary", "vgg16", "--freeze", "none", "--json"})["non_trainable_parameters"], 0);
}

TEST_F(CommandsTest, ModelsKnowsTheFileWithoutTheTop) {
  HEADSTART_NEEDS_SHARED();
  const std::string file = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5";
  std::filesystem::create_directories(path("cache/weights"));
  std::filesystem::copy_file(shared_path("weights/" + file), path("cache/weights/" + file));
  const auto list = json::parse(run_program({"models", "--json"}, path("cache")).output);
  for (const auto& row : list) {
    const bool here = row["name"] == "mobilenet_v2" && row["flavour"] == "keras";
    EXPECT_EQ(row["cached_no_top"], here) << row["name"];
    EXPECT_EQ(row["cached"], false) << row["name"];
  }
  EXPECT_NE(run_program({"models"}, path("cache")).output.find("cached, no top"), std::string::npos);
}

TEST_F(CommandsTest, TheFolderOfARunIsItsModel) {
  HEADSTART_NEEDS_SHARED();
  std::filesystem::create_directories(path("run"));
  const std::vector<std::string> convert{"convert", shared_path("weights/cifar10_resnet20.th"),
                                         path("run/model.safetensors"), "--arch", "resnet20_cifar"};
  ASSERT_EQ(run_program(convert).status, 0);
  EXPECT_EQ(document({"summary", path("run"), "--json"})["parameters"],
            document({"summary", "resnet20_cifar", "--json"})["parameters"]);
}

TEST_F(CommandsTest, AFullDiskIsAnErrorForAKerasFile) {
  HEADSTART_NEEDS_SHARED();
  const FileSizeLimit limit(300'000);
  const auto result = run_program(
      {"convert", shared_path("weights/cifar10_resnet20.th"), path("w.h5"), "--arch", "resnet20_cifar"});
  EXPECT_EQ(result.status, 1) << result.errors;  // -1: a signal ended it
  EXPECT_FALSE(std::filesystem::exists(path("w.h5")));
}

TEST_F(CommandsTest, PredictGoesOnAfterABrokenImage) {
  const auto good = picture("good.png", 200, 30);
  std::ofstream(path("broken.jpg")) << "this is text";
  const auto result =
      document({"predict", "resnet20_cifar", "--weights", "none", path("broken.jpg"), good, "--json"}, 1);
  ASSERT_EQ(result["predictions"].size(), 2U);
  EXPECT_TRUE(has_keys(result["predictions"][0], {"image", "error"}));
  EXPECT_FALSE(result["predictions"][0].contains("classes"));
  const auto& classes = result["predictions"][1]["classes"];
  ASSERT_EQ(classes.size(), 5U);
  EXPECT_TRUE(has_keys(classes[0], {"index", "id", "name", "probability"}));
  EXPECT_GE(classes[0]["probability"], classes[1]["probability"]);
}

TEST_F(CommandsTest, SaysUnknownOfPhotosOfNoClass) {
  for (int i = 0; i < 60; ++i) {
    const auto name = std::to_string(i) + ".png";
    picture("data/blue/" + name, static_cast<std::uint8_t>(i / 2), static_cast<std::uint8_t>(250 - i));
    picture("data/red/" + name, static_cast<std::uint8_t>(250 - i), static_cast<std::uint8_t>(i / 2));
  }
  picture("strange/violet.png", 200, 200);
  const auto trained = run_program({"train", path("data"), "--base", "none", "--input-size", "32", "--head",
                                    "conv:8,gap,dense", "--lr", "0.05", "--epochs", "8", "--no-report",
                                    "--out", path("run/")});
  ASSERT_EQ(trained.status, 0) << trained.errors;
  EXPECT_NE(trained.output.find("model: " + path("run/model.safetensors")), std::string::npos)
      << trained.output;
  EXPECT_NE(trained.errors.find("24 validation photos are accepted"), std::string::npos) << trained.errors;
  const std::string model = path("run/model.safetensors"), strange = path("strange/violet.png");
  EXPECT_NE(run_program({"predict", model, strange}).output.find("  unknown (nearest: "), std::string::npos);
  EXPECT_EQ(run_program({"predict", model, strange, "--no-unknown"}).output.find("unknown"),
            std::string::npos);
  const std::vector<std::string> explain{"explain", model, strange, "--out", path("cam.png")};
  EXPECT_NE(run_program(explain).output.find("violet.png  unknown (nearest: "), std::string::npos);
  auto all = explain;
  all.emplace_back("--no-unknown");
  EXPECT_EQ(run_program(all).output.find("unknown"), std::string::npos);
  all.back() = "--json";
  EXPECT_EQ(document(all)["images"][0]["unknown"], true);
  const auto known = document({"predict", model, strange, path("data/red/30.png"), "--json"});
  EXPECT_EQ(known["predictions"][0]["unknown"], true);
  EXPECT_GT(known["predictions"][0]["strangeness"], 1.0);
  EXPECT_EQ(known["predictions"][1]["unknown"], false);
  // One colour a photo: so regular that the extremes of a class lie beyond those of its 12 validation photos.
  const auto evaluation = document({"evaluate", model, path("data"), "--precision", "f32", "--json"});
  EXPECT_LE(evaluation["unknown"], 0.2);
  EXPECT_NEAR(evaluation["unknown"].get<double>(),
              (evaluation["classes"][0]["unknown"].get<double>() +
               evaluation["classes"][1]["unknown"].get<double>()) /
                  2,
              1e-12);
  EXPECT_FALSE(document({"evaluate", model, path("data"), "--no-unknown", "--json"})["classes"][0].contains(
      "unknown"));
  const auto calibration = document({"calibrate", model, path("data"), "--split", "all", "--accept", "0.9",
                                     "--outside", path("strange"), "--json"});
  EXPECT_EQ(calibration["accepted"]["images"], 120);
  EXPECT_EQ(calibration["outside"]["unknown"], 1);
  EXPECT_EQ(calibration["outside"]["auroc"], 1.0);
  const auto without =
      document({"calibrate", model, path("data"), "--split", "all", "--accept", "0", "--json"});
  EXPECT_FALSE(without.contains("accepted"));
  EXPECT_FALSE(document({"predict", model, strange, "--json"})["predictions"][0].contains("unknown"));
}

TEST_F(CommandsTest, TrainEvaluatePredict) {
  for (int i = 0; i < 10; ++i) {
    const auto name = std::to_string(i) + ".png";
    picture("data/blue/" + name, static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(250 - i));
    picture("data/red/" + name, static_cast<std::uint8_t>(250 - i), static_cast<std::uint8_t>(i));
  }
  const auto trained =
      run_program({"train", path("data"), "--base", "none", "--input-size", "32", "--head",
                   "conv:4,gap,dense:softmax", "--lr", "0.05", "--epochs", "20", "--out", path("run")});
  ASSERT_EQ(trained.status, 0) << trained.errors;
  EXPECT_EQ(run_program({"convert", path("run"), path("trained.pth")}).status, 0);
  for (const char* file :
       {"model.safetensors", "history.csv", "config.json", "report.html", "model_card.md"}) {
    EXPECT_TRUE(std::filesystem::exists(folder_.path() / "run" / file)) << file;
  }
  const auto evaluation = document({"evaluate", path("run/model.safetensors"), path("data"), "--json"});
  EXPECT_TRUE(has_keys(evaluation, {"images", "loss", "accuracy", "top5_accuracy", "balanced_accuracy",
                                    "classes", "confusion"}));
  EXPECT_EQ(evaluation["accuracy"], 1.0);
  EXPECT_EQ(evaluation["accuracy_interval"].size(), 2U);
  EXPECT_LT(evaluation["accuracy_interval"][0].get<double>(), 1.0);
  EXPECT_TRUE(has_keys(evaluation["classes"][0],
                       {"recall_interval", "name", "precision", "recall", "f1", "support"}));
  EXPECT_TRUE(has_keys(evaluation, {"top", "macro_f1", "calibration_error", "reliability"}));
  expect_page(path("run/report.html"));
  const auto calibration =
      document({"calibrate", path("run/model.safetensors"), path("data"), "--split", "all", "--json"});
  EXPECT_TRUE(has_keys(calibration, {"model", "images", "temperature", "before", "after"}));
  EXPECT_EQ(calibration["fitted"], false) << "all are answered rightly";
  EXPECT_EQ(calibration["temperature"], 1.0);
  const auto calibrated =
      document({"evaluate", path("run/model.safetensors"), path("data"), "--split", "all", "--json"});
  EXPECT_NEAR(calibrated["loss"], calibration["after"]["loss"], 1e-6);
  const auto averaged = document(
      {"evaluate", path("run/model.safetensors"), path("data"), "--split", "all", "--tta", "--json"});
  EXPECT_EQ(averaged["accuracy"], 1.0);
  const auto card = text_of(path("run/model_card.md"));
  for (const auto* text : {"\n  - task:\n", "| blue | 8 | 2 | 0 |", "      value: 1.0000\n", "random values",
                           "headstart train ", "20 % of every class, held out"}) {
    EXPECT_NE(card.find(text), std::string::npos) << text << card;
  }
  EXPECT_EQ(run_program({"report", path("run"), path("data")}).status, 0);
  expect_page(path("run/report.html"));
  EXPECT_NE(text_of(path("run/report.html")).find("Measured on 4 images: the validation part"),
            std::string::npos);
  for (int i = 0; i < 3; ++i) {
    picture("others/blue/" + std::to_string(i) + ".png", 40, 190);
    picture("others/red/" + std::to_string(i) + ".png", 190, 40);
  }
  EXPECT_EQ(run_program({"report", path("run"), path("others")}).status, 0);
  EXPECT_NE(text_of(path("run/report.html")).find("Measured on 6 images: the photos of others"),
            std::string::npos);
  const auto on = run_program({"train", path("data"), "--base", path("run"), "--head", "keep", "--epochs",
                               "2", "--lr", "1e-6", "--out", path("on"), "--no-report"});
  EXPECT_EQ(on.status, 0) << on.errors;
  EXPECT_NE(on.output.find("val_accuracy 1.0000"), std::string::npos)
      << "the head knows already" << on.output;
  EXPECT_EQ(run_program({"plot", path("run"), "--out", path("c.png")}).status, 0);
  EXPECT_GT(read_image(path("c.png")).width, 1000);
  const auto again =
      run_program({"train", "--config", path("run/config.json"), "--out", path("again"), "--quiet"});
  EXPECT_EQ(again.status, 0) << again.errors;
  EXPECT_EQ(again.output.substr(0, again.output.find('\n')),
            trained.output.substr(0, trained.output.find('\n')));
}

TEST_F(CommandsTest, AddClassesLeavesARunAsTrainDoes) {
  for (int i = 0; i < 20; ++i) {
    const auto name = std::to_string(i) + ".png";
    const auto tone = static_cast<std::uint8_t>(i), bright = static_cast<std::uint8_t>(250 - i);
    picture("data/blue/" + name, tone, bright);
    picture("data/red/" + name, bright, tone);
    picture("more/blue/" + name, tone, bright);
    picture("more/red/" + name, bright, tone);
    picture("more/violet/" + name, bright, bright);
    picture("only/violet/" + name, bright, bright);
  }
  ASSERT_EQ(run_program({"train", path("data"), "--base", "none", "--input-size", "32", "--head",
                         "conv:8,gap,dense", "--lr", "0.05", "--epochs", "8", "--no-report", "--accept",
                         "0.9", "--validation-fraction", "0.5", "--out", path("run")})
                .status,
            0);
  const auto model = path("run/model.safetensors");
  const std::vector<std::string> add{"add-classes", path("run"), path("more"), "--epochs",
                                     "6",           "--out",     path("wider")};
  const auto added = run_program(add);
  ASSERT_EQ(added.status, 0) << added.errors;
  for (const char* file :
       {"model.safetensors", "history.csv", "config.json", "report.html", "model_card.md"}) {
    EXPECT_TRUE(std::filesystem::exists(folder_.path() / "wider" / file)) << file;
  }
  expect_page(path("wider/report.html"), "headstart add-classes");
  const auto page = text_of(path("wider/report.html"));
  for (const auto* text :
       {"Measured on 12 images", "classes added", "violet, to ", "headstart add-classes "}) {
    EXPECT_NE(page.find(text), std::string::npos) << text;
  }
  EXPECT_EQ(run_program({"report", path("wider")}).status, 0);
  EXPECT_NE(text_of(path("wider/report.html")).find("Measured on 12 images"), std::string::npos);
  EXPECT_EQ(run_program({"plot", path("wider"), "--out", path("c.svg")}).status, 0);
  const auto config = path("wider/config.json");
  const auto again = run_program({"add-classes", "--config", config, "--out", path("again"), "--quiet"});
  EXPECT_EQ(again.status, 0) << again.errors;
  EXPECT_EQ(text_of(path("again/history.csv")).substr(0, 100),
            text_of(path("wider/history.csv")).substr(0, 100));
  const auto refused = run_program({"train", "--config", config, "--out", path("no")});
  EXPECT_EQ(refused.status, 1);
  EXPECT_NE(refused.errors.find("received one of \"add-classes\""), std::string::npos) << refused.errors;
  // One folder is enough where the model knows what the old classes look like.
  const auto alone =
      run_program({"add-classes", model, path("only"), "--epochs", "2", "--out", path("alone")});
  EXPECT_EQ(alone.status, 0) << alone.errors;
  const auto sparse = text_of(path("alone/report.html"));
  EXPECT_NE(sparse.find("Measured on 4 images"), std::string::npos);
  EXPECT_NE(sparse.find("There are no photos of blue, red"), std::string::npos);
}

TEST_F(CommandsTest, ForwardHoldsAgainstItselfAndNotAgainstAnother) {
  Tensor input({2, 32, 32, 3});
  for (std::int64_t i = 0; i < input.size(); ++i) {
    input[i] = static_cast<float>(i % 17) - 8.0F;
  }
  write_npy(input, path("x.npy"));
  const std::vector<std::string> forward{"forward", "resnet20_cifar", "--weights", "none",
                                         "--input", path("x.npy"),    "--out"};
  auto first = forward;
  first.push_back(path("y.npy"));
  EXPECT_EQ(run_program(first).status, 0);
  EXPECT_EQ(read_npy(path("y.npy")).shape(), (Shape{2, 10}));
  auto second = forward;
  second.insert(second.end(), {path("z.npy"), "--against", path("y.npy")});
  EXPECT_EQ(run_program(second).status, 0);
  second.insert(second.end(), {"--seed", "5"});
  EXPECT_EQ(run_program(second).status, 1);
}

TEST_F(CommandsTest, FeaturesHaveTheirPathsBesideThem) {
  picture("photos/a.png", 1, 2);
  picture("photos/b.png", 3, 4);
  const auto result = run_program(
      {"features", "resnet20_cifar", "--weights", "none", path("photos"), "--out", path("f.npy")});
  EXPECT_EQ(result.status, 0) << result.errors;
  EXPECT_EQ(read_npy(path("f.npy")).shape(), (Shape{2, 10}));
  std::ifstream csv(path("f.csv"));
  std::string header, row;
  std::getline(csv, header);
  std::getline(csv, row);
  EXPECT_EQ(header, "row,path,label,split");
  EXPECT_EQ(row, "0," + path("photos/a.png") + ",,");
}

TEST_F(CommandsTest, FeaturesLeaveTheListOfPhotosAlone) {
  picture("a.png", 1, 2);
  picture("b.png", 3, 4);
  std::ofstream(path("f.csv")) << "path,label\na.png,a\nb.png,b\n";
  const auto before = text_of(path("f.csv"));
  const auto result =
      run_program({"features", "resnet20_cifar", "--weights", "none", path("f.csv"), "--out", path("f.npy")});
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.errors.find("choose another name"), std::string::npos) << result.errors;
  EXPECT_EQ(text_of(path("f.csv")), before);
}

TEST_F(CommandsTest, ExplainWritesASheetAndTheMapsAsNumbers) {
  const auto photo = picture("photos/a.png", 200, 2);
  picture("photos/b.png", 3, 4);
  const std::vector<std::string> network{"explain", "resnet20_cifar", "--weights", "none"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), network.begin(), network.end());
    return more;
  };
  const auto one = document(
      with({photo, "--class", "top3", "--out", path("cam.png"), "--heatmap", path("h.npy"), "--json"}));
  EXPECT_TRUE(has_keys(one, {"model", "method", "out", "images", "classes"}));
  ASSERT_EQ(one["images"][0]["classes"].size(), 3U);
  EXPECT_TRUE(
      has_keys(one["images"][0]["classes"][0], {"index", "name", "probability", "maximum", "border"}));
  EXPECT_EQ(read_npy(path("h.npy")).shape(), (Shape{3, 8, 8}));
  const Image sheet = read_image(path("cam.png"));
  EXPECT_GT(sheet.width, 4 * 32);
  EXPECT_GT(sheet.height, 32);

  const auto folder =
      document(with({path("photos"), "--method", "occlusion", "--out", path("sheet.png"), "--json"}));
  EXPECT_EQ(folder["images"].size(), 2U);
  EXPECT_TRUE(std::filesystem::exists(path("sheet.png")));

  std::ofstream(path("photos/broken.jpg")) << "no picture";
  EXPECT_EQ(
      run_program(with({path("photos"), "--out", path("sheet.png"), "--heatmap", path("rest.npy")})).status,
      1);
  EXPECT_EQ(read_npy(path("rest.npy")).shape(), (Shape{2, 8, 8}));
  EXPECT_EQ(run_program(with({path("photos/broken.jpg"), "--out", path("none.png")})).status, 1);
  EXPECT_FALSE(std::filesystem::exists(path("none.png")));
}

TEST_F(CommandsTest, ExplainOfAFolderWithoutReadablePhotosIsADocumentToo) {
  std::filesystem::create_directory(path("broken"));
  std::ofstream(path("broken/a.jpg")) << "no picture";
  const auto result = run_program({"explain", "resnet20_cifar", "--weights", "none", path("broken"), "--out",
                                   path("none.png"), "--heatmap", path("none.npy"), "--json"});
  EXPECT_EQ(result.status, 1);
  const auto said = json::parse(result.output, nullptr, false);
  ASSERT_TRUE(has_keys(said, {"model", "method", "out", "images", "classes"})) << result.output;
  EXPECT_TRUE(said["out"].is_null());
  EXPECT_TRUE(has_keys(said["images"][0], {"image", "error"}));
  EXPECT_FALSE(std::filesystem::exists(path("none.png")) || std::filesystem::exists(path("none.npy")));
}

TEST_F(CommandsTest, PhotosAreNotWrittenOver) {
  const auto photo = picture("photos/a.png", 200, 2);
  const auto page = picture("page.html", 3, 4);  // told by content
  const std::string photo_bytes = text_of(photo), page_bytes = text_of(page);
  const std::vector<std::string> network{"resnet20_cifar", "--weights", "none"};
  const auto fails = [&](const std::string& command, std::vector<std::string> more) {
    more.insert(more.begin(), network.begin(), network.end());
    more.insert(more.begin(), command);
    const auto result = run_program(more);
    EXPECT_EQ(result.status, 1);
    EXPECT_NE(result.errors.find("none of the photos"), std::string::npos) << result.errors;
  };
  fails("explain", {photo, "--out", photo});
  fails("explain", {path("photos"), "--out", path("photos/../photos/a.png")});
  fails("explain", {photo, "--kind", "activations", "--out", photo});
  fails("explain", {photo, "--kind", "neighbours", "--data", path("photos"), "--out", photo});
  fails("explore", {page, "--out", page});
  EXPECT_NE(run_program({"augment", photo, "--out", photo}).status, 0);
  EXPECT_EQ(text_of(photo), photo_bytes);
  EXPECT_EQ(text_of(page), page_bytes);
}

TEST_F(CommandsTest, ExplainRefusesWhatIsNotThere) {
  const auto photo = picture("photos/a.png", 200, 2);
  const auto fails = [&](std::vector<std::string> more, int status, const std::string& reason) {
    more.insert(more.begin(), {"explain", "resnet20_cifar", "--weights", "none", photo});
    const auto result = run_program(more);
    EXPECT_EQ(result.status, status) << reason;
    EXPECT_NE(result.errors.find(reason), std::string::npos) << result.errors;
  };
  fails({"--out", path("x.png"), "--layer", "layer3.2.relu9"}, 1, "did you mean");
  fails({"--out", path("x.png"), "--class", "12"}, 1, "from 0 to 9");
  fails({"--out", path("x.jpg")}, 2, ".png");
  fails({"--out", path("x.png"), "--heatmap", photo}, 2, "called .npy");
  fails({"--out", path("x.png"), "--kind", "gradients", "--lr", "-1"}, 2, "expected a number above 0");
  fails({"--out", path("x.png"), "--method", "gradcan"}, 2, "gradcam, gradcam++");
  fails({"--out", path("x.png"), "--method", "rollout"}, 1, "vision transformer");
  fails({"--out", path("x.png"), "--colormap", "jett"}, 2, "viridis");
  fails({"--out", path("x.png"), "--kind", "neighbours"}, 2, "--data");
  fails({"--out", path("x.png"), "--filter", "1"}, 2, "does nothing with --kind gradcam, but with maximize");
  fails({"--out", path("x.png"), "--kind", "activations", "--heatmap", "h.npy"}, 2, "does nothing with");
  fails({"--out", path("x.png"), "--method", "occlusion", "--layer", "x"}, 2, "does nothing with --method");
  fails({"--out", path("x.png"), "--kind", "maximize", "--class", "1", "--filter", "0"}, 2, "either");
  fails({"--out", path("x.png"), "--kind", "maximize", "--filter", "1,x"}, 2, "numbers of filters");
  EXPECT_EQ(run_program({"explain", "resnet20_cifar", "--weights", "none", "--out", path("x.png")}).status,
            2);
}

TEST_F(CommandsTest, ExplainShowsWhatIsInside) {
  const auto photo = picture("photos/reds/a.png", 200, 2);
  picture("photos/blues/b.png", 3, 200);
  const auto made = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"explain", "resnet20_cifar", "--weights", "none", "--classes", "2", "--out",
                               path("x.png"), "--json"});
    auto result = document(more);
    EXPECT_TRUE(std::filesystem::remove(path("x.png")));
    return result;
  };
  EXPECT_EQ(made({"--kind", "filters"})["filters"], 16);
  EXPECT_EQ(made({photo, "--kind", "activations"})["layers"].size(), 3U);
  const auto unit = made({"--kind", "maximize", "--class", "1", "--steps", "5"})["units"][0];
  EXPECT_GT(unit["after"].get<double>(), unit["before"].get<double>());
  const auto nearest = made({photo, "--kind", "neighbours", "--data", path("photos")})["neighbours"];
  EXPECT_EQ(nearest[0]["label"], "reds");
  EXPECT_EQ(made({"--kind", "maximize", "--filter", "0,2", "--steps", "1"})["units"][1]["unit"], 2);
  EXPECT_NEAR(nearest[0]["similarity"].get<double>(), 1.0, 1e-4);
  std::ofstream(path("photos/blues/broken.jpg")) << "no picture";
  const auto some = run_program({"explain", "resnet20_cifar", "--weights", "none", photo, "--kind",
                                 "neighbours", "--data", path("photos"), "--out", path("x.png")});
  EXPECT_NE(some.errors.find("skipped " + path("photos/blues/broken.jpg")), std::string::npos) << some.errors;
  EXPECT_TRUE(std::filesystem::remove(path("x.png")) &&
              std::filesystem::remove(path("photos/blues/broken.jpg")));
  const auto layers = made({path("photos"), "--kind", "gradients"})["layers"];
  EXPECT_GT(layers.size(), 20U);
  EXPECT_TRUE(has_keys(layers[0], {"layer", "parameters", "weights", "gradient", "update"}));
}

TEST_F(CommandsTest, ExploreSaysWhenAPageCannotBeAsSmallAsAsked) {
  const auto photo = picture("photo.png", 200, 2);
  const auto notes = [&](const std::string& size) {
    return run_program({"explore", "mobilenet", "--alpha", "0.25", "--weights", "none", "--max-size", "1",
                        "--input-size", size, photo, "--out", path("page.html")})
        .errors;
  };
  EXPECT_NE(notes("224").find("more than --max-size 1"), std::string::npos);
  EXPECT_EQ(notes("64").find("more than --max-size"), std::string::npos);
}

TEST_F(CommandsTest, MobileNetKnowsTheCat) {
  HEADSTART_NEEDS_SHARED();
  const auto result = document({"predict", "mobilenet", "--alpha", "0.25", "--weights",
                                shared_path("weights/mobilenet_v1_0.25_224.h5"),
                                shared_path("data/photos/n02123045_tabby.JPEG"), "--json"});
  const std::string name = result["predictions"][0]["classes"][0]["name"];
  EXPECT_TRUE(name == "Egyptian_cat" || name == "tabby") << name;
}

TEST_F(CommandsTest, ConvertAccountsForEveryTensor) {
  HEADSTART_NEEDS_SHARED();
  const std::vector<std::string> call{"convert", shared_path("weights/cifar10_resnet20.th"),
                                      path("m.safetensors"), "--json"};
  auto right = call;
  right.insert(right.end(), {"--arch", "resnet20_cifar"});
  const auto report = document(right);
  EXPECT_TRUE(has_keys(report, {"mapped", "missing", "unused", "parameters"}));
  EXPECT_TRUE(report["missing"].empty());
  EXPECT_TRUE(report["unused"].empty());
  auto wrong = call;
  wrong[2] = path("w.safetensors");
  wrong.insert(wrong.end(), {"--arch", "vgg16"});
  EXPECT_FALSE(document(wrong, 1)["missing"].empty());
  EXPECT_FALSE(std::filesystem::exists(path("w.safetensors")));
}

TEST_F(CommandsTest, LabelsAreFoundMendedAndPutBack) {
  for (int i = 0; i < 24; ++i) {
    const auto shade = static_cast<std::uint8_t>(4 * i);
    picture("photos/blue/" + std::to_string(i) + ".png", shade, 220);
    picture("photos/red/" + std::to_string(i) + ".png", 220, shade);
  }
  picture("photos/blue/misplaced, \"red\".png", 230, 20);
  const std::vector<std::string> base{"--base", "resnet20_cifar", "--weights", "none"};
  const auto with_base = [&base](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), base.begin(), base.end());
    return arguments;
  };
  const auto report = document(with_base(
      {"labels", path("photos"), "--json", "--out", path("labels.csv"), "--page", path("labels.html")}));
  ASSERT_TRUE(has_keys(report, {"images", "accuracy", "wrong", "classes", "confident_joint", "candidates",
                                "unjudged", "unreadable"}));
  EXPECT_EQ(report["images"], 49);
  ASSERT_EQ(report["candidates"].size(), 1U);
  EXPECT_EQ(report["candidates"][0]["path"], path("photos/blue/misplaced, \"red\".png"));
  EXPECT_EQ(report["candidates"][0]["given"], "blue");
  EXPECT_EQ(report["candidates"][0]["suggested"], "red");
  std::string page, list;
  std::getline(std::ifstream(path("labels.html")), page, '\0');
  EXPECT_NE(page.find("misplaced, &quot;red&quot;.png"), std::string::npos);
  std::getline(std::ifstream(path("labels.csv")), list, '\0');
  const std::string row = "\"blue/misplaced, \"\"red\"\".png\",blue,red,";
  ASSERT_NE(list.find(row), std::string::npos) << list;

  EXPECT_NE(run_program({"relabel", path("photos"), path("labels.csv")}).output.find("nothing to do"),
            std::string::npos);
  list.insert(list.size() - 1, "relabel");
  std::ofstream(path("decided.csv")) << list;
  const std::vector<std::string> relabel{"relabel", path("photos"), path("decided.csv")};
  const auto dry = run_program({"relabel", path("photos"), path("decided.csv"), "--dry-run"});
  EXPECT_NE(dry.output.find("blue -> red"), std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(path("photos/blue/misplaced, \"red\".png")));
  const auto done = run_program(relabel);
  EXPECT_EQ(done.status, 0) << done.errors;
  EXPECT_NE(done.output.find("1 relabelled, 0 removed"), std::string::npos) << done.output;
  EXPECT_TRUE(std::filesystem::exists(path("photos/red/misplaced, \"red\".png")));
  EXPECT_EQ(run_program(relabel).status, 1);  // the list is older than the data now
  EXPECT_EQ(run_program({"relabel", path("photos")}).status, 2);
  EXPECT_EQ(run_program({"relabel", path("photos"), "--undo", path("photos.undo.csv")}).status, 0);
  EXPECT_TRUE(std::filesystem::exists(path("photos/blue/misplaced, \"red\".png")));
}

TEST_F(CommandsTest, LabelsOfVeryFewPhotos) {
  picture("photos/blue/0.png", 0, 220);
  picture("photos/blue/1.png", 10, 220);
  picture("photos/red/0.png", 220, 0);
  picture("photos/red/1.png", 220, 10);
  picture("photos/green/0.png", 100, 100);
  const auto report =
      document({"labels", path("photos"), "--base", "resnet20_cifar", "--weights", "none", "--json"});
  EXPECT_EQ(report["images"], 4);
  EXPECT_EQ(report["unjudged"], json::array({path("photos/green/0.png")}));
}

TEST_F(CommandsTest, ConfigSaysWhatFollowsFromNoOption) {
  for (const char* name :
       {"data/train/a/1.png", "data/train/a/2.png", "data/train/b/1.png", "data/train/b/2.png"}) {
    picture(name, name[11] == 'a' ? 200 : 20, 90);
  }
  const std::vector<std::string> train{
      "train",        path("data"), "--base",      "mobilenet", "--alpha",  "0.25",
      "--input-size", "32",         "--weights",   "none",      "--epochs", "1",
      "--out",        path("run"),  "--no-report", "--quiet",   "--decay",  "0.5"};
  ASSERT_EQ(run_program(train).status, 0);
  const auto config = json::parse(text_of(path("run/config.json")));
  EXPECT_EQ(config["command"]["head"], "gap,dropout:0.3,dense");
  EXPECT_EQ(config["command"]["freeze"], "all");
  EXPECT_EQ(config["train"]["head"]["optimizer"]["decay"], 0.5);
}

TEST_F(CommandsTest, CacheIsVisibleAndCleared) {
  for (const char* name :
       {"data/train/a/1.png", "data/train/a/2.png", "data/train/b/1.png", "data/train/b/2.png"}) {
    picture(name, name[11] == 'a' ? 200 : 20, 90);
  }
  const auto run = [&](const std::vector<std::string>& arguments) {
    return run_program(arguments, path("cache"));
  };
  ASSERT_EQ(run({"train", path("data"), "--base", "mobilenet", "--alpha", "0.25", "--input-size", "32",
                 "--weights", "none", "--epochs", "1", "--out", path("run"), "--quiet"})
                .status,
            0);
  const auto before = json::parse(run({"cache", "--json"}).output);
  EXPECT_GT(before["feature_bytes"].get<int>(), 4 * 256 * 4);
  EXPECT_LE(before["feature_bytes"].get<std::int64_t>(), before["feature_limit_bytes"].get<std::int64_t>());
  // A CPU that multiplies bf16 also has an entry for its choice of the precision.
  EXPECT_EQ(
      std::ranges::count_if(before["entries"], [](const json& entry) { return entry["kind"] == "features"; }),
      1);
  EXPECT_EQ(run({"cache", "--clear"}).status, 0);
  EXPECT_EQ(json::parse(run({"cache", "--json"}).output)["entries"].size(), 0U);
}

}  // namespace
}  // namespace headstart::test
