#include "daemon/mlflow/registration/registration.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "daemon/mlflow/registration/link_registration.hpp"
#include "daemon/mlflow/registration/model_store.hpp"

namespace tracelink {

namespace {

constexpr auto kForgetCheck = std::chrono::minutes(1);

}  // namespace

struct Registrar::Impl {
  LinkRegistration::Environment environment;
  std::map<LinkHash, StoredRegistration> stored;  // of links not wanted yet
  std::map<LinkHash, LinkRegistration> registrations;
  std::map<LinkHash, SteadyTime> last_asked;  // of links that traces named
  std::function<void(const LinkHash&)> on_forget;
  std::set<LinkHash> changed;
  SteadyTime next_forget_check = SteadyTime::min();

  void asked(const LinkHash& hash) {
    const auto found = last_asked.find(hash);
    if (found != last_asked.end()) found->second = environment.clock.steady();
  }

  void forget_unasked() {
    const SteadyTime now = environment.clock.steady();
    if (now < next_forget_check) return;
    next_forget_check = now + kForgetCheck;
    for (auto at = last_asked.begin(); at != last_asked.end();) {
      const auto entry = at++;
      if (now - entry->second < environment.options.forget_named) continue;
      const LinkHash hash = entry->first;
      if (find(hash)->is_waiting_for_answer()) continue;
      registrations.erase(hash);
      last_asked.erase(entry);
      // A file that stays is removed at a later start: its link is not known then.
      (void)environment.store.remove(hash).has_value();
      if (on_forget) on_forget(hash);
    }
  }

  LinkRegistration* find(const LinkHash& hash) {
    const auto found = registrations.find(hash);
    return found == registrations.end() ? nullptr : &found->second;
  }
};

Registrar::Registrar(Options options, TrackingClient& client, FileSystem& fs, const Clock& clock,
                     RandomSource& random)
    : impl_(new Impl{{options, client, ModelStore(fs, options.directory), clock, random, {}, {}},
                     {},
                     {},
                     {},
                     {},
                     {}}) {
  set_on_change({});
}

Registrar::~Registrar() = default;

Result<std::vector<std::string>> Registrar::load(
    const std::function<bool(const LinkHash&)>& is_known, HeldFiles* held) {
  auto loaded = impl_->environment.store.load(held);
  if (!loaded) return std::move(loaded).error();
  for (auto& [hash, registration] : loaded->registrations) {
    if (is_known(hash)) {
      impl_->stored.emplace(hash, std::move(registration));
    } else {
      (void)impl_->environment.store.remove(hash).has_value();
    }
  }
  return std::move(loaded->damaged);
}

void Registrar::want(const LinkHash& hash, const LinkDefinition& link) {
  if (impl_->find(hash) != nullptr) return;
  StoredRegistration stored;
  if (auto node = impl_->stored.extract(hash)) stored = std::move(node.mapped());
  impl_->registrations.try_emplace(hash, impl_->environment, hash, link, std::move(stored));
  if (link.named_by_trace) impl_->last_asked.emplace(hash, impl_->environment.clock.steady());
}

const ResolvedModel* Registrar::ready(const LinkHash& hash) {
  impl_->asked(hash);
  auto* registration = impl_->find(hash);
  return registration == nullptr ? nullptr : registration->ready();
}

std::optional<RegistrationStatus> Registrar::status(const LinkHash& hash) const {
  const auto* registration = impl_->find(hash);
  if (registration == nullptr) return std::nullopt;
  return registration->status();
}

RegistrationCounters Registrar::counters() const { return impl_->environment.counters; }

void Registrar::server_changed() {
  for (auto& entry : impl_->registrations) entry.second.verify_again();
}

void Registrar::verify_when_asked() {
  for (auto& entry : impl_->registrations) entry.second.verify_when_asked();
}

void Registrar::verify_again(const LinkHash& hash) {
  if (auto* registration = impl_->find(hash)) registration->verify_again();
}

void Registrar::advance() {
  impl_->forget_unasked();
  for (auto& entry : impl_->registrations) entry.second.advance();
}

std::optional<SteadyTime> Registrar::next_due() const {
  std::optional<SteadyTime> earliest;
  for (const auto& entry : impl_->registrations) {
    const auto due = entry.second.due();
    if (due && (!earliest || *due < *earliest)) earliest = due;
  }
  return earliest;
}

void Registrar::set_on_change(std::function<void(const RegistrationStatus&)> callback) {
  impl_->environment.on_change =
      [impl = impl_.get(), callback = std::move(callback)](const RegistrationStatus& status) {
        impl->changed.insert(status.link);
        if (callback) callback(status);
      };
}

std::vector<LinkHash> Registrar::take_changed() {
  const auto changed = std::exchange(impl_->changed, {});
  return {changed.begin(), changed.end()};
}

void Registrar::set_on_forget(std::function<void(const LinkHash&)> callback) {
  impl_->on_forget = std::move(callback);
}

}  // namespace tracelink
