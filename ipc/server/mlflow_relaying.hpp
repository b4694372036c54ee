#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <boost/beast/http/message.hpp>

#include "daemon/base/result.hpp"
#include "daemon/http/relay.hpp"
#include "ipc/server/growing_body.hpp"
#include "ipc/server/reply.hpp"
#include "ipc/wire/http_response.hpp"

// What the parts of MlflowConnection share: from Beast's messages to relayed ones, and from
// failures to MLflow's errors.
namespace tracelink {

inline std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

using MlflowRequest = boost::beast::http::request<GrowingBody>;

// `body_bytes`: nothing if the length is not known.
RelayRequest relayed(const MlflowRequest& request, std::optional<std::uint64_t> body_bytes);

// The answer is read here, so the client's encodings are not asked for.
void ask_for_plain_answer(RelayRequest& request);

// Its body is less than a megabyte, and its length is known.
bool has_small_body(const MlflowRequest& request);

HttpReply error_of(const Reply& reply);
// What provisional ids stand for cannot be told now.
HttpReply unreadable_names(const Error& error);
// `server`: its address.
HttpReply unreachable(const std::string& server, const Error& error);
// What a proxy says when there is no server behind it.
inline bool server_is_away(int status) { return status == 502 || status == 503 || status == 504; }

}  // namespace tracelink
