#include <set>
#include <sstream>

#include "config/key_table.hpp"
#include "config/value.hpp"
#include "config/yaml_source.hpp"
#include "tests/unit/config/load_fixture.hpp"

namespace tracelink {
namespace {

std::string content_of(const char* path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.is_open()) << path;
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

// '|' separates cells.
std::string cell(std::string text) {
  for (std::size_t at = text.find('|'); at != std::string::npos; at = text.find('|', at + 2)) {
    text.replace(at, 1, "\\|");
  }
  return text;
}

// The key's line in the table of docs/configuration.md.
std::string reference_row(const Key& key) {
  const std::string standard = display(key, Config{});
  const bool settable = key.syntax != Syntax::map;
  return "| `" + std::string(key.path) + "` | " + cell(expected(key)) + " | " +
         (standard.empty() ? "" : "`" + standard + "`") + " | " +
         (settable ? "`" + variable_name(key) + "`" : "") + " | " + std::string(key.description) +
         " |";
}

TEST(ConfigReference, HasARowForEveryKeyAndNoOther) {
  const std::string page = content_of(TRACELINK_REFERENCE_PAGE);
  std::string expected_rows;
  for (const Key& key : key_table()) expected_rows += reference_row(key) + "\n";
  std::string rows;
  std::istringstream lines(page.substr(page.find("| key | value | default |")));
  for (std::string line; std::getline(lines, line) && !line.empty();) {
    if (line.starts_with("| `")) rows += line + "\n";
  }
  EXPECT_EQ(rows, expected_rows);
}

TEST(ConfigReference, NamesAreUniqueAndReadable) {
  std::set<std::string> variables;
  for (const Key& key : key_table()) {
    EXPECT_EQ(find_key(key.path), &key);
    EXPECT_TRUE(variables.insert(variable_name(key)).second) << key.path;
    EXPECT_FALSE(is_section(key.path)) << key.path;
    EXPECT_TRUE(key.description.ends_with('.')) << key.path;
  }
  EXPECT_EQ(variable_name(*find_key("listen.socket.allow_uids")),
            "TRACELINK_LISTEN__SOCKET__ALLOW_UIDS");
  EXPECT_TRUE(is_section("listen.socket"));
  EXPECT_FALSE(is_section("listen.sock"));
}

TEST(ConfigSample, SetsEveryKey) {
  std::vector<ConfigProblem> errors, warnings;
  const auto sample =
      read_yaml(content_of(TRACELINK_SAMPLE_FILE), TRACELINK_SAMPLE_FILE, {}, errors, warnings);
  EXPECT_TRUE(errors.empty());
  EXPECT_TRUE(warnings.empty());
  ASSERT_TRUE(sample);
  std::set<std::string> in_sample, in_table;
  for (const Setting& setting : *sample) in_sample.insert(setting.key);
  for (const Key& key : key_table()) in_table.emplace(key.path);
  EXPECT_EQ(in_sample, in_table);
}

TEST(ConfigSample, HasTheDefaultsExceptForExamples) {
  LoadContext context;
  context.is_root = true;
  context.config_flag = TRACELINK_SAMPLE_FILE;
  const LoadResult sample = load_config(context);
  ASSERT_TRUE(sample.loaded) << sample.errors.front().to_string();
  EXPECT_TRUE(sample.loaded->warnings.empty());

  context.config_flag = "/dev/null";
  context.environment["TRACELINK_MODEL__NAME"] = "agent";
  const LoadResult standard = load_config(context);
  ASSERT_TRUE(standard.loaded) << standard.errors.front().to_string();
  const std::set<std::string_view> examples{"model.name",   "model.version", "model.type",
                                            "model.params", "model.tags",    "tracking.uri"};
  for (const Key& key : key_table()) {
    const bool same = display(key, sample.loaded->config) == display(key, standard.loaded->config);
    EXPECT_NE(same, examples.contains(key.path)) << key.path;
  }
}

}  // namespace
}  // namespace tracelink
