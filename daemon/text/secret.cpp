#include "daemon/text/secret.hpp"

namespace tracelink {

void hide_secret(std::string& text, std::string_view secret) {
  constexpr std::size_t kShortest = 4;
  constexpr std::string_view kHidden = "***";
  if (secret.size() < kShortest) return;
  for (auto at = text.find(secret); at != std::string::npos;
       at = text.find(secret, at + kHidden.size())) {
    text.replace(at, secret.size(), kHidden);
  }
}

}  // namespace tracelink
