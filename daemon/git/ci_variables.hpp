#pragma once

#include <map>
#include <string>

#include "daemon/git/git_facts.hpp"

namespace tracelink {

// What CI and deploy systems tell, and the variable that told the commit. Branch and repository are
// taken from the system that told the commit only; a variable that holds no commit is passed over.
struct CiFacts {
  GitFacts facts;
  std::string variable;  // empty: nobody tells
};
CiFacts ci_facts(const std::map<std::string, std::string>& environment);

}  // namespace tracelink
