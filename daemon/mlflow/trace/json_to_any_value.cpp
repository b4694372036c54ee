#include "daemon/mlflow/trace/json_to_any_value.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>
#include <protozero/pbf_writer.hpp>
#include <simdjson.h>

#include "daemon/mlflow/trace/any_value.hpp"
#include "daemon/mlflow/trace/python_json.hpp"

namespace tracelink {
namespace {

// A span attribute's AnyValue is the 6th message of a TracesData; readers stop at 100. An object
// adds three (list, pair, value), an array two.
constexpr int kMessagesLeft = 94;
constexpr int kMessagesPerObject = 3;
constexpr int kMessagesPerArray = 2;

std::string write_bool(bool value) {
  std::string encoded;
  protozero::pbf_writer(encoded).add_bool(2, value);
  return encoded;
}

std::string write_double(double value) {
  std::string encoded;
  protozero::pbf_writer(encoded).add_double(4, value);
  return encoded;
}

std::string write_list(protozero::pbf_tag_type field, std::string_view list) {
  std::string encoded;
  protozero::pbf_writer(encoded).add_message(field, list.data(), list.size());
  return encoded;
}

// Numbers that nobody writes, in the places of Python's constants while the parser reads.
constexpr PythonConstants kStandIns = {
    .nan = "0.00e-00001", .infinity = "0.00e-00002", .minus_infinity = "0.00e-00003"};

std::optional<double> python_constant(std::string_view digits) {
  if (digits == kStandIns.nan) return std::numeric_limits<double>::quiet_NaN();
  if (digits == kStandIns.infinity) return std::numeric_limits<double>::infinity();
  if (digits == kStandIns.minus_infinity) return -std::numeric_limits<double>::infinity();
  return std::nullopt;
}

// The number that begins the text, which Python reads and nlohmann's parser does not hold: an
// integer or a real beyond a double. What stands for it, or nothing.
std::optional<std::string> stand_in_for(std::string_view number, BigInteger big_integer) {
  const std::string text(number);
  if (!std::isinf(std::strtod(text.c_str(), nullptr))) return std::nullopt;
  const bool negative = number.front() == '-';
  if (number.find_first_of(".eE") != std::string_view::npos) {
    return std::string(negative ? kStandIns.minus_infinity : kStandIns.infinity);
  }
  if (big_integer == BigInteger::as_text) return "\"" + text + "\"";
  using Limits = std::numeric_limits<std::int64_t>;
  return std::to_string(negative ? Limits::min() : Limits::max());
}

// With stand-ins for the numbers outside strings that the parser does not hold.
std::string replace_huge_numbers(std::string_view json, BigInteger big_integer) {
  std::string out;
  bool in_string = false;
  for (std::size_t at = 0; at < json.size();) {
    const auto next = json.find_first_of(in_string ? "\"\\" : "\"-123456789", at);
    out += json.substr(at, next - at);
    if (next == std::string_view::npos) break;
    const bool quote = json[next] == '"';
    const auto number_end = json.find_first_not_of("0123456789+-.eE", next);
    const auto end = quote ? next + 1 : in_string ? next + 2 : number_end;
    const auto token = json.substr(next, std::min(end, json.size()) - next);
    in_string ^= quote;
    const bool number = !quote && !in_string;
    const auto stand_in = number ? stand_in_for(token, big_integer) : std::nullopt;
    out += stand_in ? *stand_in : std::string(token);
    at = next + token.size();
  }
  return out;
}

// Builds the AnyValue while nlohmann's parser reads, without a tree in between.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Builder(BigInteger big_integer) : big_integer_(big_integer) {}

  std::string take() { return std::move(result_); }

  bool null() override { return add({}); }
  bool boolean(bool value) override { return add(write_bool(value)); }
  bool number_integer(std::int64_t value) override { return add(write_integer_value(value)); }
  bool number_unsigned(std::uint64_t value) override {
    if (value <= kLargest) return add(write_integer_value(static_cast<std::int64_t>(value)));
    return add_big(std::to_string(value));
  }
  // The parser reports an integer that it cannot hold as a real, with its digits.
  bool number_float(double value, const std::string& digits) override {
    if (const auto constant = python_constant(digits)) return add(write_double(*constant));
    const bool integer = digits.find_first_of(".eE") == std::string::npos;
    return integer ? add_big(digits) : add(write_double(value));
  }
  bool string(std::string& value) override { return add(write_string_value(value)); }
  bool binary(nlohmann::json::binary_t&) override { return false; }

  bool start_object(std::size_t) override { return open(true); }
  bool key(std::string& value) override {
    open_.back().key = std::move(value);
    return true;
  }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(false); }
  bool end_array() override { return close(); }

  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) override {
    return false;
  }

 private:
  static constexpr std::uint64_t kLargest = std::numeric_limits<std::int64_t>::max();

  struct Open {
    bool object = false;
    std::string key;   // of the value being read
    std::string list;  // the encoded values so far
  };

  bool open(bool object) {
    open_.push_back({object, {}, {}});
    return true;
  }

  bool close() {
    const Open done = std::move(open_.back());
    open_.pop_back();
    return add(write_list(done.object ? 6 : 5, done.list));
  }

  bool add_big(const std::string& digits) {
    if (big_integer_ == BigInteger::as_text) return add(write_string_value(digits));
    const bool negative = digits.front() == '-';
    return add(write_integer_value(negative ? std::numeric_limits<std::int64_t>::min()
                                            : std::numeric_limits<std::int64_t>::max()));
  }

  bool add(std::string value) {
    if (open_.empty()) {
      result_ = std::move(value);
      return true;
    }
    Open& parent = open_.back();
    if (parent.object) value = write_key_value(parent.key, value);
    protozero::pbf_writer(parent.list).add_message(1, value.data(), value.size());
    return true;
  }

  BigInteger big_integer_;
  std::vector<Open> open_;
  std::string result_;
};

// The text with stand-ins for what Python reads and the parser does not; nothing if it has none.
std::optional<std::string> with_stand_ins(std::string_view json, BigInteger big_integer) {
  const auto begin = json.find_first_not_of(" \t\r\n");
  const bool prose =
      begin == std::string_view::npos ||
      std::string_view("{[-0123456789NI").find(json[begin]) == std::string_view::npos;
  if (prose) return std::nullopt;
  std::string strict = replace_huge_numbers(replace_python_constants(json, kStandIns), big_integer);
  if (strict == json) return std::nullopt;
  return strict;
}

// Whether simdjson takes the text, which costs a tenth of what nlohmann's parser does. That one
// takes it too, and is asked about what simdjson refuses.
bool is_usual_json(std::string_view json) {
  constexpr std::size_t kMost = 64u << 10;  // the parser keeps its memory for the next text
  if (json.size() > kMost) return false;
  thread_local simdjson::dom::parser parser(kMost);
  return parser.parse(json.data(), json.size()).error() == simdjson::SUCCESS;
}

}  // namespace

std::optional<std::string> json_to_any_value(std::string_view json, BigInteger big_integer) {
  if (nests_too_deeply(json)) return std::nullopt;
  Builder builder(big_integer);
  if (nlohmann::json::sax_parse(json, &builder)) return builder.take();
  const auto strict = with_stand_ins(json, big_integer);
  Builder again(big_integer);
  if (!strict || !nlohmann::json::sax_parse(*strict, &again)) return std::nullopt;
  return again.take();
}

bool is_any_value(std::string_view json) {
  if (nests_too_deeply(json)) return false;
  if (is_usual_json(json) || nlohmann::json::accept(json)) return true;
  const auto strict = with_stand_ins(json, BigInteger::as_text);
  return strict && nlohmann::json::accept(*strict);
}

bool nests_too_deeply(std::string_view json) {
  // Most texts have too few brackets, and counting them is quick.
  const auto at_most = kMessagesPerObject * std::ranges::count(json, '{') +
                       kMessagesPerArray * std::ranges::count(json, '[');
  if (at_most <= kMessagesLeft) return false;
  int messages = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size() && messages <= kMessagesLeft; ++i) {
    const char c = json[i];
    if (c == '"') in_string = !in_string;
    if (in_string) {
      i += c == '\\' ? 1 : 0;
      continue;
    }
    if (c == '{') messages += kMessagesPerObject;
    if (c == '}') messages -= kMessagesPerObject;
    if (c == '[') messages += kMessagesPerArray;
    if (c == ']') messages -= kMessagesPerArray;
  }
  return messages > kMessagesLeft;
}

std::optional<std::string> json_to_string(std::string_view json) {
  if (json.empty() || json.front() != '"') return std::nullopt;
  const auto encoded = json_to_any_value(json, BigInteger::as_text);
  if (!encoded) return std::nullopt;
  const AnyValue value = read_any_value(*encoded);
  return std::string(value.data);
}

}  // namespace tracelink
