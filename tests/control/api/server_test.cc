// SPDX-License-Identifier: Apache-2.0
// The API's server against real UNIX sockets and clients that do not behave.
#include "control/api/server.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/control/api/client.h"

namespace weir::api {
namespace {

using nlohmann::json;
using testing::Client;
using testing::ServerThread;
using testing::socket_path;
using namespace std::chrono_literals;

json echo(const json& request) {
    return {{"echo", request}};
}

Limits short_idle() {
    Limits limits;
    limits.idle = 200ms;
    return limits;
}

TEST(Server, AnswersLineByLine) {
    const std::string path = socket_path("lines");
    ServerThread server(path, echo);
    Client client(path);
    ASSERT_TRUE(client.send("{\"a\":1}\n{\"b\":2}\r\n"));
    EXPECT_EQ(client.line(), R"({"echo":{"a":1}})");
    EXPECT_EQ(client.line(), R"({"echo":{"b":2}})");
    ASSERT_TRUE(client.send("[3]"));
    client.end();
    EXPECT_EQ(client.line(), R"({"echo":[3]})");
    EXPECT_EQ(client.line(), std::nullopt);
}

TEST(Server, SocketHasItsModeAndGoesAway) {
    const std::string path = socket_path("mode");
    {
        ServerThread server(path, echo);
        struct stat status {};
        ASSERT_EQ(stat(path.c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 07777, mode_t{0660});
    }
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Server, GarbageIsAnsweredAndTheConnectionGoesOn) {
    const std::string path = socket_path("garbage");
    ServerThread server(path, echo);
    Client client(path);
    for (const std::string& garbage :
         {std::string("hello"), std::string(), std::string("{\"a\":"),
          std::string("\xff\xfe\0\x01", 4), std::string(60000, '['), std::string("{}{}")}) {
        ASSERT_TRUE(client.send(garbage + "\n"));
        const auto line = client.line();
        ASSERT_TRUE(line);
        EXPECT_TRUE(json::parse(*line).contains("error")) << garbage.substr(0, 20);
    }
    ASSERT_TRUE(client.send("1\n"));
    EXPECT_EQ(client.line(), R"({"echo":1})");
}

TEST(Server, AHandlersJsonMistakeIsAnswered) {
    const std::string path = socket_path("mistake");
    ServerThread server(path, [](const json& request) {
        return json{{"x", request.at("missing")}};
    });
    Client client(path);
    client.send("{}\n");
    EXPECT_TRUE(json::parse(*client.line()).contains("error"));
}

TEST(Server, TextThatIsNotUtf8IsSentReplaced) {
    const std::string path = socket_path("utf8");
    ServerThread server(path, [](const json&) { return json{{"name", "caf\xe9"}}; });
    Client client(path);
    client.send("{}\n");
    EXPECT_EQ(json::parse(*client.line())["name"], "caf\xef\xbf\xbd");
}

TEST(Server, LinesAreBounded) {
    const std::string path = socket_path("bounded");
    ServerThread server(path, echo);
    Client fits(path);
    fits.send("\"" + std::string(64 * 1024 - 2, 'x') + "\"\n");
    EXPECT_TRUE(json::parse(*fits.line()).contains("echo"));
    Client client(path);
    client.send(std::string(1 << 20, 'x'));
    const auto line = client.line();
    ASSERT_TRUE(line);
    EXPECT_NE(line->find("65536 bytes"), std::string::npos) << *line;
    EXPECT_EQ(client.line(), std::nullopt);
}

TEST(Server, ClientsAreBounded) {
    const std::string path = socket_path("many");
    ServerThread server(path, echo);
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 32; i++) {
        clients.push_back(std::make_unique<Client>(path));
        clients.back()->send("1\n");
        EXPECT_EQ(clients.back()->line(), R"({"echo":1})");
    }
    EXPECT_EQ(server.clients(), 32u);
    Client one_more(path);
    const auto line = one_more.line();
    ASSERT_TRUE(line);
    EXPECT_NE(line->find("32 API clients"), std::string::npos);
    EXPECT_EQ(one_more.line(), std::nullopt);

    clients.pop_back();
    for (int i = 0; i < 100 && server.clients() == 32; i++) std::this_thread::sleep_for(10ms);
    Client next(path);
    next.send("2\n");
    EXPECT_EQ(next.line(), R"({"echo":2})");
}

TEST(Server, IdleClientsAreDisconnected) {
    const std::string path = socket_path("idle");
    ServerThread server(path, echo, short_idle());
    Client silent(path);
    Client half(path);
    half.send("{\"show\":");
    silent.wait_for_end();
    half.wait_for_end();
    EXPECT_EQ(server.clients(), 0u);
}

TEST(Server, AClientThatDoesNotReadHoldsUpNobody) {
    const std::string path = socket_path("slow");
    ServerThread server(
        path, [](const json&) { return json(std::string(8 << 20, 'x')); }, short_idle());
    Client lazy(path);
    lazy.send("1\n");
    Client eager(path);
    eager.send("1\n");
    EXPECT_EQ(eager.line()->size(), (8u << 20) + 2);
    for (int i = 0; i < 200 && server.clients() > 1; i++) std::this_thread::sleep_for(10ms);
    EXPECT_LE(server.clients(), 1u);
}

TEST(Server, ASecondOneIsRefused) {
    const std::string path = socket_path("second");
    ServerThread server(path, echo);
    boost::asio::io_context loop;
    const auto second = Server::listen(loop, path, echo);
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().find("another weir answers on"), std::string::npos) << second.error();
    Client client(path);
    client.send("1\n");
    EXPECT_EQ(client.line(), R"({"echo":1})");
}

TEST(Server, AStaleSocketIsReplaced) {
    const std::string path = socket_path("stale");
    const pid_t child = fork();
    if (child == 0) {
        boost::asio::io_context loop;
        const auto server = Server::listen(loop, path, echo);
        _exit(server ? 0 : 1);  // as after kill -9: nothing is cleaned up
    }
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_EQ(status, 0);
    ASSERT_TRUE(std::filesystem::exists(path));
    ServerThread server(path, echo);
    Client client(path);
    client.send("1\n");
    EXPECT_EQ(client.line(), R"({"echo":1})");
}

TEST(Server, WhatIsNotASocketIsLeftAlone) {
    const std::string path = socket_path("file");
    std::ofstream(path) << "precious";
    boost::asio::io_context loop;
    const auto server = Server::listen(loop, path, echo);
    ASSERT_FALSE(server);
    EXPECT_NE(server.error().find("is not a socket"), std::string::npos);
    EXPECT_TRUE(std::filesystem::exists(path));
}

TEST(Server, ASuccessorsSocketIsNotRemoved) {
    const std::string path = socket_path("successor");
    {
        ServerThread server(path, echo);
        std::filesystem::remove(path);
        std::ofstream(path) << "another one";
    }
    EXPECT_TRUE(std::filesystem::exists(path));
}

TEST(Server, BadPathsAreRefused) {
    boost::asio::io_context loop;
    EXPECT_FALSE(Server::listen(loop, "", echo));
    EXPECT_FALSE(Server::listen(loop, "/" + std::string(200, 'x'), echo));
    EXPECT_FALSE(Server::listen(loop, socket_path("no/such/folder"), echo));
}

}  // namespace
}  // namespace weir::api
