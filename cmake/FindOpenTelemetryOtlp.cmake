# The OpenTelemetry SDK with its OTLP exporters, as the target OpenTelemetry::otlp.
#
# The package has a config file of its own, which asks for the development packages of gRPC and Protobuf (50 MB)
# although none of the headers used here needs them: so its shared libraries are named here. Of Abseil headers are
# needed, because the library was built with them; both definitions are part of its ABI.
find_package(absl CONFIG)
find_path(OpenTelemetryOtlp_INCLUDE_DIR opentelemetry/sdk/trace/batch_span_processor.h)
set(_otlp_libraries
  opentelemetry_exporter_otlp_grpc opentelemetry_exporter_otlp_grpc_metrics
  opentelemetry_exporter_otlp_http opentelemetry_exporter_otlp_http_metric
  opentelemetry_trace opentelemetry_metrics opentelemetry_resources opentelemetry_common)
set(OpenTelemetryOtlp_LIBRARIES)
set(_otlp_found_vars)
foreach(_name ${_otlp_libraries})
  find_library(OpenTelemetryOtlp_${_name} ${_name})
  mark_as_advanced(OpenTelemetryOtlp_${_name})
  list(APPEND OpenTelemetryOtlp_LIBRARIES ${OpenTelemetryOtlp_${_name}})
  list(APPEND _otlp_found_vars OpenTelemetryOtlp_${_name})
endforeach()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OpenTelemetryOtlp
  REQUIRED_VARS OpenTelemetryOtlp_INCLUDE_DIR ${_otlp_found_vars} absl_FOUND)

if(OpenTelemetryOtlp_FOUND AND NOT TARGET OpenTelemetry::otlp)
  add_library(OpenTelemetry::otlp INTERFACE IMPORTED)
  target_include_directories(OpenTelemetry::otlp SYSTEM INTERFACE ${OpenTelemetryOtlp_INCLUDE_DIR})
  target_compile_definitions(OpenTelemetry::otlp INTERFACE HAVE_ABSEIL OPENTELEMETRY_ABI_VERSION_NO=1)
  target_link_libraries(OpenTelemetry::otlp INTERFACE ${OpenTelemetryOtlp_LIBRARIES} absl::bad_variant_access)
endif()
