#include "daemon/app/active_links.hpp"

#include <utility>

#include <spdlog/spdlog.h>

#include "daemon/codec/service_name.hpp"

namespace tracelink {

namespace {

std::string describe(const ActiveOverrides& overrides) {
  std::string text;
  const auto add = [&](const std::string& what, const ActiveOverride& entry) {
    text += (text.empty() ? "" : ", ") + what + entry.definition.display_name();
  };
  if (overrides.all) add("", *overrides.all);
  for (const auto& [service, entry] : overrides.services) add(service + ": ", entry);
  return text;
}

std::string dropped_text(const ActiveOverrides& overrides) {
  return "the configured model or experiment has changed: the active model set at runtime is "
         "dropped (" +
         describe(overrides) + ")";
}

}  // namespace

Result<std::unique_ptr<ActiveLinks>> ActiveLinks::open(FileSystem& fs, std::filesystem::path file,
                                                       const LinkDefinition& configured,
                                                       Remember remember, HeldFiles* held) {
  std::unique_ptr<ActiveLinks> links(new ActiveLinks(fs, std::move(file), std::move(remember)));
  if (auto loaded = links->load(configured, held); !loaded) return std::move(loaded).error();
  return links;
}

Result<void> ActiveLinks::load(const LinkDefinition& configured, HeldFiles* held) {
  ActiveOverrides none;
  none.configured = identity_of(configured);
  const auto link = remember_configured(configured);
  if (!link) return link.error();
  const MutexLock change(change_mutex_);
  {
    const MutexLock lock(mutex_);
    overrides_ = std::make_shared<const ActiveOverrides>(std::move(none));
    configured_link_ = *link;
  }
  auto loaded = load_overrides();
  if (loaded || held == nullptr) return loaded;
  unread_ = true;
  held->hold(StateFile::active_model, file_.string(), loaded.error(), [this] {
    const MutexLock again(change_mutex_);
    return load_overrides();
  });
  return {};
}

// Also without a model: what traces name is looked for in the experiment.
Result<LinkHash> ActiveLinks::remember_configured(const LinkDefinition& link) const {
  if (link == LinkDefinition()) return LinkHash();
  return remember_(link);
}

Result<void> ActiveLinks::load_overrides() {
  const auto there = fs_.exists(file_);
  if (!there) return there.error();
  if (!*there) {
    unread_ = false;
    return {};
  }
  const auto text = read_file(fs_, file_);
  if (!text) return text.error();
  auto stored = decode_overrides(*text);
  if (!stored) {
    if (auto renamed = fs_.rename(file_, file_.string() + ".damaged"); !renamed) return renamed;
    note(
        "models/active.json is damaged and set aside: traces get the configured "
        "model; set others again with 'tracelink models set-active'");
    unread_ = false;
    return {};
  }
  unread_ = false;
  const ModelIdentity identity = overrides()->configured;
  if (stored->configured != identity) {
    if (!stored->empty()) note(dropped_text(*stored));
    ActiveOverrides none;
    none.configured = identity;
    return replace(std::move(none));
  }
  for (const auto* entry : stored->entries()) {
    if (auto link = remember_(entry->definition); !link) return link.error();
  }
  auto overrides = std::make_shared<const ActiveOverrides>(*std::move(stored));
  const MutexLock lock(mutex_);
  overrides_ = std::move(overrides);
  return {};
}

void ActiveLinks::note(std::string text) {
  spdlog::warn("{}", text);
  const MutexLock lock(mutex_);
  notices_.push_back(std::move(text));
}

std::vector<std::string> ActiveLinks::notices() const {
  const MutexLock lock(mutex_);
  return notices_;
}

Result<LinkHash> ActiveLinks::configure(const LinkDefinition& link, std::string& dropped) {
  const MutexLock change(change_mutex_);
  auto hash = remember_configured(link);
  if (!hash) return hash;
  auto next = overrides();
  if (const ModelIdentity identity = identity_of(link); next->configured != identity) {
    ActiveOverrides none;
    none.configured = identity;
    // Without overrides the file says nothing; if it is unread, its identity tells later.
    if (!next->empty()) {
      dropped = dropped_text(*next);
      if (auto replaced = replace(none); !replaced) return std::move(replaced).error();
    }
    next = std::make_shared<const ActiveOverrides>(std::move(none));
  }
  const MutexLock lock(mutex_);
  overrides_ = std::move(next);
  configured_link_ = *hash;
  return hash;
}

LinkHash ActiveLinks::link_for(std::string_view traces_data) const {
  std::shared_ptr<const ActiveOverrides> current;
  LinkHash configured;
  {
    const MutexLock lock(mutex_);
    current = overrides_;
    configured = configured_link_;
  }
  if (!current->services.empty()) {
    const auto found = current->services.find(service_name(traces_data));
    if (found != current->services.end()) return found->second.link;
  }
  return current->all ? current->all->link : configured;
}

LinkHash ActiveLinks::configured() const {
  const MutexLock lock(mutex_);
  return configured_link_;
}

Result<LinkHash> ActiveLinks::set(const std::string& service, const LinkDefinition& link,
                                  std::string set_at) {
  const MutexLock change(change_mutex_);
  const auto hash = remember_(link);
  if (!hash) return hash.error();
  ActiveOverrides next = *overrides();
  const ActiveOverride entry{.definition = link, .link = *hash, .set_at = std::move(set_at)};
  if (service.empty()) {
    next.all = entry;
  } else {
    next.services.insert_or_assign(service, entry);
  }
  if (auto replaced = replace(std::move(next)); !replaced) return std::move(replaced).error();
  return *hash;
}

Result<bool> ActiveLinks::clear(const std::string& service) {
  const MutexLock change(change_mutex_);
  ActiveOverrides next = *overrides();
  const bool there = service.empty() ? next.all.has_value() : next.services.contains(service);
  if (!there) return false;
  if (service.empty()) {
    next.all.reset();
  } else {
    next.services.erase(service);
  }
  if (auto replaced = replace(std::move(next)); !replaced) return std::move(replaced).error();
  return true;
}

std::shared_ptr<const ActiveOverrides> ActiveLinks::overrides() const {
  const MutexLock lock(mutex_);
  return overrides_;
}

Result<void> ActiveLinks::replace(ActiveOverrides overrides) {
  if (unread_) {
    return Error{ErrorCode::io, file_.string() + " cannot be read, and is not replaced unread"};
  }
  if (auto written = write_file_durably(fs_, file_, encode_overrides(overrides)); !written) {
    return written;
  }
  auto next = std::make_shared<const ActiveOverrides>(std::move(overrides));
  const MutexLock lock(mutex_);
  overrides_ = std::move(next);
  return {};
}

}  // namespace tracelink
