#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace tracelink::cli {

struct ScreenSize {
  std::size_t columns = 80, rows = 24;
};

// Two looks at a daemon's status (docs/control-api.md), and where the cursor is.
struct TopView {
  nlohmann::json now;
  std::optional<nlohmann::json> before;  // nothing: no rates yet
  double seconds = 0;                    // between the two
  std::size_t selected = 0;              // of what is held
};

struct TopScreen {
  std::vector<std::string> lines;          // at most `rows`, none longer than `columns`
  std::optional<std::size_t> highlighted;  // the line of the selected scope
};

// What `tracelink top` shows. Texts of peers cannot drive the terminal. Pure.
TopScreen top_screen(const TopView& view, ScreenSize size);

// How many things are held, over which the cursor moves.
std::size_t held_count(const nlohmann::json& status);

}  // namespace tracelink::cli
