#include "connect.h"
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* "a:1", "[::1]:1", "::1", "a" into host and port; the port stays when there is none. */
static bool split(const char *target, char host[256], char port[32])
{
    const char *colon = strrchr(target, ':'), *bracket = strchr(target, ']');
    size_t length = strlen(target);
    if (target[0] == '[' && bracket) {
        colon = bracket[1] == ':' ? bracket + 1 : NULL;
        length = (size_t)(bracket - target) - 1;
        target++;
    } else if (colon && strchr(target, ':') == colon) {
        length = (size_t)(colon - target);
    } else {
        colon = NULL;
    }
    if (colon && (!colon[1] || strlen(colon + 1) > 31))
        return false;
    if (colon)
        strcpy(port, colon + 1);
    snprintf(host, 256, "%.*s", (int)length, target);
    return length > 0 && length < 256;
}

/* The connection's own error, 0 when it stands, or ETIMEDOUT. */
static int wait_connected(int s, double limit_s, const volatile sig_atomic_t *stop)
{
    for (double waited = 0; waited < limit_s && !*stop; waited += 0.1) {
        struct pollfd p = {.fd = s, .events = POLLOUT};
        if (poll(&p, 1, 100) <= 0)
            continue;
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &size);
        return error;
    }
    return ETIMEDOUT;
}

/* A peer that vanished without a word is noticed after about ten seconds. */
static void keep_alive(int s)
{
    const int on = 1, idle = 5, every = 2, count = 3;
    setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(s, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(s, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof every);
    setsockopt(s, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

static int connect_one(const struct addrinfo *address, double limit_s, const volatile sig_atomic_t *stop)
{
    int s = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->ai_protocol);
    if (s < 0)
        return -1;
    int error = connect(s, address->ai_addr, address->ai_addrlen) ? errno : 0;
    if (error == EINPROGRESS)
        error = wait_connected(s, limit_s, stop);
    if (!error) {
        keep_alive(s);
        return s;
    }
    close(s);
    errno = error;
    return -1;
}

int connect_to(const char *target, const char *port, double limit_s, const volatile sig_atomic_t *stop, char why[256])
{
    char host[256], service[32];
    struct addrinfo *list = NULL, hints = {.ai_socktype = SOCK_STREAM};
    int s = -1;
    snprintf(service, sizeof service, "%s", port);
    if (!split(target, host, service)) {
        snprintf(why, 256, "\"%.100s\" is no HOST[:PORT]", target);
        return -1;
    }
    int error = getaddrinfo(host, service, &hints, &list);
    if (error)
        snprintf(why, 256, "%.100s: %.100s", target, gai_strerror(error));
    for (struct addrinfo *a = list; a && s < 0 && !*stop; a = a->ai_next) {
        s = connect_one(a, limit_s, stop);
        snprintf(why, 256, "%.100s port %s: %.80s", host, service, strerror(errno));
    }
    if (list)
        freeaddrinfo(list);
    if (*stop)
        why[0] = 0;
    return s;
}

bool connect_send(int s, const char *text)
{
    for (size_t left = strlen(text); left;) {
        struct pollfd p = {.fd = s, .events = POLLOUT};
        if (poll(&p, 1, 5000) <= 0)
            return false;
        ssize_t n = send(s, text, left, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return false;
        text += n > 0 ? n : 0;
        left -= n > 0 ? (size_t)n : 0;
    }
    return true;
}
