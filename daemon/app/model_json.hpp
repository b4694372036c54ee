#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "daemon/app/active_links.hpp"
#include "daemon/app/delivery.hpp"
#include "daemon/control/control_server.hpp"
#include "daemon/mlflow/registration/registration.hpp"
#include "daemon/types/link_definition.hpp"

namespace tracelink {

// The word for it in answers and in the line that systemd shows.
const char* to_string(RegistrationState state);
// How models look in the answers of the control socket (docs/control-api.md).
nlohmann::ordered_json model_json(const LinkDefinition& link,
                                  const std::optional<RegistrationStatus>& status);
// Every model in use, by name.
nlohmann::ordered_json models_json(const Delivery& delivery);
// The models set at runtime.
nlohmann::ordered_json active_json(const ActiveLinks& active, const Delivery& delivery);
// One of them.
nlohmann::ordered_json override_json(const ActiveOverride& entry, const Delivery& delivery);

ControlReply error_reply(int status, const std::string& message);

}  // namespace tracelink
