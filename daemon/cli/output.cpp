#include "daemon/cli/output.hpp"

#include <cstdio>
#include <iostream>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "daemon/text/visible_text.hpp"

namespace tracelink::cli {

namespace {

template <class Json>
void print_any(const Json& json) {
  write_out(visible_json(json.dump(2, ' ', false, Json::error_handler_t::replace)) + "\n");
}

}  // namespace

std::string printable_text(std::string_view text) { return visible_text(text); }

void write_out(std::string_view text) { std::cout << text; }

bool flush_out() {
  std::cout.flush();
  return std::cout.good() && std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
}

void print_json(const nlohmann::json& json) { print_any(json); }
void print_json(const nlohmann::ordered_json& json) { print_any(json); }

std::string json_line(const nlohmann::json& json) {
  return visible_json(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)) + "\n";
}

void print_json_element(const nlohmann::json& element, bool is_first) {
  write_out(is_first ? "[\n" : ",\n");
  write_out(visible_json(element.dump(2, ' ', false, nlohmann::json::error_handler_t::replace)));
}

void show_progress(std::string_view text) {
  if (::isatty(STDERR_FILENO) == 0) return;
  std::cerr << "\r\x1b[K" << visible_text(text) << std::flush;
}

void print_error(std::string_view message) { std::cerr << visible_lines(message) << "\n"; }

}  // namespace tracelink::cli
