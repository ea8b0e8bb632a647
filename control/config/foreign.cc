// SPDX-License-Identifier: Apache-2.0
// nginx's directives that weir does not honour: those it can ignore without changing what clients
// get, and those it refuses, each with the reason. A name that stands in neither this table nor a
// handler table is an unknown directive. Read by directives.cc only.
#include "control/config/directives.h"

namespace weir::config {
namespace {

using enum Foreign::Treatment;

constexpr unsigned everywhere = in_main | in_any_http | in_any_stream;

constexpr Foreign table[] = {
    // Ignored: the process and its event loop.
    {ignored, in_main, false, "weir's workers are set by worker_processes and the dataplane block",
     "worker_priority worker_cpu_affinity worker_rlimit_core worker_rlimit_nofile "
     "worker_rlimit_sigpending timer_resolution lock_file pcre_jit debug_points thread_pool "
     "master_process_priority ssl_engine env working_directory"},
    {ignored, in_main, false,
     "weir loads no modules; a directive of a module is refused by its name", "load_module"},
    {ignored, in_events, false, "weir has no connections of its own; see dataplane { flows }",
     "worker_connections worker_aio_requests"},
    {ignored, in_events, false, "weir does not wait for sockets",
     "use multi_accept accept_mutex accept_mutex_delay debug_connection"},
    {ignored, in_any_http | in_any_stream, false,
     "weir has one log, the error_log of the main level", "error_log"},

    // Ignored: how a proxy handles bytes that weir forwards as they are.
    {ignored, in_any_http, false,
     "packets are forwarded as they are; there is no file or socket to tune",
     "sendfile sendfile_max_chunk tcp_nopush tcp_nodelay aio aio_write directio directio_alignment "
     "output_buffers postpone_output read_ahead open_file_cache open_file_cache_valid "
     "open_file_cache_min_uses open_file_cache_errors reset_timedout_connection lingering_close "
     "lingering_time lingering_timeout send_lowat send_timeout"},
    {ignored, in_any_http, false,
     "the client's connection is the backend's connection; the backend keeps it alive",
     "keepalive_timeout keepalive_requests keepalive_time keepalive_disable proxy_http_version "
     "proxy_socket_keepalive"},
    {ignored, in_any_http, false,
     "requests pass through to the backend, which has limits of its own",
     "client_max_body_size client_body_buffer_size client_body_timeout client_header_timeout "
     "client_header_buffer_size large_client_header_buffers client_body_in_file_only "
     "client_body_in_single_buffer client_body_temp_path request_pool_size connection_pool_size "
     "ignore_invalid_headers underscores_in_headers merge_slashes chunked_transfer_encoding "
     "max_ranges etag if_modified_since absolute_redirect port_in_redirect server_name_in_redirect "
     "default_type server_tokens charset charset_types override_charset source_charset "
     "msie_padding "
     "msie_refresh log_not_found log_subrequest"},
    {ignored, in_any_http, false, "responses pass through as the backend wrote them",
     "gzip gzip_buffers gzip_comp_level gzip_disable gzip_http_version gzip_min_length "
     "gzip_proxied "
     "gzip_types gzip_vary gzip_static gunzip gunzip_buffers proxy_buffering "
     "proxy_request_buffering proxy_buffers proxy_buffer_size proxy_busy_buffers_size "
     "proxy_max_temp_file_size proxy_temp_file_write_size proxy_temp_path "
     "proxy_headers_hash_max_size "
     "proxy_headers_hash_bucket_size proxy_intercept_errors proxy_ignore_client_abort "
     "proxy_pass_header proxy_redirect recursive_error_pages"},
    {ignored, in_any_http, false,
     "weir sees packets, not requests; an idle connection lives 10 minutes",
     "proxy_read_timeout proxy_send_timeout"},
    {ignored, in_any_http | in_any_stream, false,
     "weir sees connections, not requests, and logs none",
     "access_log log_format open_log_file_cache"},
    {ignored, in_http, true, "the backend sends the type of a response", "types"},
    {ignored, in_http_server | in_http_location, true, "the backend sends the type of a response",
     "types"},
    {ignored, in_http, true, "no directive that weir honours takes a variable", "map geo"},
    {ignored, in_any_http | in_any_stream, false, "weir sizes its own tables",
     "types_hash_max_size types_hash_bucket_size server_names_hash_max_size "
     "server_names_hash_bucket_size variables_hash_max_size variables_hash_bucket_size "
     "map_hash_max_size map_hash_bucket_size"},
    {ignored, in_any_http | in_any_stream, false,
     "names are resolved once, by the system's resolver", "resolver resolver_timeout"},
    {ignored, in_any_http, false,
     "TLS passes through to the backend, which has settings of its own",
     "ssl_protocols ssl_ciphers ssl_prefer_server_ciphers ssl_session_cache ssl_session_timeout "
     "ssl_session_tickets ssl_dhparam ssl_ecdh_curve ssl_buffer_size ssl_early_data"},
    {ignored, in_http_server, false,
     "an L4 balancer sees no host names; the listen address decides", "server_name"},
    {ignored, in_any_upstream, false, "the client's connection is the backend's connection",
     "keepalive keepalive_requests keepalive_time keepalive_timeout"},
    {ignored, in_any_stream, false, "packets are forwarded as they are; there is no socket to tune",
     "tcp_nodelay proxy_buffer_size proxy_socket_keepalive preread_buffer_size preread_timeout "
     "proxy_half_close"},

    // Refused: they need the byte stream.
    {refused, in_any_http | in_any_stream, false,
     "TLS passes through unchanged: terminate it on the backends, or keep nginx behind this "
     "balancer",
     "ssl ssl_certificate ssl_certificate_key ssl_password_file ssl_client_certificate "
     "ssl_verify_client ssl_verify_depth ssl_trusted_certificate ssl_crl ssl_stapling "
     "ssl_stapling_verify ssl_preread ssl_handshake_timeout ssl_alpn ssl_conf_command "
     "ssl_reject_handshake proxy_ssl proxy_ssl_name proxy_ssl_server_name proxy_ssl_verify "
     "proxy_ssl_certificate proxy_ssl_certificate_key proxy_ssl_trusted_certificate "
     "proxy_ssl_protocols proxy_ssl_ciphers proxy_ssl_session_reuse http2 http3"},
    {refused, in_any_http, false,
     "the path of a request is not seen: route by path on the backends, or keep nginx behind this "
     "balancer",
     "rewrite return try_files alias root index autoindex error_page internal set rewrite_log "
     "uninitialized_variable_warn break proxy_method proxy_set_body proxy_pass_request_headers "
     "proxy_pass_request_body mirror sub_filter sub_filter_once sub_filter_types random_index"},
    {refused, in_http_server | in_http_location, true,
     "requests are not seen: decide on the backends, or keep nginx behind this balancer",
     "if limit_except"},
    {refused, in_any_http, false,
     "headers are not seen, so none can be added or removed: do it on the backends",
     "add_header add_trailer expires proxy_hide_header proxy_ignore_headers proxy_cookie_domain "
     "proxy_cookie_path proxy_cookie_flags"},
    {refused, in_any_http, false,
     "responses are not seen, so none can be stored: keep nginx as a cache behind this balancer",
     "proxy_cache proxy_cache_path proxy_cache_key proxy_cache_valid proxy_cache_bypass "
     "proxy_no_cache proxy_cache_use_stale proxy_cache_lock proxy_cache_methods "
     "proxy_cache_min_uses proxy_cache_revalidate proxy_cache_background_update proxy_store"},
    {refused, in_any_http, false,
     "requests are not seen, so none can be authorised: do it on the backends",
     "auth_basic auth_basic_user_file auth_request auth_request_set satisfy auth_jwt secure_link"},
    {refused, in_any_http, false,
     "only plain proxying is possible without the byte stream: keep nginx behind this balancer",
     "fastcgi_pass uwsgi_pass scgi_pass grpc_pass memcached_pass stub_status empty_gif flv mp4 "
     "dav_methods "
     "js_import js_include js_content js_set perl perl_set perl_modules echo"},
    {refused, in_http, true, "variables that choose a backend are not seen", "split_clients"},
    {refused, in_main, true, "mail is not balanced by protocol: use a stream server on its port",
     "mail"},
    {refused, in_any_upstream, false, "requests and cookies are not seen: use ip_hash or maglev",
     "sticky sticky_cookie_insert ntlm queue route"},
    {refused, in_any_stream, false,
     "the first bytes of a connection are not seen: use one listen address or port a service",
     "js_access js_preread js_filter js_import js_set return pass server_name mqtt mqtt_preread "
     "set_real_ip_from proxy_protocol_timeout"},
    {refused, in_any_http, false,
     "requests are not seen: the client's address is that of its packets",
     "set_real_ip_from real_ip_header real_ip_recursive"},
    {refused, in_any_http, false,
     "requests are not seen, so none can be counted: do it on the backends",
     "limit_req limit_req_zone limit_req_status limit_req_log_level limit_rate limit_rate_after"},

    // Not yet.
    {not_yet, in_any_upstream, false, "use round robin, ip_hash or maglev",
     "least_conn least_time hash random"},
    {not_yet, in_any_upstream, false, "weir keeps no state of an upstream in a file",
     "state resolver"},
    {not_yet, in_any_http | in_any_stream, false,
     "filter clients in front of the balancer, or on the backends",
     "allow deny limit_conn limit_conn_zone limit_conn_status limit_conn_log_level "
     "limit_conn_dry_run"},
    {not_yet, in_any_http | in_any_stream, false,
     "a backend that does not answer is taken out by health_check",
     "proxy_next_upstream proxy_next_upstream_tries proxy_next_upstream_timeout"},
    {not_yet, in_any_stream, false, "remove the line; the session ends by proxy_timeout",
     "proxy_requests proxy_responses"},
    {not_yet, in_any_stream, false, "remove the line; packets are forwarded at full rate",
     "proxy_upload_rate proxy_download_rate"},
    {not_yet, in_any_stream, false,
     "the backends see the balancer's address as the client; remove the line", "proxy_protocol"},
    {not_yet, in_stream, true, "name the upstream in proxy_pass", "map geo split_clients"},
    {not_yet, in_any_stream, false, "name the upstream in proxy_pass", "set"},
    {not_yet, in_http | in_stream, true,
     "a probe expects a connection, or a status from 200 to 399", "match"},
    {not_yet, in_any_http | in_any_stream, false, "state is not shared between balancers",
     "zone_sync zone_sync_server keyval keyval_zone"},
    {not_yet, everywhere, false, "state is shown by weirctl", "api status_zone"},
};

}  // namespace

std::span<const Foreign> foreign_directives() {
    return table;
}

}  // namespace weir::config
