#pragma once

#include <string>
#include <string_view>

#include "config/config.hpp"
#include "daemon/app/active_links.hpp"
#include "daemon/app/delivery.hpp"
#include "daemon/app/status_json.hpp"
#include "daemon/control/control_server.hpp"

namespace tracelink {

// Whether what is asked for waits for the disk or for delivery: commands, and dead letters.
bool may_be_slow(const ControlRequest& request);

// Answers a GET of the control socket (docs/control-api.md). Threads: any.
ControlReply handle_control(std::string_view target, const StatusInputs& inputs);

// JSON body of `GET /status` on the intake socket: senders_view().
std::string status_for_senders(const StatusInputs& inputs);

// JSON body of `GET /` on the intake socket: version, endpoints, tracking URI without credentials,
// active model.
std::string describe_intake(const Config& config, const StatusPlaces& places,
                            const ActiveLinks& active, const Delivery& delivery);

}  // namespace tracelink
