#pragma once

#include <cstddef>

namespace tracelink::cli {

// How texts for people are laid out.
struct TextLayout {
  std::size_t columns = 0;  // lines are wrapped there; 0: they are not
  bool colour = false;
};

// Of standard output: its width where it is a terminal, and colour unless NO_COLOR is set or TERM
// is `dumb`. Anything else than a terminal gets lines as they are, for scripts.
TextLayout layout_of_output();

}  // namespace tracelink::cli
