// Pages, curves and event files: well-formed, escaped, self-contained.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "headstart/error.h"
#include "headstart/image.h"
#include "headstart/plot.h"
#include "headstart/tensorboard.h"
#include "headstart/text.h"
#include "report/charts.h"
#include "report/render.h"
#include "report/run_report.h"
#include "report/thumbnail.h"
#include "support/markup.h"
#include "support/temporary_folder.h"

namespace headstart {
namespace {

namespace fs = std::filesystem;

using testing::HasSubstr;
using testing::Not;

class ReportTest : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return folder_ / name; }
  static std::string text_of(const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  test::TemporaryFolder folder_;
};

RunCurves run_of(const std::string& name, int epochs) {
  RunCurves run{.name = name, .history = {}};
  for (int epoch = 1; epoch <= epochs; ++epoch) {
    run.history.push_back({.epoch = epoch,
                           .stage = epoch <= epochs / 2 ? "head" : "fine_tune",
                           .loss = 1.0 / epoch,
                           .accuracy = 1.0 - 0.5 / epoch,
                           .val_loss = 1.2 / epoch,
                           .val_accuracy = 1.0 - 0.6 / epoch,
                           .learning_rate = 0.001,
                           .seconds = 1.5});
  }
  return run;
}

RunReport report_of(const std::string& text) {
  const Image photo{.width = 40, .height = 30, .pixels = std::vector<std::uint8_t>(40 * 30 * 3, 90)};
  const Thumbnail thumbnail{.uri = thumbnail_uri(photo), .caption = text, .detail = "0.98", .path = text};
  const std::vector<float> probabilities{0.8F, 0.2F, 0.3F, 0.7F, 0.6F, 0.4F};
  return {
      .title = text,
      .subject = {.classes = {text, "other"},
                  .network = text,
                  .preprocessing = text,
                  .data_name = text,
                  .split = "validation",
                  .held_out = "held out",
                  .photos = {{.name = text, .train = 100, .validation = 1}, {.name = "other", .train = 10}},
                  .pretrained = true,
                  .same_data = true},
      .facts = {{"data", text}, {text, "value"}},
      .curves = run_of(text, 6),
      .evaluation = measure(Tensor({3, 2}, probabilities), {0, 1, 1}, {text, "other"}),
      .measured_on = text,
      .mistakes = {thumbnail},
      .uncertain = {thumbnail},
      .views = {thumbnail},
      .frozen = {{"head", text}},
      .seconds = {{"training", "1.0 s"}},
      .versions = {{"Headstart", text}},
      .command = text};
}

TEST_F(ReportTest, PageIsWellFormedWhateverTheNamesAre) {
  for (const auto* name : {"roses", "<script>alert('x')</script>", "\"quoted\" & 'so'", "a]]>b --><!--",
                           "bytes \xFF\xFE \x01", "\xC3\xA9t\xC3\xA9"}) {
    const std::string html = report_html(report_of(name));
    EXPECT_EQ(test::markup_fault(html), "") << name;
    EXPECT_THAT(html, Not(HasSubstr("<script")));
    EXPECT_THAT(html, Not(HasSubstr("<!--")));
  }
}

TEST_F(ReportTest, PageNeedsNothingFromElsewhere) {
  const std::string html = report_html(report_of("roses"));
  EXPECT_THAT(html, Not(HasSubstr("http")));
  EXPECT_THAT(html, Not(HasSubstr("url(")));
  EXPECT_THAT(html, HasSubstr("data:image/jpeg;base64,/9j/"));
  for (const auto* title :
       {"The run", "Curves", "Classes", "Confusion", "Reliability", "Most confident mistakes",
        "Least certain", "Augmented views", "Frozen and trained", "Time", "To repeat it"}) {
    EXPECT_THAT(html, HasSubstr(title));
  }
}

TEST_F(ReportTest, TellsWhatIsCalledUnknown) {
  RunReport report = report_of("roses");
  EXPECT_THAT(report_html(report), Not(HasSubstr("unknown")));
  report.known = LimitsReport{.classes = {{.name = "roses", .images = 1, .accepted = 0},
                                          {.name = "other", .images = 2, .accepted = 2}},
                              .images = 3,
                              .accepted = 2};
  const std::string html = report_html(report);
  EXPECT_EQ(test::markup_fault(html), "");
  EXPECT_THAT(html, HasSubstr("33.3&nbsp;%"));
  EXPECT_THAT(html, HasSubstr("called unknown</th>"));
  EXPECT_THAT(html, testing::ContainsRegex(">roses</th>.*<td>1.000</td></tr>"));
  EXPECT_THAT(html, testing::ContainsRegex(">other</th>.*<td>0.000</td></tr>"));
}

TEST_F(ReportTest, TellsOfMultiLabelData) {
  RunReport report = report_of("<roses>");
  report.evaluation.reset();
  report.mistakes.clear();
  const std::vector<float> probabilities{0.8F, 0.9F, 0.3F, 0.7F};
  report.multi_label = measure_multi_label(Tensor({2, 2}, probabilities), {{0, 1}, {}}, {"<roses>", "other"});
  const std::string html = report_html(report), card = model_card(report);
  EXPECT_EQ(test::markup_fault(html), "");
  for (const auto* text : {"mAP", "exactly right", "average precision"}) {
    EXPECT_THAT(html, HasSubstr(text));
  }
  EXPECT_THAT(html, Not(HasSubstr("Confusion")));
  for (const auto* text : {"any number of them", "mean average precision | 1.000", "| other | 1 | 1.000 |"}) {
    EXPECT_THAT(card, HasSubstr(text));
  }
}

TEST_F(ReportTest, PageWithoutMeasurementSaysSo) {
  RunReport report = report_of("roses");
  report.evaluation.reset();
  report.measured_on = "the data are not there";
  const std::string html = report_html(report);
  EXPECT_EQ(test::markup_fault(html), "");
  EXPECT_THAT(html, HasSubstr("the data are not there"));
  EXPECT_THAT(html, Not(HasSubstr("Confusion")));
}

// What stands between the lines of dashes.
std::string front_matter_of(const std::string& card) {
  const auto end = card.find("\n---\n", 4);
  return card.starts_with("---\n") && end != std::string::npos ? card.substr(4, end - 3) : "";
}

TEST_F(ReportTest, CardHasTheFrontMatterOfTheHub) {
  const std::string matter = front_matter_of(model_card(report_of("roses")));
  for (const auto* line :
       {"library_name: headstart\n", "pipeline_tag: image-classification\n", "- \"roses\"\n",
        "      split: \"validation\"\n", "    - type: accuracy\n      value: 0.6667\n"}) {
    EXPECT_THAT(matter, HasSubstr(line));
  }
  EXPECT_THAT(matter, Not(HasSubstr("license")));
}

TEST_F(ReportTest, CardSaysWhatTheFiguresShow) {
  RunReport report = report_of("roses");
  std::string card = model_card(report);
  for (const auto* text :
       {"accuracy | 0.667, 95 % interval 0.208 to 0.939",
        "| roses | 1 | 1.000 | 0.207 to 1.000 | 0.500 | 0.667 |", "worst, by recall: other (0.500)",
        "other taken for roses (1 of 2)", "hardly known: roses (1), other (2)", "not calibrated",
        "100 of roses, 10 of other", "an answer for every photo", "| roses | 100 | 1 | 0 |",
        "pre-trained weights", "headstart predict model.safetensors photo.jpg"}) {
    EXPECT_THAT(card, HasSubstr(text));
  }
  report.known = LimitsReport{.classes = {{.name = "roses", .images = 1, .accepted = 0},
                                          {.name = "other", .images = 2, .accepted = 2}},
                              .images = 3,
                              .accepted = 2};
  report.subject.accepted_share = 0.99;
  report.subject.pretrained = false;
  report.temperature = 1.5;
  card = model_card(report);
  EXPECT_THAT(card, HasSubstr("| roses | 1 | 1.000 | 0.207 to 1.000 | 0.500 | 0.667 | 1.000 |"));
  EXPECT_THAT(card, HasSubstr("called unknown | 33.3 % of them"));
  EXPECT_THAT(card, HasSubstr("at temperature 1.500"));
  EXPECT_THAT(card, Not(HasSubstr("not calibrated")));
  EXPECT_THAT(card, Not(HasSubstr("an answer for every photo")));
  EXPECT_THAT(card, Not(HasSubstr("pre-trained")));
}

TEST_F(ReportTest, CardWithoutMeasurementSaysSo) {
  RunReport report = report_of("roses");
  report.evaluation.reset();
  report.subject.photos.clear();
  report.measured_on = "the data are not there";
  const std::string card = model_card(report);
  EXPECT_THAT(card, HasSubstr("## Results\n\nthe data are not there"));
  EXPECT_THAT(card, Not(HasSubstr("accuracy")));
  EXPECT_THAT(front_matter_of(card), Not(HasSubstr("model-index")));
}

TEST_F(ReportTest, CardEscapesNames) {
  const std::string card = model_card(report_of("a|b\n---\n# <script> *x* \"q\" \xFF"));
  std::istringstream lines(card.substr(front_matter_of(card).size()));
  for (std::string line; std::getline(lines, line);) {
    EXPECT_TRUE(line.starts_with("    ") || line.find("<script>") == std::string::npos) << line;
  }
  EXPECT_THAT(card, HasSubstr("a\\|b --- \\# \\<script\\> \\*x\\* \"q\""));
  EXPECT_THAT(front_matter_of(card), HasSubstr("\"a|b\\n---\\n# <script> *x* \\\"q\\\""));
  EXPECT_EQ(std::count(card.begin(), card.end(), '\xFF'), 0);
}

TEST(MarkupFault, FindsFaults) {
  EXPECT_EQ(test::markup_fault("<!DOCTYPE html>\n<a b=\"c\"><br>x &amp; y</a>"), "");
  EXPECT_NE(test::markup_fault("<a><b></a></b>"), "");
  EXPECT_NE(test::markup_fault("<a>x & y</a>"), "");
  EXPECT_NE(test::markup_fault("<a b=c></a>"), "");
  EXPECT_NE(test::markup_fault("<a>"), "");
}

TEST_F(ReportTest, PlotsBothFormats) {
  const std::vector<RunCurves> runs{run_of("plain", 10), run_of("a <b> \xFF", 5)};
  plot_curves(runs, {}, path("c.svg"));
  const std::string svg = text_of(path("c.svg"));
  EXPECT_TRUE(svg.starts_with("<?xml")) << svg.substr(0, 40);
  EXPECT_EQ(test::markup_fault(svg.substr(svg.find("?>") + 2)), "");
  const std::regex circle("<circle");
  // Both panels: 15 training epochs each, and two dots in the legend.
  EXPECT_EQ(std::distance(std::sregex_iterator(svg.begin(), svg.end(), circle), std::sregex_iterator()), 32);
  plot_curves(runs, {.smoothing = 0.8}, path("c.png"));
  const Image png = read_image(path("c.png"));
  EXPECT_GT(png.width, 1000);
  EXPECT_GT(png.height, 500);
  std::size_t inked = 0;
  for (std::size_t i = 0; i < png.pixels.size(); i += 3) {
    inked += png.pixels[i] < 128 ? 1U : 0U;
  }
  EXPECT_GT(inked, 2000U);  // letters, dots, lines
  EXPECT_THROW(plot_curves(runs, {}, path("c.gif")), Error);
  EXPECT_THROW(plot_curves({{.name = "none", .history = {}}}, {}, path("c.svg")), Error);
}

TEST_F(ReportTest, PlotsTheRateFinder) {
  RateCurve curve{.points = {}, .suggestion = 1e-3};
  for (int i = 0; i <= 60; ++i) {
    const double exponent = -6.0 + 0.1 * i;
    const double loss = exponent < -1.0 ? 2.0 - 0.2 * (exponent + 6.0) : 1.0 + 3.0 * (exponent + 1.0);
    curve.points.push_back({.learning_rate = std::pow(10.0, exponent), .loss = loss, .smoothed = loss});
  }
  plot_rates(curve, path("r.svg"));
  const std::string svg = text_of(path("r.svg"));
  EXPECT_EQ(test::markup_fault(svg.substr(svg.find("?>") + 2)), "");
  for (const char* tick : {">1e-6<", ">1e-3<", ">1e0<"}) {
    EXPECT_THAT(svg, HasSubstr(tick));
  }
  EXPECT_THAT(svg, HasSubstr("0.001"));
  curve.suggestion = 0.0;
  plot_rates(curve, path("none.svg"));
  EXPECT_THAT(text_of(path("none.svg")), HasSubstr("no clear fall"));
  EXPECT_EQ(text_of(path("none.svg")).find("inf"), std::string::npos);
  curve.suggestion = 1e-3;
  plot_rates(curve, path("r.png"));
  EXPECT_GT(read_image(path("r.png")).width, 800);
  curve.points.resize(1);
  EXPECT_THROW(plot_rates(curve, path("r.svg")), Error);
}

TEST_F(ReportTest, SmoothingIsTheCourses) {
  // p = 0.8 p + 0.2 x, from the first value on.
  RunCurves run{.name = "run", .history = {}};
  for (int epoch = 1; epoch <= 3; ++epoch) {
    const double value = epoch == 1 ? 1.0 : 0.0;
    run.history.push_back({.epoch = epoch,
                           .stage = "head",
                           .loss = value,
                           .accuracy = 0.5,
                           .val_loss = value,
                           .val_accuracy = 0.5});
  }
  // Where the second training loss stands between the third (0) and the first (1).
  const auto second = [&](double smoothing) {
    std::vector<double> heights;
    const Drawing drawing = curves_drawing({run}, {.smoothing = smoothing});
    for (const auto& mark : drawing.marks) {
      if (const auto* dot = std::get_if<DotMark>(&mark); dot != nullptr && heights.size() < 3) {
        heights.push_back(dot->at.y);
      }
    }
    return (heights.at(2) - heights.at(1)) / (heights.at(2) - heights.at(0));
  };
  EXPECT_NEAR(second(0.0), 0.0, 1e-9);
  EXPECT_NEAR(second(0.8), (0.8 - 0.64) / (1.0 - 0.64), 1e-9);
  run.history[1].stage = run.history[2].stage = "fine-tune";  // begins with its own first value
  EXPECT_NEAR(second(0.8), second(0.0), 1e-9);
}

TEST_F(ReportTest, HistoryFilesAreRead) {
  std::ofstream(path("history.csv")) << "epoch,stage,loss,accuracy,val_loss,val_accuracy,lr,seconds\n"
                                        "1,head,0.5,0.75,0.625,0.7,0.001,2.5\n";
  const auto run = read_run_curves(folder_.path().string());
  ASSERT_EQ(run.history.size(), 1U);
  EXPECT_EQ(run.history[0].val_loss, 0.625);
  EXPECT_EQ(run.history[0].stage, "head");
  for (const auto* wrong :
       {"", "a,b\n1,2\n", "epoch,stage,loss,accuracy,val_loss,val_accuracy,lr,seconds\n1,head\n",
        "epoch,stage,loss,accuracy,val_loss,val_accuracy,lr,seconds\nx,head,1,1,1,1,1,1\n"}) {
    std::ofstream(path("wrong.csv")) << wrong;
    EXPECT_THROW(read_run_curves(path("wrong.csv")), Error) << wrong;
  }
}

TEST_F(ReportTest, LinesBeginAtTheirFirstPoint) {
  Drawing drawing{.width = 100, .height = 60};
  drawing.marks.emplace_back(TextMark{.at = {10, 15}, .text = "words"});
  drawing.marks.emplace_back(LineMark{.points = {{60, 50}, {90, 50}}});
  drawing.marks.emplace_back(TextMark{.at = {10, 15}, .text = "words"});
  drawing.marks.emplace_back(DotMark{.at = {75, 50}});
  write_drawing_png(drawing, 1.0, path("d.png"));
  const Image png = read_image(path("d.png"));
  for (int x = 0; x < 100; ++x) {  // nothing between the words and the line
    EXPECT_EQ(png.pixels[static_cast<std::size_t>(3 * (30 * 100 + x))], 255) << x;
  }
  EXPECT_LT(png.pixels[std::size_t{3} * (50 * 100 + 70)], 200);
}

TEST(Drawing, TextIsEscapedAndUtf8) {
  EXPECT_EQ(escape_markup("<a href=\"x\">&'"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
  EXPECT_EQ(valid_utf8("\xC3\xA9 \xFF \xC0\xAF"), "\xC3\xA9 \xEF\xBF\xBD \xEF\xBF\xBD\xEF\xBF\xBD");
}

}  // namespace
}  // namespace headstart
