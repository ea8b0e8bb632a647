// SPDX-License-Identifier: Apache-2.0
// What weir refuses and nginx does not: the first line names the directive, file and line, the
// second says why and what to do instead.
#include "tests/control/config/support.h"

namespace weir::config {
namespace {

struct Case {
    const char* text;
    const char* first_line;
    const char* detail;  // a part of the second line
};

std::string stream_server(const std::string& text) {
    return "stream { server { listen 1; proxy_pass one.test:1; " + text + " } }";
}

std::string http_server(const std::string& text) {
    return "http { server { listen 1; location / { proxy_pass http://one.test; } " + text + " } }";
}

TEST(Refusals, NameTheDirectiveAndTheReason) {
    const Case in_http[] = {
        {"rewrite ^ /x;", "\"rewrite\" directive is not supported by an L4 balancer in t.conf:1",
         "path of a request is not seen"},
        {"return 301 /;", "\"return\" directive is not supported by an L4 balancer in t.conf:1",
         "path"},
        {"location /api { }",
         "\"location\" directive is not supported by an L4 balancer in t.conf:1", "location / { }"},
        {"location = / { }",
         "\"location\" directive is not supported by an L4 balancer in t.conf:1", "path"},
        {"listen 443 ssl;",
         "\"ssl\" parameter of \"listen\" is not supported by an L4 balancer in t.conf:1",
         "TLS passes through unchanged"},
        {"ssl_certificate x.pem;",
         "\"ssl_certificate\" directive is not supported by an L4 balancer in t.conf:1", "TLS"},
        {"if ($host = a) { }", "\"if\" directive is not supported by an L4 balancer in t.conf:1",
         "requests are not seen"},
        {"add_header X y;",
         "\"add_header\" directive is not supported by an L4 balancer in t.conf:1", "headers"},
        {"proxy_set_header Authorization x;",
         "\"proxy_set_header Authorization\" directive is not supported by an L4 balancer in "
         "t.conf:1",
         "headers are not seen"},
        {"deny all;", "\"deny\" directive is not supported yet in t.conf:1", "filter"},
        {"listen unix:/x;",
         "UNIX-domain socket \"unix:/x\" is not supported by an L4 balancer in t.conf:1",
         "network"},
        {"server_nane x;", "unknown directive \"server_nane\" in t.conf:1",
         "did you mean \"server_name\"?"},
    };
    for (const Case& c : in_http) expect_refused(http_server(c.text), c.first_line, c.detail);

    const Case in_stream[] = {
        {"proxy_ssl on;", "\"proxy_ssl\" directive is not supported by an L4 balancer in t.conf:1",
         "TLS"},
        {"listen 2 proxy_protocol;",
         "\"proxy_protocol\" parameter of \"listen\" is not supported by an L4 balancer in "
         "t.conf:1",
         "not seen"},
        {"health_check match=m;",
         "\"match\" parameter of \"health_check\" is not supported yet in t.conf:1", "remove it"},
        {"health_check uri=/;", "invalid parameter \"uri=/\" in t.conf:1", "http{}"},
        {"proxy_next_upstream on;",
         "\"proxy_next_upstream\" directive is not supported yet in t.conf:1", "health_check"},
    };
    for (const Case& c : in_stream) expect_refused(stream_server(c.text), c.first_line, c.detail);

    const Case in_upstream[] = {
        {"least_conn;", "\"least_conn\" directive is not supported yet in t.conf:1",
         "use round robin, ip_hash or maglev"},
        {"hash $remote_addr consistent;", "\"hash\" directive is not supported yet in t.conf:1",
         "maglev"},
        {"lest_conn;", "unknown directive \"lest_conn\" in t.conf:1",
         "did you mean \"least_conn\"?"},
        {"server one.test:1 max_conns=5;",
         "\"max_conns\" parameter is not supported yet in t.conf:1", "remove it"},
        {"server unix:/x;",
         "UNIX-domain socket \"unix:/x\" is not supported by an L4 balancer in t.conf:1",
         "address"},
        {"maglev $uri;", "invalid parameter \"$uri\" in t.conf:1", "maglev $remote_addr"},
    };
    for (const Case& c : in_upstream)
        expect_refused("stream { upstream a { server one.test:1; " + std::string(c.text) + " } }",
                       c.first_line, c.detail);
}

TEST(Refusals, BackupNeedsRoundRobin) {
    const std::string expected =
        "balancing method does not support parameter \"backup\" in t.conf:1";
    EXPECT_EQ(error_of("stream { upstream a { maglev; server one.test:1 backup; } }"), expected);
    EXPECT_EQ(
        error_of("stream { upstream a { server one.test:2; server one.test:1 backup;\nmaglev; } }"),
        expected);
}

TEST(Refusals, TwoServersCannotShareAListen) {
    const std::string http =
        "http { server { listen 80; location / { proxy_pass http://one.test; } }\n"
        "server { listen *:80; location / { proxy_pass http://one.test; } } }";
    expect_refused(http, "duplicate \"0.0.0.0:80\" address and port pair in t.conf:2",
                   "host names");
    expect_refused(http_server("") + "\n" + stream_server(""),
                   "duplicate \"0.0.0.0:1\" address and port pair in t.conf:2",
                   "listens there already");
}

TEST(Refusals, AServerNeedsAProxyPass) {
    expect_refused("http { server {\n listen 80; } }",
                   "no \"proxy_pass\" is defined for server in t.conf:1", "serves no files");
}

TEST(Refusals, HintsAtAByteOrderMark) {
    expect_refused(
        "\xEF\xBB\xBF"
        "daemon on;",
        "unknown directive \"\xEF\xBB\xBF"
        "daemon\" in t.conf:1",
        "byte order mark");
}

TEST(Refusals, ProxyPassOfHttpTakesNoUriAndNoTls) {
    const auto with = [](const std::string& target) {
        return "http { server { location / { proxy_pass " + target + "; } } }";
    };
    expect_refused(with("http://one.test/x"),
                   "URI \"/x\" in \"proxy_pass\" is not supported by an L4 balancer in t.conf:1",
                   "path");
    expect_refused(with("https://one.test"),
                   "\"https://\" in \"proxy_pass\" is not supported by an L4 balancer in t.conf:1",
                   "TLS");
    expect_refused(with("http://$backend"),
                   "variable in \"proxy_pass\" is not supported by an L4 balancer in t.conf:1",
                   "upstream");
}

}  // namespace
}  // namespace weir::config
