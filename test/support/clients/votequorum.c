/* Line-driven client of libvotequorum (see lines.h). Calls every function of the library.
 *
 *   init, info NODE, expected VOTES, votes NODE VOTES, track CONTEXT FLAGS, untrack
 *   register NAME, unregister NAME, update OLD NEW, master-wins NAME 0|1
 *   poll NAME VOTE [NODE.SEQ]   with that ring, or with the one that the last notification named
 *   context VALUE, fd, finalize
 */
#include "lines.h"
#include <corosync/votequorum.h>

static votequorum_handle_t handle;
static votequorum_ring_id_t ring;
static int fd = -1;

static void on_quorum(votequorum_handle_t h, uint64_t context, uint32_t quorate, uint32_t n, votequorum_node_t nodes[])
{
	char text[4096];
	size_t at = 0;
	(void)h;
	text[0] = '\0';
	for (uint32_t i = 0; i < n && at < sizeof text; i++)
		at += (size_t)snprintf(text + at, sizeof text - at, "%s%u:%u", i ? "," : "", nodes[i].nodeid, nodes[i].state);
	say("QUORUM context=%" PRIu64 " quorate=%u nodes=[%s]", context, quorate, text);
}

static void on_expected(votequorum_handle_t h, uint64_t context, uint32_t expected)
{
	(void)h;
	say("EXPECTED context=%" PRIu64 " votes=%u", context, expected);
}

static void on_nodelist(votequorum_handle_t h, uint64_t context, votequorum_ring_id_t id, uint32_t n, uint32_t nodes[])
{
	char text[4096];
	size_t at = 0;
	(void)h;
	ring = id;
	text[0] = '\0';
	for (uint32_t i = 0; i < n && at < sizeof text; i++) at += (size_t)snprintf(text + at, sizeof text - at, "%s%u", i ? "," : "", nodes[i]);
	say("NODELIST context=%" PRIu64 " ring=%u.%" PRIu64 " nodes=[%s]", context, id.nodeid, id.seq, text);
}

static int descriptor(void) { return fd; }

static cs_error_t dispatch(cs_dispatch_flags_t flags) { return votequorum_dispatch(handle, flags); }

static void poll_device(void)
{
	votequorum_ring_id_t id = ring;
	unsigned nodeid;
	unsigned long seq;
	if (words > 3 && sscanf(word[3], "%u.%lu", &nodeid, &seq) == 2) {
		id.nodeid = nodeid;
		id.seq = seq;
	}
	say("POLL %s rc=%d", argument(1), votequorum_qdevice_poll(handle, argument(1), (unsigned)number(2), id));
}

static int command(const char *verb)
{
	if (!strcmp(verb, "init")) {
		votequorum_callbacks_t callbacks = {on_quorum, on_expected, on_nodelist};
		cs_error_t rc = votequorum_initialize(&handle, &callbacks);
		fd = -1;
		if (rc == CS_OK) votequorum_fd_get(handle, &fd);
		say("INIT rc=%d pid=%d", rc, (int)getpid());
	} else if (!strcmp(verb, "info")) {
		struct votequorum_info i;
		memset(&i, 0, sizeof i);
		cs_error_t rc = votequorum_getinfo(handle, (unsigned)number(1), &i);
		if (rc != CS_OK) say("INFO %s rc=%d", argument(1), rc);
		else
			say("INFO %s rc=%d node=%u state=%u votes=%u expected=%u highest=%u total=%u quorum=%u flags=%u device=%u:%s", argument(1), rc,
			    i.node_id, i.node_state, i.node_votes, i.node_expected_votes, i.highest_expected, i.total_votes, i.quorum, i.flags,
			    i.qdevice_votes, i.qdevice_name);
	} else if (!strcmp(verb, "expected")) {
		say("EXPECTED_SET %s rc=%d", argument(1), votequorum_setexpected(handle, (unsigned)number(1)));
	} else if (!strcmp(verb, "votes")) {
		say("VOTES_SET %s %s rc=%d", argument(1), argument(2), votequorum_setvotes(handle, (unsigned)number(1), (unsigned)number(2)));
	} else if (!strcmp(verb, "track")) {
		say("TRACK %s rc=%d", argument(2), votequorum_trackstart(handle, number(1), (unsigned)number(2)));
	} else if (!strcmp(verb, "untrack")) {
		say("UNTRACK rc=%d", votequorum_trackstop(handle));
	} else if (!strcmp(verb, "register")) {
		say("REGISTER %s rc=%d", argument(1), votequorum_qdevice_register(handle, argument(1)));
	} else if (!strcmp(verb, "unregister")) {
		say("UNREGISTER %s rc=%d", argument(1), votequorum_qdevice_unregister(handle, argument(1)));
	} else if (!strcmp(verb, "update")) {
		say("UPDATE %s %s rc=%d", argument(1), argument(2), votequorum_qdevice_update(handle, argument(1), argument(2)));
	} else if (!strcmp(verb, "master-wins")) {
		say("MASTER_WINS %s rc=%d", argument(1), votequorum_qdevice_master_wins(handle, argument(1), (unsigned)number(2)));
	} else if (!strcmp(verb, "poll")) {
		poll_device();
	} else if (!strcmp(verb, "context")) {
		void *was = NULL, *now = NULL;
		cs_error_t first = votequorum_context_get(handle, &was);
		cs_error_t second = votequorum_context_set(handle, (void *)(uintptr_t)number(1));
		cs_error_t third = votequorum_context_get(handle, &now);
		say("CONTEXT rc=%d,%d,%d was=%" PRIuPTR " now=%" PRIuPTR, first, second, third, (uintptr_t)was, (uintptr_t)now);
	} else if (!strcmp(verb, "fd")) {
		int got = -1;
		cs_error_t rc = votequorum_fd_get(handle, &got);
		say("FD rc=%d %s", rc, got >= 0 ? "open" : "none");
	} else if (!strcmp(verb, "finalize")) {
		fd = -1;
		say("FINALIZE rc=%d", votequorum_finalize(handle));
	} else {
		return 0;
	}
	return 1;
}
