# What CPack needs beside what scripts/package sets: name, version, dates and folders.
set(CPACK_PACKAGE_VENDOR tracelink)
set(CPACK_PACKAGE_CONTACT "tracelink maintainers <maintainers@tracelink.invalid>")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
# xz would be a third smaller and take seven times as long.
set(CPACK_DEBIAN_COMPRESSION_TYPE gzip)

if(CPACK_PACKAGE_NAME STREQUAL "tracelink-dbgsym")
  # Not CPACK_DEBIAN_DEBUGINFO_PACKAGE: CPack 3.25 writes the paths of its temporary folder into that package.
  set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "debug symbols for tracelink")
  set(CPACK_PACKAGE_DESCRIPTION "Lets a debugger name the functions in a core dump or backtrace of tracelink.")
  set(CPACK_DEBIAN_PACKAGE_SECTION debug)
  set(CPACK_DEBIAN_PACKAGE_DEPENDS "tracelink (= ${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})")
  return()
endif()

set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "keeps OpenTelemetry traces and delivers them to MLflow")
set(CPACK_PACKAGE_DESCRIPTION
"A daemon that takes OpenTelemetry traces of GenAI applications on a local Unix
socket, keeps them on disk before it acknowledges them, and forwards them to
an MLflow tracking server, linked to the version of the application that made
them.
.
Neither a crash nor a long outage of the tracking server loses or unlinks a
trace. The application is not changed: its OpenTelemetry SDK is pointed at the
socket by three variables.")
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_DEPENDS
    "systemd | systemd-standalone-sysusers, systemd | systemd-standalone-tmpfiles")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
foreach(file IN ITEMS conffiles postinst prerm postrm)
  list(APPEND CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_LIST_DIR}/debian/${file})
endforeach()
