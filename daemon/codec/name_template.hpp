#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/result.hpp"
#include "daemon/types/link_definition.hpp"

namespace tracelink {

// A name in which {attribute} stands for an attribute of a trace's resource, such as
// "shop-{service.name}". Never confused with ${NAME}: that is replaced before a name is read.
class NameTemplate {
 public:
  // `invalid`: a brace without its other half, or {} without an attribute. The message says where.
  static Result<NameTemplate> parse(std::string_view text);

  // Without any, the template is an ordinary name. In the order of the text.
  const std::vector<std::string>& attributes() const { return attributes_; }
  // Nothing if a value is missing or empty.
  std::optional<std::string> expand(const std::map<std::string, std::string>& values) const;

 private:
  std::vector<std::string> texts_{""};  // before, between and after the attributes
  std::vector<std::string> attributes_;
};

// Whether the definition stands for a model per value of its attributes, and not for one model.
bool is_template(const LinkDefinition& link);

}  // namespace tracelink
