#include "daemon/codec/remote_parent.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "daemon/codec/span_visitor.hpp"

namespace tracelink {

namespace {

constexpr std::uint32_t kSpanId = 2;
constexpr std::uint32_t kParentSpanId = 4;
constexpr std::uint32_t kFlags = 16;
// Known to be remote or not, and remote.
constexpr std::uint64_t kRemote = 0x100 | 0x200;

struct Relatives {
  std::vector<std::string_view> ids, remote_parents;
};

void read_span(std::string_view span, Relatives& to) {
  WireReader reader(span);
  std::string_view id, parent;
  std::uint64_t flags = 0;
  for (WireField field; reader.next(field);) {
    if (field.is(kSpanId, WireType::bytes)) id = field.bytes;
    if (field.is(kParentSpanId, WireType::bytes)) parent = field.bytes;
    if (field.is(kFlags, WireType::fixed32)) flags = field.value;
  }
  to.ids.push_back(id);
  if (!parent.empty() && (flags & kRemote) == kRemote) to.remote_parents.push_back(parent);
}

}  // namespace

bool has_remote_parent(std::string_view traces_data) {
  Relatives spans;
  visit_spans(traces_data, [&](std::string_view span) { read_span(span, spans); });
  std::ranges::sort(spans.ids);
  return std::ranges::any_of(spans.remote_parents, [&](std::string_view parent) {
    return !std::ranges::binary_search(spans.ids, parent);
  });
}

}  // namespace tracelink
