#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "daemon/codec/otlp_json.hpp"
#include "daemon/codec/otlp_schema.hpp"
#include "tests/unit/codec/otlp_messages.hpp"

namespace tracelink {
namespace {

using namespace otlp;

// Random messages in the one form that conversions give: fields in the order of their numbers, no
// default values outside a oneof, one NaN.
class Generator {
 public:
  explicit Generator(std::mt19937_64::result_type seed) : random_(seed) {}

  std::string message(MessageType type, int depth = 0) {
    const MessageSpec& spec = spec_of(type);
    std::string out;
    if (spec.is_oneof) {
      const std::size_t chosen = below(spec.fields.size());
      out = field(spec.fields[chosen], chosen, depth, true);
    } else {
      for (std::size_t i = 0; i < spec.fields.size(); ++i) {
        if (below(3) == 0) continue;
        std::size_t count = spec.fields[i].repeated ? below(4) : 1;
        for (; count > 0; --count) {
          out += field(spec.fields[i], i, depth, spec.fields[i].repeated);
        }
      }
    }
    return out;
  }

 private:
  static constexpr int kDeepest = 14;

  std::string field(const FieldSpec& spec, std::size_t index, int depth, bool may_be_default) {
    const auto number = static_cast<std::uint32_t>(index) + 1;
    switch (spec.kind) {
      case Kind::none:
        return {};
      case Kind::message:
        return depth == kDeepest ? ""
                                 : testing::bytes_field(number, message(spec.message, depth + 1));
      case Kind::string:
        return text(number, {"a", "é", "\"\\/", "\n\t\x01\x7f", "😀", "\xe2\x80\xa8"},
                    may_be_default);
      case Kind::bytes:
      case Kind::id:
        return text(number, {std::string(1, '\0'), "\xff", "\xfe\x7f", "abc"}, may_be_default);
      default:
        return number_field(number, spec.kind, may_be_default);
    }
  }

  std::string text(std::uint32_t number, const std::vector<std::string>& parts,
                   bool may_be_default) {
    std::string out;
    for (std::size_t n = below(5) + (may_be_default ? 0 : 1); n > 0; --n) {
      out += parts[below(parts.size())];
    }
    return testing::bytes_field(number, out);
  }

  std::string number_field(std::uint32_t number, Kind kind, bool may_be_default) {
    std::uint64_t bits = random_() >> below(64);
    if (bits == 0 && !may_be_default) bits = 1;
    if (kind == Kind::boolean) bits = may_be_default ? bits & 1 : 1;
    if (kind == Kind::uint32) bits = bits & 0xffffffff ? bits & 0xffffffff : 1;
    if (kind == Kind::enumeration)
      bits = static_cast<std::uint64_t>(-1 - static_cast<int>(below(9)));
    if (kind == Kind::float64 && std::isnan(std::bit_cast<double>(bits))) {
      bits = std::bit_cast<std::uint64_t>(std::numeric_limits<double>::quiet_NaN());
    }
    if (kind == Kind::fixed32) {
      std::string out;
      protozero::pbf_writer(out).add_fixed32(number, static_cast<std::uint32_t>(below(99) + 1));
      return out;
    }
    return wire_type_of(kind) == WireType::fixed64 ? testing::fixed64_field(number, bits)
                                                   : testing::varint_field(number, bits);
  }

  std::size_t below(std::size_t bound) { return random_() % bound; }

  std::mt19937_64 random_;
};

TEST(OtlpRoundTrip, ThroughJsonGivesTheSameBytes) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Generator generator(seed);
  for (int i = 0; i < 300; ++i) {
    const std::string protobuf = generator.message(MessageType::traces_data);
    const auto json = otlp_protobuf_to_json(protobuf);
    ASSERT_TRUE(json);
    EXPECT_EQ(json->find('\n'), std::string::npos);
    const auto back = otlp_json_to_protobuf(*json, protobuf.size());
    ASSERT_TRUE(back) << back.error().message;
    ASSERT_EQ(*back, protobuf) << *json;
  }
}

}  // namespace
}  // namespace tracelink
