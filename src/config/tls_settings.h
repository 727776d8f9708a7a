// Settings of TLS on our own listeners (net/tls_context.h): their list, the certificates in their files, and
// what does not fit together.
#pragma once

#include <string>
#include <vector>

#include "config/check.h"
#include "config/settings.h"
#include "config/sources.h"

namespace gw {

void add_tls_settings(std::vector<Setting>& out);
// Those of config.tls_certificate_files with their keys, into config.tls.
void read_tls_certificates(Config& config, const ReadFile& read_file, const Provenance& where,
                           std::vector<std::string>& problems);
void check_tls(Config& config, const Provenance& where, std::vector<std::string>& problems);
// Of what is no reason not to start: a service must come up again while somebody looks for a new certificate.
std::vector<std::string> certificate_warnings(const Config& config, WallTime now);

}  // namespace gw
