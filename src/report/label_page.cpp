// Labels that are probably wrong as a page on which the reader decides.
#include "report/label_page.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "core/parallel.h"
#include "headstart/error.h"
#include "headstart/image.h"
#include "headstart/labels.h"
#include "headstart/text.h"
#include "report/page_style.h"
#include "report/render.h"
#include "report/thumbnail.h"

namespace headstart {
namespace {

std::string picture_of(const std::string& path, const std::string& caption) {
  constexpr int kSide = 224;
  try {
    return fmt::format(
        "<img src=\"{}\" alt=\"{}\" title=\"{}\">",
        thumbnail_uri(read_image(path, {.minimum_width = 2 * kSide, .minimum_height = 2 * kSide}), kSide),
        escape_markup(caption), escape_markup(path));
  } catch (const Error&) {
    return "<div class=\"none\">cannot be read any more</div>";
  }
}

std::string card(const LabelErrors& errors, const LabelCandidate& one, const LabelDecision& line) {
  const std::string given = escape_markup(line.given), suggested = escape_markup(line.suggested);
  const JudgedImage& image = errors.images.at(one.sample);
  return fmt::format(
      "<article class=\"card\" tabindex=\"0\" data-path=\"{0}\" data-given=\"{1}\" data-suggested=\"{2}\" "
      "data-score=\"{3:.4f}\" data-action=\"\">\n{4}\n"
      "<p>{1} <small>{5:.3f}</small> &rarr; <b>{2}</b> <small>{6:.3f}</small></p>\n<p "
      "class=\"path\">{0}</p>\n"
      "<div class=\"choice\"><select aria-label=\"class to relabel to\"></select>"
      "<button value=\"keep\">Keep</button><button value=\"relabel\">Relabel</button>"
      "<button value=\"remove\">Remove</button></div>\n</article>\n",
      escape_markup(line.path), given, suggested, one.score,
      picture_of(image.path, line.given + ", perhaps " + line.suggested), one.given_probability,
      one.suggested_probability);
}

std::string headline(const LabelErrors& errors, std::size_t shown) {
  const auto candidates = errors.learning.candidates.size();
  return "<div class=\"tiles\">\n" +
         tile(with_thousands(static_cast<long long>(candidates)), "photos to look at",
              shown < candidates
                  ? fmt::format("the first {} are here", with_thousands(static_cast<long long>(shown)))
                  : fmt::format("of {}", with_thousands(static_cast<long long>(errors.images.size())))) +
         tile(fmt::format("{:.1f}&nbsp;%", 100.0 * errors.learning.wrong), "wrong labels",
              "estimated, of all") +
         tile(fmt::format("{:.1f}&nbsp;%", 100.0 * errors.accuracy), "agreement",
              "of heads that have not seen the photo") +
         "</div>\n";
}

std::string class_table(const LabelErrors& errors) {
  std::string out =
      "<section>\n<h2>Classes</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">class</th>"
      "<th scope=\"col\">photos</th><th scope=\"col\">estimated wrong</th></tr></thead>\n<tbody>\n";
  for (std::size_t c = 0; c < errors.class_names.size(); ++c) {
    out += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td><td>{:.1f}&nbsp;%</td></tr>\n",
                       escape_markup(errors.class_names[c]), with_thousands(errors.support[c]),
                       100.0 * errors.learning.wrong_of_class[c]);
  }
  return out + "</tbody></table></div>\n</section>\n";
}

// Within a script element nothing may look like its end.
std::string class_list(const LabelErrors& errors) {
  nlohmann::json names = nlohmann::json::array();
  for (const auto& name : errors.class_names) {
    names.push_back(valid_utf8(name));
  }
  std::string text = names.dump(), safe;
  for (const char c : text) {
    safe += c == '<' ? "\\u003c" : std::string(1, c);
  }
  return safe;
}

std::vector<std::string> cards_of(const LabelErrors& errors, const std::string& data, std::size_t shown) {
  const auto list = suggestions(errors, data);
  std::vector<std::string> cards(shown);
  parallel_for(shown, 0,
               [&](std::size_t i) { cards[i] = card(errors, errors.learning.candidates[i], list[i]); });
  return cards;
}

}  // namespace

void write_label_page(const LabelErrors& errors, const std::string& data, std::size_t most,
                      const std::string& path) {
  const auto cards = cards_of(errors, data, std::min(most, errors.learning.candidates.size()));
  const std::string title = escape_markup("Labels of " + data);
  write_file_atomically(path, [&](std::ostream& out) {
    out << fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n"
        "<title>{0}</title>\n<style>\n{1}{2}</style>\n</head>\n<body>\n<main>\n<h1>{0}</h1>\n",
        title, page_style(), kLabelPageStyle);
    out << headline(errors, cards.size()) << class_table(errors);
    out << fmt::format(
        "<p class=\"note\">The surest first. Decide with the buttons; or click a photo and use the keys "
        "<kbd>k</kbd> keep, <kbd>r</kbd> relabel, <kbd>x</kbd> remove, which go on to the next. "
        "Then save the list and run <b>headstart relabel {} labels.csv</b>.</p>\n<div class=\"cards\">\n",
        escape_markup(data));
    for (const auto& one : cards) {
      out << one;
    }
    out << fmt::format(
        "</div>\n</main>\n<div class=\"bar\"><span id=\"state\" role=\"status\"></span>"
        "<button id=\"all\">Relabel the undecided</button><button id=\"save\" class=\"save\">Save the "
        "list</button>"
        "</div>\n<script type=\"application/json\" id=\"classes\">{}</script>\n<script>\n{}</script>\n"
        "</body>\n</html>\n",
        class_list(errors), kLabelPageScript);
  });
}

}  // namespace headstart
