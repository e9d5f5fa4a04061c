/* For tests: pcscd polls its readers every 400 ms (compiled in) and vpcd leaves Nagle's algorithm on. Preloaded into a
 * private pcscd, this shortens the poll to PCSCD_POLL_MS (10 by default) and sets TCP_NODELAY on what vpcd accepts. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

static long poll_ns(void)
{
    static long ns;
    if (ns == 0) {
        const char *ms = getenv("PCSCD_POLL_MS");
        ns = (ms ? atol(ms) : 10) * 1000000L;
    }
    return ns;
}

int nanosleep(const struct timespec *wanted, struct timespec *left)
{
    static int (*real)(const struct timespec *, struct timespec *);
    if (!real)
        real = (int (*)(const struct timespec *, struct timespec *))dlsym(RTLD_NEXT, "nanosleep");
    if (wanted && wanted->tv_sec == 0 && wanted->tv_nsec == 400000000L) {
        struct timespec shorter = {poll_ns() / 1000000000L, poll_ns() % 1000000000L};
        return real(&shorter, left);
    }
    return real(wanted, left);
}

int usleep(unsigned int us)
{
    struct timespec wanted = {us / 1000000, (us % 1000000) * 1000L};
    return nanosleep(&wanted, NULL);
}

int accept(int listener, struct sockaddr *address, socklen_t *length)
{
    static int (*real)(int, struct sockaddr *, socklen_t *);
    int one = 1, connection;
    if (!real)
        real = (int (*)(int, struct sockaddr *, socklen_t *))dlsym(RTLD_NEXT, "accept");
    connection = real(listener, address, length);
    if (connection >= 0)
        setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* fails on UNIX sockets, which is fine */
    return connection;
}
