#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace tracelink {

// Keeps the order of keys: the server drops what follows the first value that it cannot read.
using Json = nlohmann::ordered_json;

// Builds of a JSON text, while it is read, what `keep` wants: it is asked at each key, and at the
// end of each object, with how many arrays and objects are open around it. A text of n values costs
// n steps, where nlohmann's own parser with a callback looks through all that is kept of an array
// at the end of each object in it.
class JsonFilter final : public nlohmann::json_sax<Json> {
 public:
  explicit JsonFilter(const Json::parser_callback_t& keep) : keep_(keep) {}

  // Once, after the whole text was read.
  Json take() { return std::move(root_); }

  bool null() override { return add({}); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(Json::number_integer_t value) override { return add(value); }
  bool number_unsigned(Json::number_unsigned_t value) override { return add(value); }
  bool number_float(Json::number_float_t value, const std::string&) override { return add(value); }
  bool string(std::string& value) override { return add(std::move(value)); }
  bool binary(Json::binary_t&) override { return false; }

  bool start_object(std::size_t) override { return open(Json::object()); }
  bool key(std::string& name) override;
  bool end_object() override { return close(true); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_array() override { return close(false); }

  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) override {
    return false;
  }

 private:
  struct Open {
    Json value;
    std::string key;        // of the member that is read
    bool is_wanted = true;  // that member
  };

  bool wants_next() const { return open_.empty() || open_.back().is_wanted; }
  bool open(Json value);
  bool close(bool is_object);
  bool add(Json value);

  const Json::parser_callback_t& keep_;
  std::vector<Open> open_;
  std::size_t unwanted_ = 0;  // arrays and objects that are open inside an unwanted member
  Json root_ = Json(Json::value_t::discarded);
};

}  // namespace tracelink
