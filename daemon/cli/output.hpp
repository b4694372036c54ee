#pragma once

#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>

#include <nlohmann/json_fwd.hpp>
#include <spdlog/fmt/fmt.h>

namespace tracelink::cli {

// Everything that the command line prints goes through here, since peers and servers choose much of
// it: names, ids, error texts. What would drive a terminal or forge a line is shown instead
// (daemon/text/visible_text.hpp).

// A value as it may be printed: texts on one line, numbers as they are.
template <class T>
using Printable = std::conditional_t<std::is_convertible_v<const T&, std::string_view>, std::string,
                                     std::remove_cvref_t<T>>;
std::string printable_text(std::string_view text);

template <class T>
Printable<T> printable(const T& value) {
  if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    return printable_text(value);
  } else {
    return value;
  }
}

// The text on standard output, as it is.
void write_out(std::string_view text);

// False: not all that was printed could be written, e.g. because the disk is full.
bool flush_out();

// Standard output; line breaks come from `format` only.
template <class... Args>
void print(fmt::format_string<Printable<Args>...> format, const Args&... args) {
  const std::tuple<Printable<Args>...> values(printable(args)...);
  const auto formatted = [&](const auto&... value) {
    return fmt::vformat(fmt::string_view(format), fmt::make_format_args(value...));
  };
  write_out(std::apply(formatted, values));
}

// Standard output; bytes that are not UTF-8 become U+FFFD.
void print_json(const nlohmann::json& json);
void print_json(const nlohmann::ordered_json& json);

// The same as one line.
std::string json_line(const nlohmann::json& json);

// An element of an array that is printed piece by piece; the caller prints its end.
void print_json_element(const nlohmann::json& element, bool is_first);

// Replaces the last line of standard error where that is a terminal; an empty text removes it.
void show_progress(std::string_view text);

// Standard error. A message may have several lines; none but the first begins at the margin.
void print_error(std::string_view message);

}  // namespace tracelink::cli
