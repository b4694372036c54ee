#pragma once

#include <string>
#include <string_view>

namespace tracelink {

// The repository's address without what could be a secret: the user information of a URL (only its
// password where the scheme is ssh, whose user is part of the address), query and fragment. The
// scp-like form (git@host:path) and paths have nothing to lose and stay. "" for an address whose
// secrets cannot be told apart: a remote helper's, or one with a broken host.
std::string without_credentials(std::string_view url);

}  // namespace tracelink
