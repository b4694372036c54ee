#include "daemon/mlflow/trace/json_filter.hpp"

#include <utility>

namespace tracelink {

bool JsonFilter::key(std::string& name) {
  if (unwanted_ > 0) return true;
  Json told(name);
  Open& object = open_.back();
  object.is_wanted = keep_(static_cast<int>(open_.size()), Json::parse_event_t::key, told);
  object.key = std::move(name);
  return true;
}

bool JsonFilter::open(Json value) {
  if (unwanted_ > 0 || !wants_next()) {
    ++unwanted_;
  } else {
    open_.push_back({std::move(value), {}});
  }
  return true;
}

bool JsonFilter::close(bool is_object) {
  if (unwanted_ > 0) {
    --unwanted_;
    return true;
  }
  Json value = std::move(open_.back().value);
  open_.pop_back();
  const bool is_wanted =
      !is_object || keep_(static_cast<int>(open_.size()), Json::parse_event_t::object_end, value);
  return is_wanted ? add(std::move(value)) : true;
}

bool JsonFilter::add(Json value) {
  if (unwanted_ > 0 || !wants_next()) return true;
  if (open_.empty()) {
    root_ = std::move(value);
    return true;
  }
  Open& parent = open_.back();
  if (parent.value.is_array()) {
    parent.value.push_back(std::move(value));
  } else {
    parent.value[parent.key] = std::move(value);
  }
  return true;
}

}  // namespace tracelink
