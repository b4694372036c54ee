// Runs a fuzzer's inputs without libFuzzer: every file of the folder given, and every beginning of
// it, since truncation is the damage that real peers do.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

// In memory of exactly this size, so that a sanitizer sees a read beyond it.
void run(const std::string& input, std::size_t size) {
  const std::vector<std::uint8_t> exact(input.begin(),
                                        input.begin() + static_cast<std::ptrdiff_t>(size));
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string input{std::istreambuf_iterator<char>(file), {}};
    if (!file) return 1;
    std::printf("%s\n", entry.path().filename().c_str());
    std::fflush(stdout);
    for (std::size_t size = 0; size <= input.size(); ++size) run(input, size);
    ++files;
  }
  return files > 0 ? 0 : 1;
}
