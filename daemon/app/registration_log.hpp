#pragma once

#include <map>
#include <string>
#include <vector>

#include "daemon/mlflow/registration/registration.hpp"
#include "daemon/report/reporter.hpp"
#include "daemon/types/ids.hpp"

namespace tracelink {

// Tells people how the registration of models goes: what fails and its remedy, which model a link
// has got, what the server has differently. Each is told when it changes; a re-verification that
// finds the same says nothing.
//
// Threads: one (the Registrar's). Lifetime: `reporter` outlives this object.
class RegistrationLog {
 public:
  explicit RegistrationLog(Reporter& reporter) : reporter_(reporter) {}

  void changed(const RegistrationStatus& status);
  void forgotten(const LinkHash& link) { told_.erase(link); }

 private:
  struct Told {
    std::string model_id;  // the last one known
    bool is_gone = false;  // the server had it no more
    bool ready = false;
    std::string failing;  // the reporter's subject; empty if nothing is
    std::vector<std::string> warnings;
  };
  void tell_warnings(const RegistrationStatus& status, Told& told);
  void tell_failure(const RegistrationStatus& status, Told& told);
  void tell_ready(const RegistrationStatus& status, Told& told);
  static void tell_exchange(const ResolvedModel& model, const std::string& before, bool was_gone);

  Reporter& reporter_;
  std::map<LinkHash, Told> told_;
};

}  // namespace tracelink
