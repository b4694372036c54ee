#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/codec/otlp_check.hpp"
#include "daemon/codec/otlp_schema.hpp"
#include "daemon/codec/split_request.hpp"

namespace tracelink::otlp {

// The pass over a request: finds where the bytes of every good span, scope and resource lie, and
// which slice each span belongs to. Holds views of the request, which outlives it.
class RequestScan {
 public:
  // The fields of a ResourceSpans or ScopeSpans other than those inside it, as runs of bytes.
  struct Header {
    std::size_t first_piece = 0;
    std::size_t piece_count = 0;
    std::size_t bytes = 0;
  };
  struct Span {
    std::uint32_t slice = 0;     // index in slices()
    std::uint32_t resource = 0;  // index in resources()
    std::uint32_t scope = 0;     // index in scopes()
    std::string_view field;      // tag, length and Span
  };

  explicit RequestScan(const SplitLimits& limits) : limits_(limits) {}

  // Once. Errors: `invalid`, `too_large` (items, slices, bytes of repaired texts).
  Result<void> scan(std::string_view request);

  // Every byte of the request belongs to its only slice.
  bool is_one_whole_slice() const { return outcome_.slices.size() == 1 && !differs_; }

  // In their order in the request.
  const std::vector<Span>& spans() const { return spans_; }
  const std::vector<Header>& resources() const { return resources_; }
  const std::vector<Header>& scopes() const { return scopes_; }
  const std::vector<std::string_view>& pieces() const { return pieces_; }
  // Complete but for the slices' bytes.
  SplitRequest& outcome() { return outcome_; }
  const SplitRequest& outcome() const { return outcome_; }

 private:
  Result<void> scan_resource_spans(std::string_view message);
  Result<void> scan_scope_spans(std::string_view message, Flaw inherited);
  Result<void> add_span(const WireField& field, Flaw inherited);
  Flaw add_header(std::string_view message, MessageType type, std::vector<Header>& headers);
  void drop_header(std::vector<Header>& headers);
  void add_piece(Header& header, std::string_view piece);
  void add_repaired_piece(Header& header, const WireField& field, const MessageSpec& spec);
  Result<void> count_item();
  Result<void> check_messages() const;
  void reject(std::string_view reason);
  std::string_view keep_rewritten(std::string field);
  std::uint32_t slice_of(const TraceId& trace_id);

  const SplitLimits limits_;
  std::vector<Span> spans_;
  std::vector<Header> resources_;
  std::vector<Header> scopes_;
  std::vector<std::string_view> pieces_;
  std::deque<std::string> rewritten_;
  // Ordered, because a sender chooses the ids and could make them collide in a hash table.
  std::map<TraceId, std::uint32_t> slice_by_trace_;
  SplitRequest outcome_;
  std::size_t items_seen_ = 0;
  std::size_t spans_seen_ = 0;
  std::size_t messages_seen_ = 0;  // inside spans, resources and scopes
  std::size_t rewritten_bytes_ = 0;
  bool differs_ = false;  // something of the request is left out or rewritten
};

}  // namespace tracelink::otlp
