#pragma once

#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tracelink {

// Files written by data/make_golden.py from a real MLflow SDK.
inline std::string golden_bytes(const std::string& file) {
  std::ifstream in(std::string(DATA_FOLDER "/") + file, std::ios::binary);
  EXPECT_TRUE(in) << file;
  return {std::istreambuf_iterator<char>(in), {}};
}

inline nlohmann::json golden_json(const std::string& file) {
  return nlohmann::json::parse(golden_bytes(file));
}

inline nlohmann::json golden_table(const std::string& name) {
  return golden_json("tables.json").at(name);
}

}  // namespace tracelink
