#include "daemon/codec/link_codec.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <openssl/evp.h>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

namespace tracelink {
namespace {

// Field numbers are part of the stored format: never reuse one.
using Field = protozero::pbf_tag_type;
constexpr Field kId = 1;
constexpr Field kName = 2;
constexpr Field kVersion = 3;
constexpr Field kNamePolicy = 4;
constexpr Field kType = 5;
constexpr Field kSourceRunId = 6;
constexpr Field kParam = 7;
constexpr Field kTag = 8;
constexpr Field kExperimentId = 9;
constexpr Field kExperimentName = 10;
constexpr Field kSourceTag = 11;
constexpr Field kNamedByTrace = 12;
constexpr Field kExperimentOfModel = 13;
constexpr Field kUndecided = 14;

constexpr Field kKey = 1;
constexpr Field kValue = 2;

void add_text(protozero::pbf_writer& out, Field field, const std::string& text) {
  if (!text.empty()) out.add_string(field, text);
}

void add_map(protozero::pbf_writer& out, Field field,
             const std::map<std::string, std::string>& values) {
  for (const auto& [key, value] : values) {
    protozero::pbf_writer pair(out, field);
    pair.add_string(kKey, key);
    pair.add_string(kValue, value);
  }
}

// A field of another wire type is unknown to us, and protozero's getters assert on it.
bool has_type(const protozero::pbf_reader& in, protozero::pbf_wire_type type) {
  return in.wire_type() == type;
}

void read_pair(protozero::pbf_reader in, std::map<std::string, std::string>& values) {
  std::string key, value;
  while (in.next()) {
    if (!has_type(in, protozero::pbf_wire_type::length_delimited)) {
      in.skip();
      continue;
    }
    switch (in.tag()) {
      case kKey:
        key = in.get_string();
        break;
      case kValue:
        value = in.get_string();
        break;
      default:
        in.skip();
    }
  }
  values.insert_or_assign(std::move(key), std::move(value));
}

void read_field(protozero::pbf_reader& in, LinkDefinition& link) {
  const bool is_number =
      in.tag() == kNamePolicy || in.tag() == kNamedByTrace || in.tag() == kUndecided;
  const auto type =
      is_number ? protozero::pbf_wire_type::varint : protozero::pbf_wire_type::length_delimited;
  if (!has_type(in, type)) {
    in.skip();
    return;
  }
  switch (in.tag()) {
    case kId:
      link.id = in.get_string();
      break;
    case kName:
      link.name = in.get_string();
      break;
    case kVersion:
      link.version = in.get_string();
      break;
    case kNamePolicy:
      link.name_policy = static_cast<NamePolicy>(in.get_uint32());
      break;
    case kType:
      link.type = in.get_string();
      break;
    case kSourceRunId:
      link.source_run_id = in.get_string();
      break;
    case kParam:
      read_pair(in.get_message(), link.params);
      break;
    case kTag:
      read_pair(in.get_message(), link.tags);
      break;
    case kExperimentId:
      link.experiment.id = in.get_string();
      break;
    case kExperimentName:
      link.experiment.name = in.get_string();
      break;
    case kSourceTag:
      read_pair(in.get_message(), link.source_tags);
      break;
    case kNamedByTrace:
      link.named_by_trace = in.get_bool();
      break;
    case kExperimentOfModel:
      link.experiment.of_model = in.get_string();
      break;
    case kUndecided:
      link.undecided = in.get_bool();
      break;
    default:
      in.skip();
  }
}

}  // namespace

std::string encode_link(const LinkDefinition& link) {
  std::string bytes;
  protozero::pbf_writer out(bytes);
  add_text(out, kId, link.id);
  add_text(out, kName, link.name);
  add_text(out, kVersion, link.version);
  if (link.name_policy != NamePolicy::automatic) {
    out.add_uint32(kNamePolicy, static_cast<std::uint32_t>(link.name_policy));
  }
  add_text(out, kType, link.type);
  add_text(out, kSourceRunId, link.source_run_id);
  add_map(out, kParam, link.params);
  add_map(out, kTag, link.tags);
  add_text(out, kExperimentId, link.experiment.id);
  add_text(out, kExperimentName, link.experiment.name);
  add_map(out, kSourceTag, link.source_tags);
  if (link.named_by_trace) out.add_bool(kNamedByTrace, true);
  add_text(out, kExperimentOfModel, link.experiment.of_model);
  if (link.undecided) out.add_bool(kUndecided, true);
  return bytes;
}

Result<LinkDefinition> decode_link(std::string_view bytes) {
  LinkDefinition link;
  try {
    protozero::pbf_reader in(bytes.data(), bytes.size());
    while (in.next()) read_field(in, link);
  } catch (const std::exception& error) {
    return Error{ErrorCode::corrupt, std::string("link definition: ") + error.what()};
  }
  if (link.name_policy > NamePolicy::portable) {
    return Error{ErrorCode::corrupt, "link definition: unknown name policy"};
  }
  return link;
}

LinkHash hash_link(std::string_view encoded) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  // Fails only when the library has no SHA-256 at all; then no link could ever be stored.
  if (EVP_Digest(encoded.data(), encoded.size(), digest.data(), nullptr, EVP_sha256(), nullptr) !=
      1) {
    std::abort();
  }
  LinkHash hash;
  std::copy_n(digest.begin(), hash.bytes.size(), hash.bytes.begin());
  return hash;
}

}  // namespace tracelink
