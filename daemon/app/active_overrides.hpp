#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/types/ids.hpp"
#include "daemon/types/link_definition.hpp"

namespace tracelink {

// A link that the operator set while the daemon ran, instead of the configured one.
struct ActiveOverride {
  LinkDefinition definition;
  LinkHash link;       // of the definition; not stored
  std::string set_at;  // RFC 3339
  bool operator==(const ActiveOverride&) const = default;
};

// What part of the configuration names the version: overrides hold as long as it stays the same.
struct ModelIdentity {
  std::string id, name, version;
  ExperimentRef experiment;
  bool operator==(const ModelIdentity&) const = default;
};
ModelIdentity identity_of(const LinkDefinition& link);

struct ActiveOverrides {
  ModelIdentity configured;  // what they override
  std::optional<ActiveOverride> all;
  std::map<std::string, ActiveOverride, std::less<>> services;

  bool empty() const { return !all && services.empty(); }
  std::vector<const ActiveOverride*> entries() const;
};

// The content of state_dir/models/active.json (daemon/app/README.md).
std::string encode_overrides(const ActiveOverrides& overrides);
std::optional<ActiveOverrides> decode_overrides(const std::string& text);

}  // namespace tracelink
