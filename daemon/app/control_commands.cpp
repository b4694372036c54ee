#include "daemon/app/control_commands.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "config/key_table.hpp"
#include "config/value.hpp"
#include "daemon/app/model_json.hpp"
#include "daemon/app/options.hpp"
#include "daemon/app/requested_link.hpp"
#include "daemon/codec/name_template.hpp"
#include "daemon/report/log_event.hpp"
#include "daemon/text/utc_time.hpp"

namespace tracelink {

namespace {

using nlohmann::ordered_json;

ControlReply json_reply(const ordered_json& json) {
  return {200, json.dump(-1, ' ', false, ordered_json::error_handler_t::replace)};
}

ControlReply reply_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::invalid:
      return error_reply(400, error.message);
    case ErrorCode::closed:
    case ErrorCode::timeout:
    case ErrorCode::unavailable:
    case ErrorCode::no_space:
      return error_reply(503, error.message);
    default:
      return error_reply(500, error.message);
  }
}

using Body = std::map<std::string, std::string>;

// The request's texts by key; nothing unless it is an object of texts with known keys, or empty.
std::optional<Body> body_of(const ControlRequest& request, const std::set<std::string>& known) {
  if (request.body.empty()) return Body();
  const auto json = ordered_json::parse(request.body, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  Body body;
  for (const auto& [key, value] : json.items()) {
    if (!value.is_string() || !known.contains(key)) return std::nullopt;
    body[key] = value.get<std::string>();
  }
  return body;
}

// What an operator calls it.
std::string scope_of(const std::string& service) {
  return service.empty() ? "all services" : "service " + service;
}

std::string text_in(const Body& body, const char* key) {
  const auto found = body.find(key);
  return found == body.end() ? "" : found->second;
}

Result<LinkDefinition> link_asked_for(const std::string& word, const Body& body,
                                      const ControlParts& parts) {
  const ExperimentRef experiment{.id = text_in(body, "experiment_id"),
                                 .name = text_in(body, "experiment_name")};
  if (!experiment.id.empty() && !experiment.name.empty()) {
    return Error{ErrorCode::invalid, "experiment_id together with experiment_name"};
  }
  const auto configured = parts.delivery.registration(parts.active.configured());
  return requested_link(word, link_of(parts.config),
                        configured ? configured->model : std::optional<ResolvedModel>(),
                        experiment);
}

// Registers the model, and waits until its state is known as far as it is.
void register_now(const LinkHash& link, const LinkDefinition& definition, Delivery& delivery) {
  delivery.want(link, definition);
  (void)delivery.call([] {}).has_value();  // the state shows in status anyway
}

ControlReply set_active(const Body& body, const ControlParts& parts) {
  const auto model = body.find("model");
  if (model == body.end()) return error_reply(400, "\"model\" is missing: a name or an id");
  const std::string name = text_in(body, "service");
  const auto definition = link_asked_for(model->second, body, parts);
  if (!definition) return reply_of(definition.error());
  const std::string now = utc_iso(parts.clock.wall());
  const auto link = parts.active.set(name, *definition, now);
  if (!link) return reply_of(link.error());
  LogEvent("active model set")
      .text("model", model->second)
      .text("for", scope_of(name))
      .word("link", link->hex())
      .info();
  register_now(*link, *definition, parts.delivery);
  ordered_json json{{"service", name},
                    {"destination", display(*find_key("destination"), parts.config)},
                    {"registers_models", is_tracking_server(parts.config.destination)}};
  json.update(override_json({*definition, *link, now}, parts.delivery));
  return json_reply(json);
}

ControlReply clear_active(const Body& body, const ControlParts& parts) {
  const std::string name = text_in(body, "service");
  const auto cleared = parts.active.clear(name);
  if (!cleared) return reply_of(cleared.error());
  if (*cleared) LogEvent("active model cleared").text("for", scope_of(name)).info();
  ordered_json json{{"cleared", *cleared}};
  json["active"] = active_json(parts.active, parts.delivery);
  return json_reply(json);
}

std::vector<KnownLink> known_links(const ControlParts& parts) {
  std::vector<KnownLink> known;
  for (auto& [link, definition] : parts.queue.links()) {
    if (definition.undecided) continue;  // what is found in its place is relinked
    const auto status = parts.delivery.registration(link);
    known.push_back({link, definition, status ? status->model : std::nullopt});
  }
  return known;
}

bool is_active(const LinkHash& link, const ActiveLinks& active) {
  const auto overrides = active.overrides();
  const auto entries = overrides->entries();
  return link == (overrides->all ? overrides->all->link : active.configured()) ||
         std::ranges::any_of(entries,
                             [&](const ActiveOverride* entry) { return entry->link == link; });
}

ControlReply relink(const Body& body, const ControlParts& parts) {
  const auto from_word = body.find("from");
  const auto to_word = body.find("to");
  if (from_word == body.end() || to_word == body.end()) {
    return error_reply(400, "\"from\" and \"to\" are needed");
  }
  const auto from = meant_link(from_word->second, known_links(parts));
  if (!from) return reply_of(from.error());
  const auto definition = link_asked_for(to_word->second, body, parts);
  if (!definition) return reply_of(definition.error());
  if (is_template(*definition)) {
    return error_reply(400, "'" + to_word->second + "' is made of attributes: name one model");
  }
  const auto to = parts.queue.remember_link(*definition);
  if (!to) return reply_of(to.error());
  if (*from == *to) return error_reply(400, "the traces have that link already");
  const Relink relink{*from, *to, parts.clock.wall()};
  const auto moved = parts.delivery.relink(relink);
  if (!moved) return reply_of(moved.error());
  LogEvent("relinked")
      .text("from", from_word->second)
      .word("from_link", from->hex())
      .text("to", to_word->second)
      .word("to_link", to->hex())
      .number("traces", *moved)
      .info();
  register_now(*to, *definition, parts.delivery);
  ordered_json json{{"from_link", from->hex()},
                    {"to_link", to->hex()},
                    {"at", utc_iso(relink.at)},
                    {"traces", *moved},
                    {"still_active", is_active(*from, parts.active)},
                    {"to", model_json(*definition, parts.delivery.registration(*to))}};
  return json_reply(json);
}

ControlReply reload(Reload& reload) {
  const Reload::Report report = reload.run();
  return json_reply({{"taken_up", report.change.taken_up},
                     {"restart", report.change.restart},
                     {"overridden", report.change.overridden},
                     {"errors", report.errors}});
}

ControlReply upgrade(const ControlParts& parts) {
  const auto asked = parts.upgrade();
  if (!asked) return reply_of(asked.error());
  return json_reply({{"upgrading", true}});
}

// "/dead-letters/<id>" and "/dead-letters/<id>/replay".
std::optional<ControlReply> dead_letter_command(const ControlRequest& request, Delivery& delivery) {
  constexpr std::string_view kFolder = "/dead-letters/";
  constexpr std::string_view kReplay = "/replay";
  std::string_view id = request.target;
  if (!id.starts_with(kFolder)) return std::nullopt;
  id.remove_prefix(kFolder.size());
  const bool replay = request.method == "POST";
  if (replay && !id.ends_with(kReplay)) return std::nullopt;
  if (replay) id.remove_suffix(kReplay.size());
  const std::string letter(id);
  const auto done =
      replay ? delivery.replay_dead_letter(letter) : delivery.remove_dead_letter(letter);
  if (!done) return reply_of(done.error());
  const char* what = replay ? "replayed" : "removed";
  LogEvent(std::string("dead letter ") + what).text("id", letter).info();
  return json_reply({{what, letter}});
}

}  // namespace

ControlReply handle_command(const ControlRequest& request, const ControlParts& parts) {
  const bool post = request.method == "POST";
  const bool remove = request.method == "DELETE";
  if (!post && !remove) return error_reply(405, "only GET, POST and DELETE are known here");
  if (request.target == "/active-model") {
    const auto body = body_of(request, {"model", "service", "experiment_id", "experiment_name"});
    if (!body) return error_reply(400, R"(the body is {"model": "…", "service": "…"})");
    return post ? set_active(*body, parts) : clear_active(*body, parts);
  }
  if (request.target == "/relinks" && post) {
    const auto body = body_of(request, {"from", "to", "experiment_id", "experiment_name"});
    if (!body) return error_reply(400, R"(the body is {"from": "…", "to": "…"})");
    return relink(*body, parts);
  }
  if (request.target == "/reload" && post) return reload(parts.reload);
  if (request.target == "/upgrade" && post) return upgrade(parts);
  if (auto reply = dead_letter_command(request, parts.delivery)) return *std::move(reply);
  return error_reply(404, "no such resource; see docs/control-api.md");
}

}  // namespace tracelink
