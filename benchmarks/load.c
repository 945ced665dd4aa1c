/* The load client of `make bench`: many socket.io watchers in one epoll thread.

   usage: load PORT SERVER_PID FILTER
   Commands on standard input, one JSON line back for each:
     open COUNT       opens so many more watchers by WebSocket, 64 handshakes at a time
     measure SECONDS  counts the `build` events of all that come in
     pictures         tells how many watchers agree on the newest `seq` of each build, b0 to b7
     stall COUNT      stops reading from so many of those that were opened last
   With TOKEN in the environment each watcher shows that. A watcher is there when its `watch` is
   acknowledged. The CPU time of the server is that of all
   its threads. An event carries the time of its publishing as "by":"NANOSECONDS" since 1970. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUILDS = 20, AT_ONCE = 64, READY_EVENTS = 256, BUFFER = 4 << 20, BIN_NS = 10000, BINS = 1000000 };
enum stage { HANDSHAKE, OPENING, CONNECTING, ASKING, WATCHING };

struct watcher {
    int fd;
    enum stage stage;
    uint32_t kept; /* bytes of an unfinished frame */
    uint8_t *rest;
    uint32_t seq[BUILDS];
};

static int port, epoll, shaking, lost;
static pid_t server;
static const char *filter, *token;
static struct watcher *watchers[1 << 17];
static int opened, watching;
static uint8_t buffer[BUFFER];
static uint64_t events, event_bytes, reads;
static uint32_t latencies[BINS];

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static double now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static double cpu_seconds(void) { /* proc(5): utime and stime are the fields 14 and 15 */
    char path[64], text[1024], *field;
    unsigned long utime, stime;
    snprintf(path, sizeof path, "/proc/%d/stat", server);
    FILE *file = fopen(path, "r");
    if (!file) fail(path);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    field = strrchr(text, ')');
    if (!field || sscanf(field, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &utime,
                         &stime) != 2)
        fail("stat");
    return (double)(utime + stime) / sysconf(_SC_CLK_TCK);
}

static void say(struct watcher *w, const char *text) { /* a masked text frame, RFC 6455 5.2 */
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    uint8_t frame[128];
    size_t size = strlen(text);
    frame[0] = 0x81;
    frame[1] = 0x80 | size;
    memcpy(frame + 2, mask, 4);
    for (size_t i = 0; i < size; i++) frame[6 + i] = text[i] ^ mask[i & 3];
    if (send(w->fd, frame, size + 6, MSG_NOSIGNAL) != (ssize_t)(size + 6)) fail("send");
}

static void dial(void) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct linger reset = {1, 0}; /* leaves no socket in TIME-WAIT */
    struct watcher *w = calloc(1, sizeof *w);
    struct epoll_event interest = {.events = EPOLLIN, .data.ptr = w};
    char request[512];
    int on = 1;
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    w->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (w->fd < 0 || connect(w->fd, (void *)&to, sizeof to)) fail("connect");
    setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    int size = snprintf(request, sizeof request,
                        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"
                        "Host: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                        "Sec-WebSocket-Version: 13\r\n%s%s%s\r\n",
                        port, token ? "Authorization: Bearer " : "", token ? token : "",
                        token ? "\r\n" : "");
    if (send(w->fd, request, size, MSG_NOSIGNAL) != size) fail("send");
    epoll_ctl(epoll, EPOLL_CTL_ADD, w->fd, &interest);
    watchers[opened++] = w;
    shaking++;
}

static void count(struct watcher *w, const uint8_t *text, size_t size) {
    const uint8_t *build = memmem(text, size, "\"build\":\"b", 10), *by, *seq;
    unsigned long number = build ? strtoul((const char *)build + 10, NULL, 10) : BUILDS;
    if (number < BUILDS && (seq = memmem(text, size, "\"seq\":", 6)))
        w->seq[number] = strtoul((const char *)seq + 6, NULL, 10);
    by = memmem(text, size, "\"by\":\"", 6);
    if (!by) return; /* not of this load */
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    int64_t taken = t.tv_sec * 1000000000LL + t.tv_nsec - strtoll((const char *)by + 6, NULL, 10);
    int64_t bin = taken < 0 ? 0 : taken / BIN_NS;
    latencies[bin < BINS ? bin : BINS - 1]++;
    events++;
    event_bytes += size;
}

static int begins(const uint8_t *text, size_t size, const char *with) {
    return size >= strlen(with) && !memcmp(text, with, strlen(with));
}

static void take(struct watcher *w, const uint8_t *text, size_t size) { /* an Engine.IO packet */
    char ask[100];
    if (begins(text, size, "42[\"build\"")) {
        count(w, text, size);
    } else if (begins(text, size, "2")) {
        say(w, "3");
    } else if (begins(text, size, "0") && w->stage == OPENING) {
        say(w, "40");
        w->stage = CONNECTING;
    } else if (begins(text, size, "40") && w->stage == CONNECTING) {
        snprintf(ask, sizeof ask, "420[\"watch\",\"%s\"]", filter);
        say(w, ask);
        w->stage = ASKING;
    } else if (begins(text, size, "430") && w->stage == ASKING) {
        w->stage = WATCHING;
        watching++;
        shaking--;
    }
}

/* Handles the whole frames in `data`; returns their length in bytes. */
static size_t frames(struct watcher *w, const uint8_t *data, size_t size) {
    size_t at = 0;
    while (size - at >= 2) {
        size_t length = data[at + 1] & 0x7f, head = 2;
        if (length == 126) head = 4;
        if (length == 127) head = 10;
        if (size - at < head) break;
        if (head > 2)
            for (size_t i = length = 0; i < head - 2; i++) length = length << 8 | data[at + 2 + i];
        if (size - at < head + length) break;
        if ((data[at] & 0x0f) == 1) take(w, data + at + head, length);
        at += head + length;
    }
    return at;
}

static void hear(struct watcher *w) {
    size_t size = w->kept, done = 0;
    if (w->kept) memcpy(buffer, w->rest, w->kept);
    ssize_t more = recv(w->fd, buffer + size, BUFFER - size, 0);
    if (more <= 0) {
        close(w->fd);
        if (w->stage != WATCHING) fail("a handshake");
        w->fd = -1;
        lost++;
        return;
    }
    reads++;
    size += more;
    if (w->stage == HANDSHAKE) {
        uint8_t *end = memmem(buffer, size, "\r\n\r\n", 4);
        if (end && memcmp(buffer, "HTTP/1.1 101", 12)) fail("not switched");
        if (end) w->stage = OPENING, done = end + 4 - buffer;
    }
    if (w->stage != HANDSHAKE) done += frames(w, buffer + done, size - done);
    w->kept = size - done;
    free(w->rest);
    w->rest = w->kept ? malloc(w->kept) : NULL;
    if (w->kept) memcpy(w->rest, buffer + done, w->kept);
}

/* Serves all watchers once; true when there is a command. */
static int turn(int ms) {
    struct epoll_event ready[READY_EVENTS];
    int command = 0, found = epoll_wait(epoll, ready, READY_EVENTS, ms);
    for (int i = 0; i < found; i++) {
        if (ready[i].data.ptr)
            hear(ready[i].data.ptr);
        else
            command = 1;
    }
    return command;
}

static void open_more(int more) {
    double cpu = cpu_seconds(), began = now(CLOCK_MONOTONIC);
    int all = opened + more;
    while (watching < all) {
        while (opened < all && shaking < AT_ONCE) dial();
        turn(100);
    }
    printf("{\"opened\":%d,\"seconds\":%.6f,\"cpu\":%.3f}\n", more, now(CLOCK_MONOTONIC) - began,
           cpu_seconds() - cpu);
}

static double percentile_ms(double share) {
    uint64_t before = 0;
    for (int bin = 0; bin < BINS; bin++)
        if ((before += latencies[bin]) > share * events) return (bin + 0.5) * BIN_NS / 1e6;
    return 0;
}

static void measure(double seconds) {
    memset(latencies, 0, sizeof latencies);
    events = event_bytes = reads = 0;
    double cpu = cpu_seconds(), began = now(CLOCK_MONOTONIC), left;
    while ((left = began + seconds - now(CLOCK_MONOTONIC)) > 0) turn(left * 1000 + 1);
    double took = now(CLOCK_MONOTONIC) - began;
    printf("{\"events\":%lu,\"bytes\":%lu,\"reads\":%lu,\"seconds\":%.6f,\"cpu\":%.3f,"
           "\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"lost\":%d}\n",
           events, event_bytes, reads, took, cpu_seconds() - cpu, percentile_ms(0.5),
           percentile_ms(0.99), lost);
}

static void pictures(void) {
    int alike = 0, first = 0;
    while (first < opened && watchers[first]->fd < 0) first++;
    for (int i = first; i < opened; i++)
        alike += watchers[i]->fd >= 0 && !memcmp(watchers[i]->seq, watchers[first]->seq,
                                                 sizeof watchers[i]->seq);
    printf("{\"alike\":%d,\"lost\":%d,\"seq\":[", alike, lost);
    for (int i = 0; i < BUILDS; i++)
        printf("%s%u", i ? "," : "", first < opened ? watchers[first]->seq[i] : 0);
    printf("]}\n");
}

static void stall(int count) {
    for (int i = opened - count; i < opened; i++)
        epoll_ctl(epoll, EPOLL_CTL_DEL, watchers[i]->fd, NULL);
    printf("{\"stalled\":%d}\n", count);
}

int main(int argc, char **argv) {
    struct epoll_event interest = {.events = EPOLLIN};
    struct rlimit files;
    char line[64], *end;
    size_t size = 0;
    if (argc != 4) return fprintf(stderr, "usage: load PORT SERVER_PID FILTER\n"), 2;
    port = atoi(argv[1]);
    server = atoi(argv[2]);
    filter = argv[3];
    token = getenv("TOKEN");
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    setvbuf(stdout, NULL, _IOLBF, 0);
    epoll = epoll_create1(0);
    epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &interest);
    for (;;) {
        if (!turn(-1)) continue;
        ssize_t more = read(0, line + size, sizeof line - 1 - size);
        if (more <= 0) return 0;
        line[size += more] = 0;
        if (!(end = strchr(line, '\n'))) continue;
        size = 0; /* the next command follows the answer to this one */
        if (!strncmp(line, "open ", 5)) open_more(atoi(line + 5));
        if (!strncmp(line, "measure ", 8)) measure(atof(line + 8));
        if (!strncmp(line, "pictures", 8)) pictures();
        if (!strncmp(line, "stall ", 6)) stall(atoi(line + 6));
    }
}
