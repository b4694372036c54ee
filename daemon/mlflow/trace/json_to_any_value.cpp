#include "daemon/mlflow/trace/json_to_any_value.hpp"

#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>
#include <protozero/pbf_writer.hpp>

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

// The text with stand-ins for Python's constants; nothing if it has none.
std::optional<std::string> with_stand_ins(std::string_view json) {
  const auto has = [json](std::string_view word) {
    return json.find(word) != std::string_view::npos;
  };
  if (!has("NaN") && !has("Infinity")) return std::nullopt;
  std::string strict = replace_python_constants(json, kStandIns);
  if (strict == json) return std::nullopt;
  return strict;
}

}  // namespace

std::optional<std::string> json_to_any_value(std::string_view json, BigInteger big_integer) {
  if (nests_too_deeply(json)) return std::nullopt;
  Builder builder(big_integer);
  if (nlohmann::json::sax_parse(json, &builder)) return builder.take();
  const auto strict = with_stand_ins(json);
  Builder again(big_integer);
  if (!strict || !nlohmann::json::sax_parse(*strict, &again)) return std::nullopt;
  return again.take();
}

bool is_any_value(std::string_view json) {
  if (nests_too_deeply(json)) return false;
  if (nlohmann::json::accept(json)) return true;
  const auto strict = with_stand_ins(json);
  return strict && nlohmann::json::accept(*strict);
}

bool nests_too_deeply(std::string_view json) {
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
