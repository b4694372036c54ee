#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tracelink {

// The columns of MLflow's database, in code points (docs/mlflow-servers.md#column-limits).
inline constexpr std::size_t kMaxTagKey = 250;
inline constexpr std::size_t kMaxTagValue = 8'000;
inline constexpr std::size_t kMaxTraceName = 4'096;
inline constexpr std::size_t kMaxSpanType = 500;
inline constexpr std::size_t kMaxClientRequestId = 50;
inline constexpr std::size_t kMaxSession = 250;
inline constexpr std::size_t kMaxUser = 8'000;
inline constexpr std::size_t kMaxPreview = 1'000;
inline constexpr std::size_t kMaxInputsMetadata = 250;

// The first `code_points` characters of UTF-8 text.
std::string_view first_code_points(std::string_view text, std::size_t code_points);

// Longer text is cut so that it is exactly `code_points` long with "..." at its end.
std::string cut_with_dots(std::string_view text, std::size_t code_points);

// With U+FFFD for every NUL: PostgreSQL cannot store NUL.
std::string without_nul(std::string_view text);

// Free of NUL and at most `code_points` long: what a column takes.
std::string fit_column(std::string_view text, std::size_t code_points);

}  // namespace tracelink
