#pragma once

namespace tracelink {

// Opens /dev/null in the place of each of standard input, output and error that the caller left
// closed, so that no file or socket of this process gets their numbers: what is printed would be
// written into it. Each is opened for the other direction only (input for writing, output and
// error for reading), so that who uses it fails as with a closed one. The programs that this
// process starts inherit them. False if one could not be opened.
//
// To be called first of all in main().
bool keep_standard_streams();

}  // namespace tracelink
