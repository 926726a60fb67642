/* Line-driven client of libquorum (see lines.h). Calls every function of the library.
 *
 *   init                quorum_initialize
 *   init-model N        quorum_model_initialize
 *   quorate, track FLAGS, untrack, context VALUE, fd, finalize
 */
#include "lines.h"
#include <corosync/quorum.h>

static quorum_handle_t handle;
static int fd = -1;

static const char *ids(char *out, size_t room, const uint32_t *list, uint32_t n)
{
	size_t at = 0;
	out[0] = '\0';
	for (uint32_t i = 0; i < n && at < room; i++) at += (size_t)snprintf(out + at, room - at, "%s%u", i ? "," : "", list[i]);
	return out;
}

static void on_quorum_v0(quorum_handle_t h, uint32_t quorate, uint64_t seq, uint32_t n, uint32_t *view)
{
	char text[4096];
	(void)h;
	say("QUORUM0 quorate=%u seq=%" PRIu64 " view=[%s]", quorate, seq, ids(text, sizeof text, view, n));
}

static void on_quorum(quorum_handle_t h, uint32_t quorate, struct quorum_ring_id ring, uint32_t n, const uint32_t *members)
{
	char text[4096];
	(void)h;
	say("QUORUM quorate=%u ring=%u.%" PRIu64 " members=[%s]", quorate, ring.nodeid, ring.seq, ids(text, sizeof text, members, n));
}

static void on_nodelist(quorum_handle_t h, struct quorum_ring_id ring, uint32_t nm, const uint32_t *m, uint32_t nj, const uint32_t *j,
			uint32_t nl, const uint32_t *l)
{
	char members[4096], joined[4096], left[4096];
	(void)h;
	say("NODELIST ring=%u.%" PRIu64 " members=[%s] joined=[%s] left=[%s]", ring.nodeid, ring.seq, ids(members, sizeof members, m, nm),
	    ids(joined, sizeof joined, j, nj), ids(left, sizeof left, l, nl));
}

static int descriptor(void) { return fd; }

static cs_error_t dispatch(cs_dispatch_flags_t flags) { return quorum_dispatch(handle, flags); }

static int command(const char *verb)
{
	if (!strcmp(verb, "init") || !strcmp(verb, "init-model")) {
		uint32_t type = 99;
		cs_error_t rc;
		if (!strcmp(verb, "init")) {
			quorum_callbacks_t callbacks = {on_quorum_v0};
			rc = quorum_initialize(&handle, &callbacks, &type);
		} else if (number(1) == QUORUM_MODEL_V0) {
			quorum_model_v0_data_t model = {QUORUM_MODEL_V0, on_quorum_v0};
			rc = quorum_model_initialize(&handle, QUORUM_MODEL_V0, (quorum_model_data_t *)&model, &type, NULL);
		} else {
			quorum_model_v1_data_t model = {(quorum_model_t)number(1), on_quorum, on_nodelist};
			rc = quorum_model_initialize(&handle, (quorum_model_t)number(1), (quorum_model_data_t *)&model, &type, NULL);
		}
		fd = -1;
		if (rc == CS_OK) quorum_fd_get(handle, &fd);
		say("INIT rc=%d type=%u pid=%d", rc, type, (int)getpid());
	} else if (!strcmp(verb, "quorate")) {
		int quorate = -1;
		cs_error_t rc = quorum_getquorate(handle, &quorate);
		say("QUORATE rc=%d %d", rc, quorate);
	} else if (!strcmp(verb, "track")) {
		say("TRACK %s rc=%d", argument(1), quorum_trackstart(handle, (unsigned)number(1)));
	} else if (!strcmp(verb, "untrack")) {
		say("UNTRACK rc=%d", quorum_trackstop(handle));
	} else if (!strcmp(verb, "context")) {
		const void *was = NULL, *now = NULL;
		cs_error_t first = quorum_context_get(handle, &was);
		cs_error_t second = quorum_context_set(handle, (void *)(uintptr_t)number(1));
		cs_error_t third = quorum_context_get(handle, &now);
		say("CONTEXT rc=%d,%d,%d was=%" PRIuPTR " now=%" PRIuPTR, first, second, third, (uintptr_t)was, (uintptr_t)now);
	} else if (!strcmp(verb, "fd")) {
		int got = -1;
		cs_error_t rc = quorum_fd_get(handle, &got);
		say("FD rc=%d %s", rc, got >= 0 ? "open" : "none");
	} else if (!strcmp(verb, "finalize")) {
		fd = -1;
		say("FINALIZE rc=%d", quorum_finalize(handle));
	} else {
		return 0;
	}
	return 1;
}
