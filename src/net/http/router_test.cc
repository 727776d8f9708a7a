#include "net/http/router.h"

#include "net/http/server_testing.h"

namespace gw::http {
namespace {

class RouterTest : public ServerTest {
 protected:
  RouterTest() {
    const auto name = [](std::string text) {
      return [text](Request& request, Responder responder) {
        std::string body = text;
        for (const PathParameter& p : request.parameters)
          body.append(" ").append(p.name).append("=").append(p.value);
        responder.send(Response::json(200, body));
      };
    };
    router.add("GET", "/", name("root"));
    router.add("GET", "/sessions", name("list"));
    router.add("POST", "/sessions", name("create"));
    router.add("GET", "/sessions/{id}", name("one"));
    router.add("DELETE", "/sessions/{id}", name("end"));
    router.add("GET", "/channels/{channel}/connections", name("channel"));
    router.add("GET", "/channels/all/connections", name("all"));
    start([this](Request& request, Responder responder) { router.handle(request, std::move(responder)); });
  }

  ReceivedResponse ask(const std::string& method, const std::string& target) {
    return connect(method + " " + target + " HTTP/1.1\r\nHost: a\r\n\r\n").response(method == "HEAD");
  }

  Router router;
};

TEST_F(RouterTest, FindsTheHandlerAndItsParameters) {
  EXPECT_EQ(ask("GET", "/").body, "root");
  EXPECT_EQ(ask("GET", "/?x=1").body, "root");
  EXPECT_EQ(ask("POST", "/sessions").body, "create");
  EXPECT_EQ(ask("GET", "/sessions/a").body, "one id=a");
  EXPECT_EQ(ask("DELETE", "/sessions/a%2Fb?q").body, "end id=a%2Fb");
  EXPECT_EQ(ask("GET", "/channels/pillar:content/connections").body, "channel channel=pillar:content");
  EXPECT_EQ(ask("GET", "/channels/all/connections").body, "all");
}

TEST_F(RouterTest, WhatIsNotThereIs404) {
  for (const char* path : {"/x", "/sessions/", "/sessions/a/", "/sessions//", "//sessions", "/SESSIONS",
                           "/session%73", "/channels//connections", "/channels/a/b/connections"}) {
    EXPECT_EQ(ask("GET", path).status, 404) << path;
  }
  EXPECT_EQ(ask("GET", std::string(10'000, '/')).body,
            R"({"success":false,"error":"no such path","code":"not_found"})");
}

TEST_F(RouterTest, AnotherMethodIs405AndSaysWhichAreAllowed) {
  const ReceivedResponse response = ask("PUT", "/sessions/a");
  EXPECT_EQ(response.status, 405);
  EXPECT_TRUE(response.has("Allow: GET, HEAD, DELETE"));
  EXPECT_EQ(ask("get", "/").status, 405);  // methods are case-sensitive
}

TEST_F(RouterTest, HeadIsServedByGet) { EXPECT_EQ(ask("HEAD", "/sessions").status, 200); }

TEST_F(RouterTest, ListsItsRoutes) {
  ASSERT_EQ(router.routes().size(), 7u);
  EXPECT_EQ(router.routes()[2].method, "POST");
  EXPECT_EQ(router.routes()[2].pattern, "/sessions");
}

}  // namespace
}  // namespace gw::http
