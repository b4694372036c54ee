#include "tests/support/allocated_bytes.hpp"

#include <cstdlib>
#include <new>

// NOLINTBEGIN(cppcoreguidelines-no-malloc,cppcoreguidelines-owning-memory): this is what owns.
// NOLINTBEGIN(cppcoreguidelines-avoid-non-const-global-variables): of each thread alone
namespace {

thread_local std::size_t allocated = 0;

}  // namespace

std::size_t tracelink::allocated_bytes() { return allocated; }

void* operator new(std::size_t size) {
  allocated += size;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}

// A library's memory is freed by the operators below, and so has to come from here.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  allocated += size;
  return std::malloc(size);
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
// NOLINTEND(cppcoreguidelines-avoid-non-const-global-variables)
// NOLINTEND(cppcoreguidelines-no-malloc,cppcoreguidelines-owning-memory)
