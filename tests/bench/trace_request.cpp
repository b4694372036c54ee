#include "tests/bench/trace_request.hpp"

#include <array>
#include <chrono>
#include <cstring>

#include <protozero/pbf_writer.hpp>

namespace tracelink::bench {

namespace {

using protozero::pbf_writer;

struct SpanText {
  const char* name;
  std::uint64_t id;
  std::uint64_t parent_id;  // 0: the root
  std::uint64_t start_ms, end_ms;
};

constexpr std::array<SpanText, 3> kChildren{{
    {"retrieve", 2, 1, 1, 3},
    {"chat gpt-4o", 3, 1, 4, 8},
    {"rerank", 4, 1, 8, 9},
}};
constexpr SpanText kRoot{"answer", 1, 0, 0, 10};
constexpr std::size_t kTextBytes = 390;
constexpr std::size_t kGrpcHeaderBytes = 5;

// Field numbers of opentelemetry/proto/{collector/trace,trace,resource,common}/v1.
void add_attribute(pbf_writer& owner, std::uint32_t field, const char* key,
                   const std::string& text) {
  pbf_writer attribute(owner, field);
  attribute.add_string(1, key);
  pbf_writer value(attribute, 2);
  value.add_string(1, text);
}

template <std::size_t N>
std::string id_bytes(std::uint64_t low, std::uint64_t high = 0x1001) {
  std::string bytes(N, '\1');
  std::memcpy(bytes.data(), &low, sizeof low);
  if constexpr (N == 16) std::memcpy(bytes.data() + sizeof low, &high, sizeof high);
  return bytes;
}

void add_span(pbf_writer& scope, const SpanText& text, const std::string& trace_id,
              std::uint64_t now_ns, std::size_t padding_bytes) {
  pbf_writer span(scope, 2);
  span.add_bytes(1, trace_id);
  span.add_bytes(2, id_bytes<8>(text.id));
  if (text.parent_id != 0) span.add_bytes(4, id_bytes<8>(text.parent_id));
  span.add_string(5, text.name);
  span.add_enum(6, 1);
  span.add_fixed64(7, now_ns + text.start_ms * 1'000'000);
  span.add_fixed64(8, now_ns + text.end_ms * 1'000'000);
  add_attribute(span, 9, "mlflow.spanInputs",
                "{\"question\": \"" + std::string(kTextBytes + padding_bytes, 'q') + "\"}");
  add_attribute(span, 9, "session.id", "bench");
}

std::uint64_t now_ns() {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch).count());
}

}  // namespace

std::string make_grpc_request(std::uint64_t number, std::size_t padding_bytes, std::size_t spans) {
  static const std::uint64_t run = now_ns();  // another run makes other traces
  std::string message(kGrpcHeaderBytes, '\0');
  {
    pbf_writer request(message);
    pbf_writer resource_spans(request, 1);
    {
      pbf_writer resource(resource_spans, 1);
      add_attribute(resource, 1, "service.name", "bench");
    }
    pbf_writer scope_spans(resource_spans, 2);
    const std::string trace_id = id_bytes<16>(number + 1, run);
    const std::uint64_t now = now_ns();
    for (std::size_t n = 0; n + 1 < spans; ++n) {
      SpanText span = kChildren[n % kChildren.size()];
      span.id = n + 2;
      add_span(scope_spans, span, trace_id, now, 0);
    }
    add_span(scope_spans, kRoot, trace_id, now, padding_bytes);
  }
  const auto length = static_cast<std::uint32_t>(message.size() - kGrpcHeaderBytes);
  for (unsigned i = 0; i < 4; ++i) {
    message[1 + i] = static_cast<char>((length >> (24 - 8 * i)) & 0xff);
  }
  return message;
}

}  // namespace tracelink::bench
