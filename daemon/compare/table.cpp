#include "daemon/compare/table.hpp"

#include <algorithm>

#include <spdlog/fmt/fmt.h>

#include "daemon/base/visible_text.hpp"
#include "daemon/compare/format.hpp"
#include "daemon/compare/notes.hpp"

namespace tracelink::compare {
namespace {

constexpr std::size_t kWidth = 80;
constexpr std::size_t kLabelWidth = 20, kBaselineWidth = 9, kValueWidth = 8, kDeltaWidth = 9;
constexpr std::size_t kOthersInBlock = 3;
constexpr std::size_t kMessagesShown = 3;

char letter(std::size_t index) { return static_cast<char>('A' + index); }

std::string line(std::string_view text) { return fitted(text, kWidth) + "\n"; }

std::string legend(const Comparison& comparison) {
  std::string text;
  for (std::size_t i = 0; i < comparison.versions.size(); ++i) {
    const LoggedModel& model = comparison.versions[i].model;
    const std::string id = visible_text(model.model_id);
    const std::size_t left = kWidth - 4 - std::min(columns_of(id), kWidth / 2);
    text += line(fmt::format("{}  {} {}", letter(i),
                             padded_right(fitted(visible_text(model.name), left), 24), id));
  }
  return text;
}

// Which versions stand side by side: the first one, and three others from `first` on.
struct Block {
  std::size_t first, end;
};

std::vector<Block> blocks_of(std::size_t versions) {
  std::vector<Block> blocks;
  for (std::size_t first = 1; first < versions; first += kOthersInBlock) {
    blocks.push_back({first, std::min(first + kOthersInBlock, versions)});
  }
  return blocks;
}

std::string heading(const Block& block) {
  std::string text = std::string(kLabelWidth, ' ') + padded_left("A", kBaselineWidth);
  for (std::size_t i = block.first; i < block.end; ++i) {
    text += padded_left(std::string(1, letter(i)), kValueWidth) + std::string(kDeltaWidth, ' ');
  }
  return line(text.substr(0, text.find_last_not_of(' ') + 1));
}

// A label that is too long has a line of its own.
std::string labelled(const std::string& label, const std::string& values) {
  const std::string shown = visible_text(label);
  if (columns_of(shown) <= kLabelWidth) return line(padded_right(shown, kLabelWidth) + values);
  return line(shown) + line(std::string(kLabelWidth, ' ') + values);
}

std::string row_text(const Row& row, const Block& block) {
  std::string values = padded_left(value_text(row.cells.front().value, row.unit), kBaselineWidth);
  for (std::size_t i = block.first; i < block.end; ++i) {
    values += padded_left(value_text(row.cells[i].value, row.unit), kValueWidth);
    values += padded_left(difference_text(row.cells[i], row.unit), kDeltaWidth);
  }
  return labelled(row.label, values.substr(0, values.find_last_not_of(' ') + 1));
}

std::string block_text(const Comparison& comparison, const Block& block) {
  std::string text = "\n" + heading(block);
  for (const Row& row : comparison.rows) {
    if (!row.is_detail) text += row_text(row, block);
  }
  return text;
}

std::string differing_text(const char* title, const Differing& differing) {
  std::string text;
  for (const auto& [key, values] : differing) {
    text += line(fmt::format("\n{} {}", title, visible_text(key)));
    for (std::size_t i = 0; i < values.size(); ++i) {
      text += line(fmt::format("  {}  {}", letter(i), visible_text(values[i].value_or("–"))));
    }
  }
  return text;
}

std::string errors_text(const Comparison& comparison) {
  std::string text;
  for (std::size_t i = 0; i < comparison.versions.size(); ++i) {
    const ErrorMessages& errors = comparison.versions[i].errors;
    if (errors.messages.empty()) continue;
    text += line(fmt::format("\nerrors of {}, the newest {}", letter(i), errors.read));
    for (std::size_t at = 0; at < std::min(kMessagesShown, errors.messages.size()); ++at) {
      const auto& [message, times] = errors.messages[at];
      text += line(fmt::format("  {:>4}x  {}", times, visible_text(message)));
    }
  }
  return text;
}

bool has_mark(const Comparison& comparison) {
  return std::ranges::any_of(comparison.rows, [](const Row& row) {
    return !row.is_detail && std::ranges::any_of(row.cells, [](const Cell& cell) {
      return cell.to_baseline && cell.to_baseline->test && cell.to_baseline->test->is_significant();
    });
  });
}

std::string explanation(const Comparison& comparison) {
  std::string text = "\nDifferences are to A; pp: percentage points.\n";
  text += has_mark(comparison)
              ? "*  more than chance (p < 0.05 by Fisher's exact or the Mann-Whitney U test, with\n"
                "   Holm's adjustment). The test of latencies is shown with the median.\n"
              : "No difference is more than chance (Fisher's exact and Mann-Whitney U test with\n"
                "Holm's adjustment, p < 0.05).\n";
  for (const std::string& note : notes_of(comparison)) text += line(visible_text(note));
  return text;
}

}  // namespace

std::string table_of(const Comparison& comparison) {
  std::string text = legend(comparison);
  for (const Block& block : blocks_of(comparison.versions.size())) {
    text += block_text(comparison, block);
  }
  text += differing_text("param", comparison.params) + differing_text("tag", comparison.tags);
  return text + errors_text(comparison) + explanation(comparison);
}

}  // namespace tracelink::compare
