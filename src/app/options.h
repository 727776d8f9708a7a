// What each part of a gateway is told of the configuration, which has been checked: its channels are in the
// table.
#pragma once

#include <string>

#include "app/service_api.h"
#include "config/config.h"
#include "core/engine.h"
#include "gateway/gateway.h"
#include "net/http/server.h"
#include "ops/consul_registrar.h"
#include "ops/jwks_client.h"

namespace gw {

// `names` may have "*" for all, also those that will come.
ChannelSet channel_set(const std::vector<std::string>& names, const ChannelTable& channels);

GatewayOptions gateway_options(const Config& config, const ChannelTable& channels,
                               const EngineTraits& engine);
// `made_key`: made at start, since none is configured; else empty.
ServiceApiOptions api_options(const Config& config, const ChannelTable& channels,
                              const std::string& made_key);
// Whether TLS is spoken where others reach us first: on the first address that is one of IP.
bool is_first_tls(const Config& config);
http::ServerOptions http_options(const Config& config);
JwksClientOptions jwks_options(const Config& config);
consul::RegistrarOptions consul_options(const Config& config, const EngineTraits& engine);
consul::Service consul_service(const Config& config, const EngineTraits& engine,
                               const SocketAddress& listening);

}  // namespace gw
