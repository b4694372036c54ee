#include "daemon/queue/link_store.hpp"

#include "daemon/codec/link_codec.hpp"

namespace tracelink {
namespace {

bool is_named_by_trace(const std::string& encoded) {
  const auto link = decode_link(encoded);
  return link && link->named_by_trace;
}

}  // namespace

LinkStore::LinkStore(FileSystem& fs, std::filesystem::path directory, Quarantine& quarantine)
    : fs_(fs), directory_(std::move(directory)), quarantine_(quarantine) {}

Result<void> LinkStore::open() {
  const auto names = fs_.list(directory_);
  if (!names) return names.error();
  for (const auto& name : *names) {
    if (auto loaded = load(name); !loaded) return loaded;
  }
  return {};
}

Result<void> LinkStore::load(const std::string& name) {
  const auto path = directory_ / name;
  if (name.ends_with(".tmp")) return fs_.remove(path);
  auto content = read_file(fs_, path);
  if (!content) return std::move(content).error();
  const auto hash = hash_link(*content);
  if (hash.hex() != name) return quarantine_.set_aside(path);
  const std::lock_guard lock(mutex_);
  links_.emplace(hash, std::make_shared<const std::string>(*std::move(content)));
  return {};
}

Result<LinkHash> LinkStore::remember(const LinkDefinition& link) {
  auto bytes = encode_link(link);
  const auto hash = hash_link(bytes);
  if (auto stored = store(hash, std::move(bytes)); !stored) return std::move(stored).error();
  return hash;
}

Result<void> LinkStore::learn(std::string_view encoded) {
  if (!decode_link(encoded)) return {};
  return store(hash_link(encoded), std::string(encoded));
}

Result<void> LinkStore::store(const LinkHash& hash, std::string encoded) {
  const std::lock_guard writing(writing_);
  if (this->encoded(hash)) return {};
  if (auto written = write_file_durably(fs_, directory_ / hash.hex(), encoded); !written) {
    return written;
  }
  const std::lock_guard lock(mutex_);
  links_.emplace(hash, std::make_shared<const std::string>(std::move(encoded)));
  return {};
}

Result<LinkDefinition> LinkStore::find(const LinkHash& hash) const {
  const auto bytes = encoded(hash);
  if (!bytes) return Error{ErrorCode::invalid, "unknown link " + hash.hex()};
  return decode_link(*bytes);
}

std::vector<LinkHash> LinkStore::named_by_traces() const {
  std::vector<LinkHash> named;
  const std::lock_guard lock(mutex_);
  for (const auto& [hash, bytes] : links_) {
    if (is_named_by_trace(*bytes)) named.push_back(hash);
  }
  return named;
}

// A file that stays after a failure is loaded, and forgotten, again.
Result<void> LinkStore::forget(const LinkHash& hash) {
  const std::lock_guard writing(writing_);
  const auto known = encoded(hash);
  if (!known || !is_named_by_trace(*known)) return {};
  {
    const std::lock_guard lock(mutex_);
    links_.erase(hash);
  }
  return fs_.remove(directory_ / hash.hex());
}

std::map<LinkHash, LinkDefinition> LinkStore::all() const {
  const std::lock_guard lock(mutex_);
  std::map<LinkHash, LinkDefinition> all;
  for (const auto& [hash, bytes] : links_) {
    if (auto link = decode_link(*bytes)) all.emplace(hash, *std::move(link));
  }
  return all;
}

std::shared_ptr<const std::string> LinkStore::encoded(const LinkHash& hash) const {
  const std::lock_guard lock(mutex_);
  const auto found = links_.find(hash);
  return found == links_.end() ? nullptr : found->second;
}

}  // namespace tracelink
