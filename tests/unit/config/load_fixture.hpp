#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "config/load.hpp"
#include "tests/support/temp_directory.hpp"

namespace tracelink {

inline constexpr const char* kModelId = "m-0123456789abcdef0123456789abcdef";

// Loads configurations from a directory of its own and an environment of its own.
class LoadTest : public ::testing::Test {
 protected:
  LoadTest() {
    context_.default_file = (directory_ / "tracelinkd.yaml").string();
    context_.is_root = true;
  }

  std::string write(const std::string& name, const std::string& content) {
    const auto path = directory_ / name;
    std::ofstream(path, std::ios::binary) << content;
    return path.string();
  }
  void file(const std::string& yaml) { write("tracelinkd.yaml", yaml); }
  void env(const std::string& name, const std::string& value) {
    context_.environment[name] = value;
  }

  LoadedConfig load() {
    LoadResult result = load_config(context_);
    EXPECT_EQ(all(result.errors), "");
    return result.loaded.value_or(LoadedConfig{});
  }
  // Every error, one a line, with the file's path as FILE.
  std::string errors() {
    LoadResult result = load_config(context_);
    EXPECT_EQ(result.loaded.has_value(), result.errors.empty());
    return all(result.errors);
  }
  std::string warnings() { return all(load().warnings); }

  std::string all(const std::vector<ConfigProblem>& problems) const {
    std::string text;
    for (const ConfigProblem& problem : problems) text += problem.to_string() + "\n";
    for (auto at = text.find(context_.default_file); at != std::string::npos;
         at = text.find(context_.default_file)) {
      text.replace(at, context_.default_file.size(), "FILE");
    }
    return text;
  }

  const TempDirectory temporary_;
  const std::filesystem::path directory_ = temporary_.path();
  LoadContext context_;
};

}  // namespace tracelink
