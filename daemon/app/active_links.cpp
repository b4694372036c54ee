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

const ActiveOverride* override_of(const ActiveOverrides& overrides, std::string_view service) {
  const auto found = overrides.services.find(service);
  if (found != overrides.services.end()) return &found->second;
  return overrides.all ? &*overrides.all : nullptr;
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
  const auto undecided = remember_undecided(configured);
  if (!undecided) return undecided.error();
  {
    const MutexLock lock(mutex_);
    undecided_link_ = *undecided;
  }
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

Result<LinkHash> ActiveLinks::remember_undecided(LinkDefinition configured) const {
  configured.undecided = true;
  return remember_(configured);
}

void ActiveLinks::take(ActiveOverrides read) {
  const MutexLock lock(mutex_);
  read_ = std::make_shared<const ActiveOverrides>(std::move(read));
  if (read_->configured == overrides_->configured) overrides_ = read_;
}

bool ActiveLinks::is_unread() const {
  const MutexLock lock(mutex_);
  return !read_;
}

Result<void> ActiveLinks::known() const {
  if (!is_unread()) return {};
  return not_replaced_unread(file_);
}

Result<void> ActiveLinks::load_overrides() {
  const auto there = fs_.exists(file_);
  if (!there) return there.error();
  const ActiveOverrides none{.configured = overrides()->configured, .all = {}, .services = {}};
  if (!*there) {
    take(none);
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
    take(none);
    return {};
  }
  for (const auto* entry : stored->entries()) {
    if (auto link = remember_(entry->definition); !link) return link.error();
  }
  const bool is_dropped = stored->configured != none.configured;
  if (is_dropped && !stored->empty() && is_unread()) note(dropped_text(*stored));
  take(*std::move(stored));
  return is_dropped ? write(none) : Result<void>();
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
  auto undecided = is_unread() ? remember_undecided(link) : LinkHash();
  if (!undecided) return undecided;
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
  undecided_link_ = *undecided;
  return hash;
}

LinkHash ActiveLinks::link_for(std::string_view service) const {
  std::shared_ptr<const ActiveOverrides> current;
  LinkHash configured;
  {
    const MutexLock lock(mutex_);
    if (!read_) return undecided_link_;
    current = overrides_;
    configured = configured_link_;
  }
  const ActiveOverride* entry = override_of(*current, service);
  return entry != nullptr ? entry->link : configured;
}

std::optional<LinkHash> ActiveLinks::decide(const LinkDefinition& undecided,
                                            std::string_view traces_data) const {
  std::shared_ptr<const ActiveOverrides> read;
  {
    const MutexLock lock(mutex_);
    read = read_;
  }
  if (!read) return std::nullopt;
  LinkDefinition configured = undecided;
  configured.undecided = false;
  if (read->configured == identity_of(configured)) {
    if (const ActiveOverride* entry = override_of(*read, service_name(traces_data)))
      return entry->link;
  }
  const auto link = remember_configured(configured);
  return link ? std::optional(*link) : std::nullopt;
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
  if (auto read = known(); !read) return std::move(read).error();
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

Result<void> ActiveLinks::write(const ActiveOverrides& overrides) const {
  return write_file_durably(fs_, file_, encode_overrides(overrides));
}

Result<void> ActiveLinks::replace(ActiveOverrides overrides) {
  if (auto read = known(); !read) return read;
  if (auto written = write(overrides); !written) return written;
  auto next = std::make_shared<const ActiveOverrides>(std::move(overrides));
  const MutexLock lock(mutex_);
  overrides_ = std::move(next);
  return {};
}

}  // namespace tracelink
