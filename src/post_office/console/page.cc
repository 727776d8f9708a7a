#include "post_office/console/page.h"

#include <string>

#include "post_office/console/page_data.h"

namespace gw {

namespace {

// 'self' covers ws: and wss: of the page's own host and port (CSP 3, section 6.7.2.8). A data: image is
// the icon. Trusted types make a browser refuse markup built from text, wherever in the script.
std::string make_policy() {
  std::string policy = "default-src 'none'; connect-src 'self'; img-src data:; style-src '";
  policy += console_data::kStyleHash;
  policy += "'; script-src '";
  policy += console_data::kScriptHash;
  policy +=
      "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
      "require-trusted-types-for 'script'; trusted-types 'none'";
  return policy;
}

}  // namespace

std::string_view console_page() { return {console_data::kPage, sizeof(console_data::kPage)}; }

std::string_view console_policy() {
  static const std::string policy = make_policy();
  return policy;
}

}  // namespace gw
