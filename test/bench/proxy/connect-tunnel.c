/*
 * wrk knows no proxies. Loaded by LD_PRELOAD, this opens a CONNECT tunnel in each connect() to the tool's port:
 * TUNNEL_TOOL_PORT    the port
 * TUNNEL_PROXY_PORT   the port of the proxy on 127.0.0.1
 * TUNNEL_REQUEST      the CONNECT with its headers and the empty line
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef int (*connect_function)(int, const struct sockaddr *, socklen_t);

/* Reads the response's headers and not a byte of what follows. */
static int is_accepted(int fd) {
  char head[4096];
  size_t length = 0;
  while (length < sizeof head - 1 && read(fd, head + length, 1) == 1) {
    head[++length] = 0;
    if (length >= 4 && strcmp(head + length - 4, "\r\n\r\n") == 0) {
      if (strncmp(head, "HTTP/1.1 200", 12) == 0) return 1;
      break;
    }
  }
  fprintf(stderr, "no tunnel: %.*s\n", (int)length, head);
  return 0;
}

int connect(int fd, const struct sockaddr *address, socklen_t size) {
  connect_function original = (connect_function)dlsym(RTLD_NEXT, "connect");
  struct sockaddr_in to;
  if (address->sa_family != AF_INET) return original(fd, address, size);
  memcpy(&to, address, sizeof to);
  if (ntohs(to.sin_port) != atoi(getenv("TUNNEL_TOOL_PORT"))) return original(fd, address, size);
  const char *request = getenv("TUNNEL_REQUEST");
  ssize_t length = strlen(request);
  int flags = fcntl(fd, F_GETFL);
  to.sin_port = htons(atoi(getenv("TUNNEL_PROXY_PORT")));
  fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
  int is_open = original(fd, (struct sockaddr *)&to, sizeof to) == 0 && write(fd, request, length) == length && is_accepted(fd);
  fcntl(fd, F_SETFL, flags);
  if (!is_open) errno = ECONNREFUSED;
  return is_open ? 0 : -1;
}
