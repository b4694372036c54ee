#pragma once

#include <string>
#include <variant>

#include "daemon/base/result.hpp"
#include "daemon/http/http_client.hpp"

namespace tracelink {

// Why there is no token, in the form in which an API call would have been told so: an answer, or
// that none came.
using TokenRefusal = std::variant<HttpResponse, Error>;

// What an answer that is no token means. 429 and 5xx stay what they are (5xx as 503), and keep
// Retry-After; a redirect stays one; everything else becomes 401. `remedy`: of what needs an
// operator.
TokenRefusal refusal_of(const HttpRequest& request, const Result<HttpResponse>& answer,
                        const std::string& remedy);

// Nothing can be asked for: a file that cannot be read, a value that is missing.
TokenRefusal cannot_ask(const std::string& message, const std::string& remedy);

// What to do about a host that redirects API calls.
std::string redirect_remedy(const std::string& host);

}  // namespace tracelink
