#include "daemon/mlflow/registration/model_name.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include <openssl/sha.h>

namespace tracelink {

std::string portable_name(std::string_view name) {
  std::string portable(name);
  std::ranges::replace_if(
      portable,
      [](char c) { return std::string_view("/:.%\"'").find(c) != std::string_view::npos; }, '-');
  return portable;
}

std::string distinct_portable_name(std::string_view name) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(name.data()), name.size(), digest.data());
  std::array<char, 10> suffix{};
  std::snprintf(suffix.data(), suffix.size(), "-%02x%02x%02x%02x", digest[0], digest[1], digest[2],
                digest[3]);
  return portable_name(name) + suffix.data();
}

}  // namespace tracelink
