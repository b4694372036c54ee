#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "daemon/base/clock.hpp"
#include "ipc/server/request_results.hpp"

namespace tracelink {

// Counted since the server was opened. Plain values of the io thread.
struct ServerStats {
  std::uint64_t connections_open = 0, connections_accepted = 0;
  std::uint64_t connections_evicted = 0;  // closed to make room for others at the limit
  std::uint64_t accept_errors = 0;
  std::uint64_t late_headers = 0;       // connections whose first bytes or header came too slowly
  std::uint64_t frame_floods = 0;       // HTTP/2 connections of which FrameAllowance had enough
  std::uint64_t answers_not_taken = 0;  // calls reset, connections closed for it
  std::uint64_t refused_peers = 0;      // not in allow_uids, allow_gids
  std::uint64_t tls_hellos = 0, unknown_protocols = 0;

  std::uint64_t grpc_requests = 0, http_requests = 0, json_line_requests = 0;
  RequestResults grpc_results, http_results, json_line_results;  // of what was answered
  std::uint64_t invalid_requests = 0, too_large_requests = 0;
  std::uint64_t large_headers = 0;     // also chunk extensions and trailers
  std::uint64_t slow_bodies = 0;       // whose memory was taken back for others
  std::uint64_t overload_replies = 0;  // UNAVAILABLE, 503: the client was told to try again

  std::uint64_t accepted_spans = 0;                     // on stable storage
  std::optional<SteadyTime> last_request_at;            // that was stored
  std::map<std::string, std::uint64_t> rejected_spans;  // by reason
  std::uint64_t accepted_infos = 0;                     // of MLflow SDKs, likewise
  std::uint64_t relayed_requests = 0;                   // to the tracking server
  std::uint64_t repaired_ends = 0;
  std::uint64_t replaced_utf8 = 0, replaced_surrogates = 0;  // parts of texts, now U+FFFD
  std::uint64_t in_flight_bytes = 0;  // now, between the sockets and the disk
};

}  // namespace tracelink
