/* The floor of `make bench`: one send() for each watcher and event, in C, and nothing else.

   usage: floor PORT MQTT_URL
   It speaks the part of MQTT, WebSocket and socket.io that the load client needs, and passes payloads
   on unchanged. It is no real server: no checks, no pings, and a slow watcher holds up all others. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 1 << 17, BUFFER = 1 << 20 };

/* The answer to the load client's fixed key (RFC 6455 1.3), and the open packet. */
static const char SWITCHED[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

static int watchers[MOST], count, epoll, broker;
static uint8_t buffer[BUFFER], stage[MOST];
static size_t kept;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static size_t head(uint8_t *out, size_t size) {
    out[0] = 0x81;
    if (size < 126) return out[1] = size, 2;
    out[1] = 126;
    out[2] = size >> 8;
    out[3] = size;
    return 4;
}

static void text(int fd, const char *packet) {
    uint8_t frame[256];
    size_t at = head(frame, strlen(packet));
    memcpy(frame + at, packet, strlen(packet));
    if (send(fd, frame, at + strlen(packet), MSG_NOSIGNAL) < 0) perror("send");
}

static void add(int fd) {
    struct epoll_event interest = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &interest);
}

static void deliver(const uint8_t *payload, size_t size) {
    static uint8_t packet[1 << 16];
    const char *before = "42[\"build\",";
    size_t whole = size + strlen(before) + 1, at = head(packet, whole);
    memcpy(packet + at, before, strlen(before));
    memcpy(packet + at + strlen(before), payload, size);
    packet[at + whole - 1] = ']';
    for (int i = 0; i < count; i++)
        if (send(watchers[i], packet, at + whole, MSG_NOSIGNAL) < 0) perror("send");
}

static size_t string(uint8_t *out, const char *value) {
    size_t size = strlen(value);
    out[0] = size >> 8;
    out[1] = size;
    memcpy(out + 2, value, size);
    return size + 2;
}

static void subscribe(const char *url) { /* MQTT 3.1.1 */
    char user[64], password[64], host[64];
    struct sockaddr_in to = {.sin_family = AF_INET};
    uint8_t packet[256] = {0x10, 0}, *end;
    int number;
    if (sscanf(url, "mqtt://%63[^:]:%63[^@]@%63[^:]:%d", user, password, host, &number) != 4)
        fail(url);
    to.sin_port = htons(number);
    inet_pton(AF_INET, host, &to.sin_addr);
    broker = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(broker, (void *)&to, sizeof to)) fail("connect");
    end = packet + 2 + string(packet + 2, "MQTT");
    memcpy(end, "\x04\xc2\x00\x00", 4); /* no keep-alive */
    end += 4;
    end += string(end, "floor");
    end += string(end, user);
    end += string(end, password);
    packet[1] = end - packet - 2;
    if (write(broker, packet, end - packet) < 0 || read(broker, packet, 4) != 4) fail("connect");
    memcpy(packet, "\x82\x0d\x00\x01", 4);
    end = packet + 4 + string(packet + 4, "builds/#");
    *end++ = 0;
    if (write(broker, packet, end - packet) < 0 || read(broker, packet, 5) != 5) fail("subscribe");
}

static void published(void) {
    ssize_t more = read(broker, buffer + kept, BUFFER - kept);
    size_t at = 0, size = kept + more;
    if (more <= 0) fail("broker");
    for (;;) {
        size_t length = 0, digits = 1;
        for (;; digits++) {
            if (at + digits >= size) goto rest;
            length |= (size_t)(buffer[at + digits] & 0x7f) << 7 * (digits - 1);
            if (!(buffer[at + digits] & 0x80)) break;
        }
        uint8_t *body = buffer + at + 1 + digits;
        if (at + 1 + digits + length > size) break;
        if (buffer[at] >> 4 == 3) {
            size_t topic = 2 + (body[0] << 8 | body[1]);
            deliver(body + topic, length - topic);
        }
        at += 1 + digits + length;
    }
rest:
    kept = size - at;
    memmove(buffer, buffer + at, kept);
}

/* Answers each message of the load client in turn. */
static void hear(int fd) {
    static uint8_t heard[4096];
    if (recv(fd, heard, sizeof heard, 0) <= 0) {
        if (stage[fd]) exit(0); /* the load client is done */
        close(fd);
        return;
    }
    switch (stage[fd]++) {
    case 0:
        if (send(fd, SWITCHED, sizeof SWITCHED - 1, MSG_NOSIGNAL) < 0) perror("send");
        text(fd, "0{\"sid\":\"a\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000}");
        break;
    case 1:
        text(fd, "40{\"sid\":\"a\"}");
        break;
    case 2:
        text(fd, "430[{}]");
        watchers[count++] = fd;
    }
}

int main(int argc, char **argv) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event ready[256];
    struct rlimit files;
    int on = 1, door = socket(AF_INET, SOCK_STREAM, 0);
    if (argc != 3) return fprintf(stderr, "usage: floor PORT MQTT_URL\n"), 2;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    epoll = epoll_create1(0);
    subscribe(argv[2]);
    add(broker);
    at.sin_port = htons(atoi(argv[1]));
    setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(door, (void *)&at, sizeof at) || listen(door, 1024)) fail("bind");
    add(door);
    for (;;) {
        int found = epoll_wait(epoll, ready, 256, -1);
        for (int i = 0; i < found; i++) {
            int fd = ready[i].data.fd;
            if (fd == broker) {
                published();
            } else if (fd == door) {
                fd = accept(door, NULL, NULL);
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                add(fd);
            } else {
                hear(fd);
            }
        }
    }
}
