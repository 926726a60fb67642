/* What the line-driven clients of the corosync libraries have in common. A client reads commands from standard input, one a
 * line, and writes one line per result and per callback. The results of a command stand between a line "!" and a line ".";
 * callbacks come between commands, when the library's descriptor becomes readable, or within `dispatch`. The client ends with
 * its input.
 *
 * Words of a command are separated by spaces; %XX in a word is a byte, % alone the empty word.
 */
#include <corosync/corotypes.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_WORDS 64
#define MAX_LINE 70000

static char *word[MAX_WORDS];
static size_t word_length[MAX_WORDS];
static int words;

/* Given by each client: */
static int descriptor(void);                     /* of the library; -1 while there is none */
static cs_error_t dispatch(cs_dispatch_flags_t); /* by the library */
static int command(const char *verb);            /* 0 when there is no such command */

/* Events are left alone while this is 0. */
static int listening = 1;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
	va_list list;
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	putchar('\n');
}

static const char *argument(int i) { return i < words ? word[i] : ""; }

static uint64_t number(int i) { return i < words ? (uint64_t)strtoll(word[i], NULL, 0) : 0; }

/* Of any bytes, 32 bits: what is said of data too long for a line. */
static inline uint32_t checksum(const void *data, size_t length)
{
	const uint8_t *p = data;
	uint32_t h = 2166136261u;
	while (length-- > 0) h = (h ^ *p++) * 16777619u;
	return h;
}

static void decode(int i)
{
	char *in = word[i], *out = word[i];
	if (strcmp(in, "%") != 0) {
		for (; *in != '\0'; in++) {
			unsigned byte;
			if (*in == '%' && sscanf(in + 1, "%2x", &byte) == 1) {
				*out++ = (char)byte;
				in += 2;
			} else {
				*out++ = *in;
			}
		}
	}
	*out = '\0';
	word_length[i] = (size_t)(out - word[i]);
}

static void run(char *line)
{
	words = 0;
	for (char *w = strtok(line, " "); w != NULL && words < MAX_WORDS; w = strtok(NULL, " ")) {
		word[words] = w;
		decode(words++);
	}
	if (words == 0) return;
	say("!");
	if (!strcmp(word[0], "listen")) {
		listening = (int)number(1);
	} else if (!strcmp(word[0], "dispatch")) {
		say("DISPATCH rc=%d", dispatch((cs_dispatch_flags_t)number(1)));
	} else if (!command(word[0])) {
		say("UNKNOWN %s", word[0]);
	}
	say(".");
}

static void events(void)
{
	cs_error_t rc = dispatch(CS_DISPATCH_ALL);
	if (rc == CS_OK) return;
	say("DISPATCH rc=%d", rc);
	say("HUP");
	listening = 0;
}

int main(void)
{
	static char input[MAX_LINE];
	size_t used = 0;
	for (;;) {
		/* Nothing is left in the buffer while waiting. */
		fflush(stdout);
		struct pollfd fds[2] = {{.fd = 0, .events = POLLIN}, {.fd = listening ? descriptor() : -1, .events = POLLIN}};
		if (poll(fds, 2, -1) < 0 && errno != EINTR) return 2;
		if (fds[1].revents != 0) events();
		if (fds[0].revents == 0) continue;
		ssize_t got = read(0, input + used, sizeof input - 1 - used);
		if (got <= 0) return 0;
		used += (size_t)got;
		char *start = input, *end;
		while ((end = memchr(start, '\n', used - (size_t)(start - input))) != NULL) {
			*end = '\0';
			run(start);
			start = end + 1;
		}
		used -= (size_t)(start - input);
		memmove(input, start, used);
	}
}
