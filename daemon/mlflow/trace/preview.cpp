#include "daemon/mlflow/trace/preview.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <ranges>
#include <vector>

#include "daemon/mlflow/trace/json_filter.hpp"
#include "daemon/mlflow/trace/python_json.hpp"
#include "daemon/mlflow/trace/text_limits.hpp"
#include "daemon/text/json_text.hpp"

namespace tracelink {
namespace {

// Everything under other keys is dropped while parsing, so that large payloads cost no memory.
constexpr std::array<std::string_view, 10> kKeys = {"messages", "choices", "message", "input",
                                                    "output",   "request", "role",    "content",
                                                    "type",     "text"};

Json parse_known_keys(std::string_view json) {
  const Json::parser_callback_t keep = [](int, Json::parse_event_t event, Json& parsed) {
    return event != Json::parse_event_t::key ||
           std::ranges::find(kKeys, parsed.get_ref<const std::string&>()) != kKeys.end();
  };
  JsonFilter filter(keep);
  return Json::sax_parse(json, &filter) ? filter.take() : Json(Json::value_t::discarded);
}

const Json* member(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

const Json* non_empty_list(const Json& object, const char* key) {
  const Json* list = member(object, key);
  return list && list->is_array() && !list->empty() ? list : nullptr;
}

bool is_message(const Json& item) { return member(item, "role") && member(item, "content"); }

using Messages = std::vector<const Json*>;

Messages messages_in(const Json& list) {
  Messages messages;
  for (const Json& item : list)
    if (is_message(item)) messages.push_back(&item);
  return messages;
}

// The first shape that fits decides, even if it then holds no message.
Messages find_messages(const Json& object) {
  for (const Json* here = &object; here != nullptr; here = member(*here, "request")) {
    if (const Json* list = non_empty_list(*here, "messages")) return messages_in(*list);
    if (const Json* choices = non_empty_list(*here, "choices")) {
      const Json* message = member(choices->front(), "message");
      if (message && is_message(*message)) return {message};
    }
    if (const Json* list = non_empty_list(*here, "input")) return messages_in(*list);
    if (const Json* list = non_empty_list(*here, "output")) return messages_in(*list);
  }
  return {};
}

const Json& last_of_role(const Messages& messages, std::string_view role) {
  const auto newest_first = messages | std::views::reverse;
  const auto found = std::ranges::find_if(newest_first, [&](const Json* message) {
    const Json& actual = message->at("role");
    return actual.is_string() && actual.get_ref<const std::string&>() == role;
  });
  return found == newest_first.end() ? *messages.back() : **found;
}

bool is_text_part(const Json& part) {
  const Json* type = member(part, "type");
  return type && (*type == "text" || *type == "output_text");
}

// The first part that can hold text decides.
std::string text_of_parts(const Json& parts) {
  for (const Json& part : parts) {
    if (part.is_string()) return part.get<std::string>();
    if (!is_text_part(part)) continue;
    const Json* text = member(part, "text");
    return text && text->is_string() ? text->get<std::string>() : std::string();
  }
  return {};
}

std::string text_of(const Json& message) {
  const Json& content = message.at("content");
  if (content.is_string()) return content.get<std::string>();
  return content.is_array() ? text_of_parts(content) : std::string();
}

// Each costs dozens of bytes once it is parsed, and two in the text: no conversation has so many.
constexpr std::size_t kMaxPreviewValues = 100'000;

// Whether a key that leads to messages may occur. Most inputs and outputs are no conversation, and
// a tree of each would be a tenth of what its delivery costs.
bool may_hold_messages(std::string_view json) {
  constexpr std::array<std::string_view, 5> kLeading = {
      R"("messages")", R"("choices")", R"("input")", R"("output")", R"("request")"};
  const auto occurs = [json](std::string_view key) { return json.find(key) != json.npos; };
  return occurs("\\u") || std::ranges::any_of(kLeading, occurs);  // a key may be escaped
}

std::string message_text(std::string_view json, std::string_view role) {
  const std::size_t first = json.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || json[first] != '{') return {};
  if (!may_hold_messages(json)) return {};
  if (json_extent(json).values > kMaxPreviewValues) return {};
  Json parsed = parse_known_keys(json);
  if (parsed.is_discarded())
    parsed = parse_known_keys(replace_python_constants(json, {"null", "null", "null"}));
  const Messages messages = find_messages(parsed);
  return messages.empty() ? std::string() : text_of(last_of_role(messages, role));
}

}  // namespace

std::string preview(std::string_view json, std::string_view role) {
  const std::string text = message_text(json, role);
  return without_nul(cut_with_dots(text.empty() ? json : text, kLongestPreview));
}

}  // namespace tracelink
