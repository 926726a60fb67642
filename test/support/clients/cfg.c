/* Line-driven client of libcfg (see lines.h). Calls every function of the library.
 *
 *   init, fd, local, rings, status NODE [VERSION], addresses NODE
 *   kill NODE REASON, shutdown FLAGS, reply 0|1, track, untrack
 *   answer 0|1|none     what is replied to a question about a shutdown, at once (none at first)
 *   reload, reopen, finalize
 */
#include "lines.h"
#include <arpa/inet.h>
#include <corosync/cfg.h>

#define MAX_ADDRESSES 8

static corosync_cfg_handle_t handle;
static int fd = -1;
static int answer = -1;

static void on_shutdown(corosync_cfg_handle_t h, corosync_cfg_shutdown_flags_t flags)
{
	say("SHUTDOWN_ASKED flags=%d", flags);
	if (answer >= 0) say("REPLY %d rc=%d", answer, corosync_cfg_replyto_shutdown(h, (corosync_cfg_shutdown_reply_flags_t)answer));
}

static int descriptor(void) { return fd; }

static cs_error_t dispatch(cs_dispatch_flags_t flags) { return corosync_cfg_dispatch(handle, flags); }

static void rings(void)
{
	char **names = NULL, **status = NULL;
	unsigned count = 0;
	cs_error_t rc = corosync_cfg_ring_status_get(handle, &names, &status, &count);
	say("RINGS rc=%d n=%u", rc, rc == CS_OK ? count : 0);
	if (rc != CS_OK) return;
	for (unsigned i = 0; i < count; i++) {
		say("RING %s | %s", names[i], status[i]);
		free(names[i]);
		free(status[i]);
	}
	free(names);
	free(status);
}

static void node_status(void)
{
	struct corosync_cfg_node_status_v1 s;
	unsigned version = words > 2 ? (unsigned)number(2) : CFG_NODE_STATUS_V1;
	memset(&s, 0, sizeof s);
	cs_error_t rc = corosync_cfg_node_status_get(handle, (unsigned)number(1), (corosync_cfg_node_status_version_t)version, &s);
	if (rc != CS_OK) {
		say("STATUS %s rc=%d", argument(1), rc);
		return;
	}
	say("STATUS %s rc=%d version=%u node=%u reachable=%u remote=%u external=%u onwire=%u,%u,%u", argument(1), rc, s.version, s.nodeid,
	    s.reachable, s.remote, s.external, s.onwire_min, s.onwire_max, s.onwire_ver);
	for (int i = 0; i < CFG_MAX_LINKS; i++) {
		const struct corosync_knet_link_status_v1 *l = &s.link_status[i];
		if (l->enabled) say("LINK %d connected=%u mtu=%u src=%s dst=%s", i, l->connected, l->mtu, l->src_ipaddr, l->dst_ipaddr);
	}
}

static void addresses(void)
{
	corosync_cfg_node_address_t found[MAX_ADDRESSES];
	int n = 0;
	cs_error_t rc = corosync_cfg_get_node_addrs(handle, (unsigned)number(1), MAX_ADDRESSES, &n, found);
	say("ADDRESSES %s rc=%d n=%d", argument(1), rc, rc == CS_OK ? n : 0);
	for (int i = 0; rc == CS_OK && i < n; i++) {
		char text[INET6_ADDRSTRLEN] = "";
		const struct sockaddr *address = (const void *)found[i].address;
		if (address->sa_family == AF_INET) inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, text, sizeof text);
		else inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, text, sizeof text);
		say("ADDRESS %s", text);
	}
}

static int command(const char *verb)
{
	if (!strcmp(verb, "init")) {
		corosync_cfg_callbacks_t callbacks = {on_shutdown};
		cs_error_t rc = corosync_cfg_initialize(&handle, &callbacks);
		fd = -1;
		if (rc == CS_OK) corosync_cfg_fd_get(handle, &fd);
		say("INIT rc=%d pid=%d", rc, (int)getpid());
	} else if (!strcmp(verb, "fd")) {
		int got = -1;
		cs_error_t rc = corosync_cfg_fd_get(handle, &got);
		say("FD rc=%d %s", rc, got >= 0 ? "open" : "none");
	} else if (!strcmp(verb, "local")) {
		unsigned nodeid = 0;
		cs_error_t rc = corosync_cfg_local_get(handle, &nodeid);
		say("LOCAL rc=%d node=%u", rc, nodeid);
	} else if (!strcmp(verb, "rings")) {
		rings();
	} else if (!strcmp(verb, "status")) {
		node_status();
	} else if (!strcmp(verb, "addresses")) {
		addresses();
	} else if (!strcmp(verb, "kill")) {
		say("KILL %s rc=%d", argument(1), corosync_cfg_kill_node(handle, (unsigned)number(1), argument(2)));
	} else if (!strcmp(verb, "shutdown")) {
		say("SHUTDOWN %s rc=%d", argument(1), corosync_cfg_try_shutdown(handle, (corosync_cfg_shutdown_flags_t)number(1)));
	} else if (!strcmp(verb, "reply")) {
		say("REPLY %s rc=%d", argument(1), corosync_cfg_replyto_shutdown(handle, (corosync_cfg_shutdown_reply_flags_t)number(1)));
	} else if (!strcmp(verb, "answer")) {
		answer = strcmp(argument(1), "none") ? (int)number(1) : -1;
	} else if (!strcmp(verb, "track")) {
		say("TRACK rc=%d", corosync_cfg_trackstart(handle, 0));
	} else if (!strcmp(verb, "untrack")) {
		say("UNTRACK rc=%d", corosync_cfg_trackstop(handle));
	} else if (!strcmp(verb, "reload")) {
		say("RELOAD rc=%d", corosync_cfg_reload_config(handle));
	} else if (!strcmp(verb, "reopen")) {
		say("REOPEN rc=%d", corosync_cfg_reopen_log_files(handle));
	} else if (!strcmp(verb, "finalize")) {
		fd = -1;
		say("FINALIZE rc=%d", corosync_cfg_finalize(handle));
	} else {
		return 0;
	}
	return 1;
}
