#include "daemon/app/tap_json.hpp"

#include <nlohmann/json.hpp>

#include "daemon/codec/otlp_json.hpp"
#include "daemon/text/utc_time.hpp"

namespace tracelink {
namespace {

using nlohmann::ordered_json;

std::string model_of(const LinkHash& link, const Queue& queue) {
  if (link.is_zero()) return "";
  const auto definition = queue.link(link);
  return definition ? definition->display_name() : "";
}

// Null until the model is known.
ordered_json model_id_of(const LinkHash& link, const Delivery& delivery) {
  const auto registration = delivery.registration(link);
  if (!registration || !registration->model) return nullptr;
  return registration->model->model_id;
}

std::string entry_json(const Tap::Entry& entry, const Queue& queue, const Delivery& delivery) {
  ordered_json head{{"at", utc_iso(entry.at)},
                    {"trace_id", entry.trace_id.hex()},
                    {"spans", entry.spans},
                    {"model", model_of(entry.link, queue)},
                    {"model_id", model_id_of(entry.link, delivery)}};
  if (entry.peer) {
    head["pid"] = entry.peer->pid;
    head["uid"] = entry.peer->uid;
  }
  if (entry.accepted_at) head["accepted_at"] = utc_iso(*entry.accepted_at);
  std::string json = head.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  json.pop_back();
  auto otlp = entry.otlp.empty() ? Result<std::string>("null") : otlp_protobuf_to_json(entry.otlp);
  return json + ",\"otlp\":" + (otlp ? *otlp : "null") + "}";
}

}  // namespace

std::string tap_json(const Tap::View& view, const Queue& queue, const Delivery& delivery) {
  std::string json = "{\"next\":" + std::to_string(view.next) +
                     ",\"lost\":" + std::to_string(view.lost) + ",\"entries\":[";
  for (const auto& entry : view.entries) {
    if (entry != view.entries.front()) json += ",";
    json += entry_json(*entry, queue, delivery);
  }
  return json + "]}";
}

}  // namespace tracelink
