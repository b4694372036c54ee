#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "daemon/cli/top_view.hpp"

namespace tracelink::cli {

struct ScreenSize {
  std::size_t columns = 80, rows = 24;
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
