/* Both sources in one small process, so quick that it is never what a benchmark measures.
 *
 *   mock PORT RECORDS
 *
 * RECORDS has a line for each record: its path's last part, a tab, its JSON. Served are
 *
 *   GET /api/crm/crmopportunities/{id}                        one Nexudus record
 *   GET /api/crm/crmopportunities?CrmOpportunity_Id=[1,2]&... those that exist, in Nexudus' page
 *   GET /v1/opportunities/{uuid}                              one ChartMogul record
 *   GET /control?ms=20                                        sets the latency of all that follow; the counts, and zeroes them
 *
 * One thread, epoll, HTTP/1.1 with keep-alive. All answers are late by the same time, so they leave in the order in
 * which they were asked for, and one queue and one timer are enough.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <search.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { MOST_CONNECTIONS = 16384, MOST_BYTES = 16384, QUEUE = 1 << 16, MOST_LISTED = 100 };

typedef struct { char *text; int length; } Text;
typedef struct { char bytes[MOST_BYTES + 1]; int length; uint32_t generation; int open; } Connection;
typedef struct { uint64_t due; int socket; uint32_t generation; Text reply; } Late;

static Connection *connections[MOST_CONNECTIONS];
static Late queue[QUEUE];
static uint32_t first, last;
static uint64_t latency, gets, lists, chartmogul, refused;
static int timer;

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static Text reply_of(const char *status, const char *body, int length) {
    Text reply = { malloc(length + 200), 0 };
    reply.length = sprintf(reply.text, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
                           status, length);
    memcpy(reply.text + reply.length, body, length);
    reply.length += length;
    return reply;
}

static void read_records(const char *path) {
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    if (!file || !hcreate(10000)) { perror(path); exit(1); }
    while ((length = getline(&line, &room, file)) > 0) {
        char *tab = strchr(line, '\t');
        if (!tab) continue;
        *tab = 0;
        Text *body = malloc(sizeof *body);
        body->length = length - (tab + 1 - line) - 1;
        body->text = strndup(tab + 1, body->length);
        hsearch((ENTRY){ strdup(line), body }, ENTER);
    }
    fclose(file);
}

static Text *record(const char *name) {
    ENTRY *found = hsearch((ENTRY){ (char *)name, NULL }, FIND);
    return found ? found->data : NULL;
}

static void send_all(int socket, Text reply) {
    while (reply.length > 0) {
        ssize_t sent = send(socket, reply.text, reply.length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            struct pollfd writable = { socket, POLLOUT, 0 };
            if (poll(&writable, 1, 1000) <= 0) return;
            continue;
        }
        if (sent < 0) return;
        reply.text += sent;
        reply.length -= sent;
    }
}

static void set_timer(uint64_t due) {
    struct itimerspec when = { { 0, 0 }, { due / 1000000000ull, due % 1000000000ull } };
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void answer(int socket, Text reply) {
    if (!latency) {
        send_all(socket, reply);
        free(reply.text);
        return;
    }
    uint64_t due = now() + latency;
    if (first == last) set_timer(due);
    queue[last++ % QUEUE] = (Late){ due, socket, connections[socket]->generation, reply };
}

static void send_late(void) {
    uint64_t expirations;
    if (read(timer, &expirations, sizeof expirations) < 0) { /* it was set anew meanwhile */ }
    while (first != last) {
        Late *late = &queue[first % QUEUE];
        if (late->due > now()) { set_timer(late->due); return; }
        Connection *connection = connections[late->socket];
        if (connection->open && connection->generation == late->generation) send_all(late->socket, late->reply);
        free(late->reply.text);
        first++;
    }
}

static Text page(const char *ids) {
    static char body[MOST_LISTED * 4096];
    int length = sprintf(body, "{\"Records\":["), count = 0;
    while (*ids && *ids != '&' && *ids != ' ' && count < MOST_LISTED) {
        if (*ids == '%') { ids += 3; continue; }
        char name[24];
        int digits = strspn(ids, "0123456789");
        if (!digits || digits > 20) { ids++; continue; }
        memcpy(name, ids, digits);
        name[digits] = 0;
        ids += digits;
        Text *found = record(name);
        if (!found) continue;
        if (count++) body[length++] = ',';
        memcpy(body + length, found->text, found->length);
        length += found->length;
    }
    length += sprintf(body + length, "],\"CurrentPage\":1,\"CurrentPageSize\":%d,\"TotalItems\":%d,\"TotalPages\":1,"
                      "\"HasNextPage\":false,\"HasPreviousPage\":false}", MOST_LISTED, count);
    return reply_of("200 OK", body, length);
}

static Text counts(const char *path) {
    char body[200];
    const char *ms = strstr(path, "ms=");
    int length = sprintf(body, "{\"gets\":%lu,\"lists\":%lu,\"chartmogul\":%lu,\"refused\":%lu}", gets, lists, chartmogul, refused);
    gets = lists = chartmogul = refused = 0;
    if (ms) latency = strtoull(ms + 3, NULL, 10) * 1000000ull;
    return reply_of("200 OK", body, length);
}

static void handle(int socket, char *head) {
    static const char NEXUDUS[] = "/api/crm/crmopportunities", CHARTMOGUL[] = "/v1/opportunities/";
    static const char IDS[] = "CrmOpportunity_Id=";
    char *path = strchr(head, ' '), *end = path ? strpbrk(path + 1, " \r") : NULL, *ids;
    if (!end) return;
    path++;
    int is_authorized = strcasestr(end, "\r\nauthorization:") != NULL;
    *end = 0;
    if (!strncmp(path, "/control", 8)) {
        Text reply = counts(path);
        send_all(socket, reply);
        free(reply.text);
        return;
    }
    Text *found = NULL;
    if (!is_authorized) {
        refused++;
        answer(socket, reply_of("401 Unauthorized", "{}", 2));
        return;
    }
    if (!strncmp(path, NEXUDUS, sizeof NEXUDUS - 1)) {
        if ((ids = strstr(path, IDS))) {
            lists++;
            answer(socket, page(ids + sizeof IDS - 1));
            return;
        }
        gets++;
        found = record(path + sizeof NEXUDUS);
    } else if (!strncmp(path, CHARTMOGUL, sizeof CHARTMOGUL - 1)) {
        chartmogul++;
        found = record(path + sizeof CHARTMOGUL - 1);
    }
    answer(socket, found ? reply_of("200 OK", found->text, found->length) : reply_of("404 Not Found", "{}", 2));
}

static void receive(int socket) {
    Connection *connection = connections[socket];
    ssize_t got = recv(socket, connection->bytes + connection->length, MOST_BYTES - connection->length, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        connection->open = 0;
        close(socket);
        return;
    }
    connection->length += got;
    connection->bytes[connection->length] = 0;
    char *head = connection->bytes, *end;
    while ((end = strstr(head, "\r\n\r\n"))) {
        *end = 0;
        handle(socket, head);
        head = end + 4;
    }
    connection->length -= head - connection->bytes;
    memmove(connection->bytes, head, connection->length + 1);
    if (connection->length == MOST_BYTES) connection->length = 0;
}

int main(int count, char **arguments) {
    if (count != 3) { fprintf(stderr, "usage: mock PORT RECORDS\n"); return 2; }
    read_records(arguments[2]);
    int yes = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poller = epoll_create1(0);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(atoi(arguments[1])) };
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (void *)&address, sizeof address) || listen(listener, 4096)) { perror("mock"); return 1; }
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct epoll_event event = { EPOLLIN, { .fd = listener } }, events[256];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    event.data.fd = timer;
    epoll_ctl(poller, EPOLL_CTL_ADD, timer, &event);
    for (;;) {
        int ready = epoll_wait(poller, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            int socket = events[i].data.fd, fresh;
            if (socket == timer) { send_late(); continue; }
            if (socket != listener) { receive(socket); continue; }
            while ((fresh = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                if (fresh >= MOST_CONNECTIONS) { close(fresh); continue; }
                setsockopt(fresh, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
                if (!connections[fresh]) connections[fresh] = calloc(1, sizeof(Connection));
                connections[fresh]->length = 0;
                connections[fresh]->generation++;
                connections[fresh]->open = 1;
                event.events = EPOLLIN;
                event.data.fd = fresh;
                epoll_ctl(poller, EPOLL_CTL_ADD, fresh, &event);
            }
        }
    }
}
