#include "daemon/mlflow/registration.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "daemon/mlflow/link_registration.hpp"
#include "daemon/mlflow/model_store.hpp"

namespace tracelink {

struct Registrar::Impl {
  LinkRegistration::Environment environment;
  std::map<LinkHash, StoredRegistration> stored;  // of links not wanted yet
  std::map<LinkHash, LinkRegistration> registrations;

  LinkRegistration* find(const LinkHash& hash) {
    const auto found = registrations.find(hash);
    return found == registrations.end() ? nullptr : &found->second;
  }
};

Registrar::Registrar(Options options, TrackingClient& client, FileSystem& fs, const Clock& clock,
                     RandomSource& random)
    : impl_(new Impl{
          {options, client, ModelStore(fs, options.directory), clock, random, {}}, {}, {}}) {}

Registrar::~Registrar() = default;

Result<std::vector<std::string>> Registrar::load() {
  auto loaded = impl_->environment.store.load();
  if (!loaded) return std::move(loaded).error();
  impl_->stored = std::move(loaded->registrations);
  return std::move(loaded->damaged);
}

void Registrar::want(const LinkHash& hash, const LinkDefinition& link) {
  if (impl_->find(hash) != nullptr) return;
  StoredRegistration stored;
  if (auto node = impl_->stored.extract(hash)) stored = std::move(node.mapped());
  impl_->registrations.try_emplace(hash, impl_->environment, hash, link, std::move(stored));
}

const ResolvedModel* Registrar::ready(const LinkHash& hash) const {
  const auto* registration = impl_->find(hash);
  return registration == nullptr ? nullptr : registration->ready();
}

std::optional<RegistrationStatus> Registrar::status(const LinkHash& hash) const {
  const auto* registration = impl_->find(hash);
  if (registration == nullptr) return std::nullopt;
  return registration->status();
}

std::vector<RegistrationStatus> Registrar::all() const {
  std::vector<RegistrationStatus> statuses;
  for (const auto& entry : impl_->registrations) statuses.push_back(entry.second.status());
  return statuses;
}

void Registrar::server_changed() {
  for (auto& entry : impl_->registrations) entry.second.verify_again();
}

void Registrar::model_gone(const LinkHash& hash) {
  if (auto* registration = impl_->find(hash)) registration->verify_again();
}

void Registrar::advance() {
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
  impl_->environment.on_change = std::move(callback);
}

}  // namespace tracelink
