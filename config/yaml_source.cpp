#include "config/yaml_source.hpp"

#include <set>

#include <yaml-cpp/yaml.h>

#include "config/expand.hpp"
#include "config/key_table.hpp"
#include "config/text.hpp"
#include "config/yaml_mistakes.hpp"
#include "daemon/text/blanks.hpp"

namespace tracelink {
namespace {

std::string_view shape(const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Scalar:
      return "a single value";
    case YAML::NodeType::Sequence:
      return "a list";
    case YAML::NodeType::Map:
      return "a map";
    default:
      return "nothing (null)";
  }
}

// For a value that is no scalar.
std::string_view hint(const Key& key, const YAML::Node& value) {
  if (value.IsNull()) return "; write \"\" for an empty text";
  const bool unquoted = value.IsMap() && key.syntax == Syntax::name_template;
  return unquoted ? "; a value that begins with { needs quotes: \"{service.name}\"" : "";
}

// How to write, as the text that a param or tag is, what was written as something else.
std::string text_form(const YAML::Node& node) {
  if (node.IsSequence()) return ": '[\"x\", \"y\"]'";
  return node.IsMap() ? ": '{\"x\": 1}'" : ": \"0.7\"";
}

// "a.b" as levels: "a: {b: …}".
std::string nested(const std::string& dotted) {
  const auto dot = dotted.find('.');
  if (dot == std::string::npos) return dotted + ": …";
  return dotted.substr(0, dot) + ": {" + nested(dotted.substr(dot + 1)) + "}";
}

ConfigProblem problem_of(const YamlMistake& mistake, const std::string& file_name,
                         const std::string& parser) {
  return {file_name, static_cast<int>(mistake.line), static_cast<int>(mistake.column), "",
          "not valid YAML: " + mistake.message + parser};
}

// Such a quote ends with the last line for yaml-cpp, without an error. It takes in what is an error
// anywhere else.
bool ends_inside_quote(const std::string& text) {
  try {
    (void)YAML::LoadAll(text + "\n]\n");
    return true;
  } catch (const YAML::Exception&) {
    return false;
  }
}

ConfigProblem problem_of(const YAML::Exception& error, const std::string& text,
                         const std::string& file_name) {
  if (const auto mistake = usual_mistake(text)) {
    return problem_of(*mistake, file_name, "; the parser: " + error.msg);
  }
  return {file_name, error.mark.line + 1, error.mark.column + 1, "",
          "not valid YAML: " + error.msg};
}

constexpr std::string_view kMerge = "<<";
constexpr int kDeepestMerge = 8;
constexpr int kMostMerged = 100;  // aliases of aliases would be any number
// Top-level keys that begin so are the author's, to have anchors in.
constexpr std::string_view kOwnKeys = "x-";

class Reader {
 public:
  Reader(const std::string& file_name, const std::map<std::string, std::string>& environment,
         std::vector<ConfigProblem>& errors, std::vector<ConfigProblem>& warnings)
      : file_name_(file_name), environment_(environment), errors_(errors), warnings_(warnings) {}

  void read_section(const YAML::Node& node, const std::string& path) {
    if (node.IsNull()) return;  // all its lines are comments
    if (!node.IsMap()) {
      const std::string what = path.empty() ? "the file is" : "this is";
      return fail(node, path,
                  "found " + std::string(shape(node)) + ", but " + what + " a section with keys");
    }
    for_each_entry(node, path,
                   [&](const std::string& entry, const YAML::Node& key_node,
                       const YAML::Node& value) { read_entry(key_node, value, entry); });
  }

  Settings settings;

 private:
  // Calls visit(path of the entry, key, value) for entries that have a usable and new key; those
  // that `<<` merges come last, and where the map itself has the key, not at all.
  template <class Visit>
  void for_each_entry(const YAML::Node& map, const std::string& path, Visit visit) {
    std::set<std::string> seen;
    Merged merged;
    for (const auto& pair : map) {
      const YAML::Node& key = pair.first;
      if (!key.IsScalar()) {
        fail(key, path, "found " + std::string(shape(key)) + " as a key, allowed: text");
        continue;
      }
      if (key.Scalar() == kMerge) {
        add_merged(pair.second, path, 0, merged);
        continue;
      }
      const std::string entry = under(path, key);
      if (!seen.insert(entry).second) {
        fail(key, entry, "the key is there twice; keep one of them");
        continue;
      }
      visit(entry, key, pair.second);
    }
    for (const YAML::Node& one : merged.maps) {
      for (const auto& pair : one) {
        const YAML::Node& key = pair.first;
        const bool usable = key.IsScalar() && key.Scalar() != kMerge;
        if (usable && seen.insert(under(path, key)).second)
          visit(under(path, key), key, pair.second);
      }
    }
  }

  static std::string under(const std::string& path, const YAML::Node& key) {
    return path.empty() ? key.Scalar() : path + "." + key.Scalar();
  }

  struct Merged {
    std::vector<YAML::Node> maps;  // the strongest first
    int looked_at = 0;             // maps and lists
  };

  // The maps that a `<<` names, with those that they merge themselves. False after a fault.
  bool add_merged(const YAML::Node& value, const std::string& path, int depth, Merged& merged) {
    if (depth > kDeepestMerge) return refuse(value, path, "<< merges a map into itself");
    if (++merged.looked_at > kMostMerged) {
      return refuse(value, path,
                    "<< merges more than " + std::to_string(kMostMerged) + " maps and lists");
    }
    if (value.IsSequence()) {
      for (const YAML::Node& one : value) {
        if (!add_merged(one, path, depth + 1, merged)) return false;
      }
      return true;
    }
    if (!value.IsMap()) {
      return refuse(value, path,
                    "<<: found " + std::string(shape(value)) +
                        ", allowed: *NAME of a map, or a list of them");
    }
    merged.maps.push_back(value);
    const YAML::Node deeper = value[std::string(kMerge)];
    return !deeper || add_merged(deeper, path, depth + 1, merged);
  }

  void read_entry(const YAML::Node& key_node, const YAML::Node& value, const std::string& path) {
    const bool known = find_key(path) != nullptr || is_section(path);
    const bool dotted = key_node.Scalar().find('.') != std::string::npos;
    if (known && dotted) {
      return fail(key_node, path,
                  "unknown key: a dot makes no level; write " + nested(key_node.Scalar()));
    }
    if (const Key* key = find_key(path)) return read_value(*key, key_node, value);
    if (is_section(path)) return read_section(value, path);
    if (path.starts_with(kOwnKeys)) return;
    const std::string near = nearest_key(path);
    fail(key_node, path, near.empty() ? "unknown key" : "unknown key; did you mean " + near + "?");
  }

  void read_value(const Key& key, const YAML::Node& key_node, const YAML::Node& value) {
    Setting setting{std::string(key.path), {}, place(value.IsNull() ? key_node : value)};
    const std::size_t errors_before = errors_.size();
    if (key.syntax == Syntax::map) {
      setting.value = read_map(key, value, setting);
    } else if (key.syntax == Syntax::number_list && !value.IsScalar()) {
      setting.value = read_list(key, value, setting);
    } else if (value.IsScalar()) {
      setting.value = read_scalar(value, setting.key, setting);
      note_no_value(setting);
    } else {
      errors_.push_back(setting.place.problem(setting.key, "found " + std::string(shape(value)) +
                                                               ", allowed: " + expected(key) +
                                                               std::string(hint(key, value))));
    }
    if (errors_.size() == errors_before) settings.push_back(std::move(setting));
  }

  // A variable or file without a value: its author meant to set one.
  void note_no_value(const Setting& setting) {
    const bool expanded = setting.from_file_expansion || !setting.variables.empty();
    if (!expanded || !without_blank_ends(text_of(setting)).empty()) return;
    const std::string what =
        setting.from_file_expansion ? "the file that it names" : setting.variables;
    warnings_.push_back(
        setting.place.problem(setting.key, what + " holds only blanks: it counts as not set"));
  }

  std::string read_scalar(const YAML::Node& node, const std::string& path, Setting& setting) {
    auto expanded = expand(node.Scalar(), environment_);
    if (!expanded) {
      fail(node, path, expanded.error().message);
      return "";
    }
    setting.from_file_expansion |= expanded->from_file;
    setting.variables += expanded->variables;
    return expanded->text;
  }

  std::vector<std::string> read_list(const Key& key, const YAML::Node& node, Setting& setting) {
    std::vector<std::string> list;
    if (node.IsNull()) return list;
    if (!node.IsSequence()) {
      fail(node, setting.key, "found " + std::string(shape(node)) + ", allowed: " + expected(key));
      return list;
    }
    for (const YAML::Node& item : node) {
      if (item.IsScalar()) {
        list.push_back(read_scalar(item, setting.key, setting));
      } else {
        fail(item, setting.key,
             "found " + std::string(shape(item)) + " in the list, allowed: " + expected(key));
      }
    }
    return list;
  }

  std::map<std::string, std::string> read_map(const Key& key, const YAML::Node& node,
                                              Setting& setting) {
    std::map<std::string, std::string> map;
    if (node.IsNull()) return map;
    if (!node.IsMap()) {
      fail(node, setting.key, "found " + std::string(shape(node)) + ", allowed: " + expected(key));
      return map;
    }
    for_each_entry(
        node, setting.key,
        [&](const std::string& entry, const YAML::Node& key_node, const YAML::Node& value) {
          if (value.IsScalar()) {
            map[key_node.Scalar()] = read_scalar(value, entry, setting);
          } else {
            fail(value.IsNull() ? key_node : value, entry,
                 "found " + std::string(shape(value)) +
                     ", allowed: a single value, kept as its text, such as " + key_node.Scalar() +
                     text_form(value));
          }
        });
    return map;
  }

  Place place(const YAML::Node& node) const {
    const YAML::Mark mark = node.Mark();
    return {file_name_, mark.line + 1, mark.column + 1};
  }
  void fail(const YAML::Node& node, const std::string& path, std::string message) {
    errors_.push_back(place(node).problem(path, std::move(message)));
  }
  bool refuse(const YAML::Node& node, const std::string& path, std::string message) {
    fail(node, path, std::move(message));
    return false;
  }

  const std::string& file_name_;
  const std::map<std::string, std::string>& environment_;
  std::vector<ConfigProblem>& errors_;
  std::vector<ConfigProblem>& warnings_;
};

}  // namespace

std::optional<Settings> read_yaml(const std::string& text, const std::string& file_name,
                                  const std::map<std::string, std::string>& environment,
                                  std::vector<ConfigProblem>& errors,
                                  std::vector<ConfigProblem>& warnings) {
  Reader reader(file_name, environment, errors, warnings);
  if (const auto mistake = quote_never_closed(text); mistake && ends_inside_quote(text)) {
    errors.push_back(problem_of(*mistake, file_name, ""));
    return std::nullopt;
  }
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.size() > 1) {
      errors.push_back({file_name, 0, 0, "", "found several YAML documents, allowed: one"});
      return std::nullopt;
    }
    if (documents.empty()) return Settings{};
    reader.read_section(documents.front(), "");
    const bool has_keys = documents.front().IsMap() || documents.front().IsNull();
    return has_keys ? std::optional(std::move(reader.settings)) : std::nullopt;
  } catch (const YAML::Exception& error) {
    errors.push_back(problem_of(error, text, file_name));
    return std::nullopt;
  }
}

}  // namespace tracelink
